import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Gradle looks for its modules by the names of jars, and gradle-api is one jar of all: this makes a jar for each module that
 * holds just the module's manifest. {@code java ModuleJars.java gradle-api-VERSION.jar FOLDER}
 */
final class ModuleJars {
    private static final Pattern MANIFEST = Pattern.compile("(gradle-[a-z0-9-]+)-classpath\\.properties");

    public static void main(String[] arguments) throws IOException {
        Path jar = Path.of(arguments[0]);
        Path folder = Files.createDirectories(Path.of(arguments[1]));
        String version = jar.getFileName().toString().replaceAll("^gradle-api-|\\.jar$", "");
        try (ZipFile all = new ZipFile(jar.toFile())) {
            for (ZipEntry entry : (Iterable<ZipEntry>) all.stream().map(ZipEntry.class::cast)::iterator) {
                Matcher name = MANIFEST.matcher(entry.getName());
                if (!name.matches()) continue;
                String manifest = new String(all.getInputStream(entry).readAllBytes(), StandardCharsets.ISO_8859_1);
                Path module = folder.resolve(name.group(1) + "-" + version + ".jar");
                try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(module))) {
                    out.putNextEntry(new ZipEntry(entry.getName()));
                    // What the module needs is in the one jar as well.
                    String alone = manifest.replaceAll("(?m)^runtime=.*$", "runtime=");
                    out.write(alone.getBytes(StandardCharsets.ISO_8859_1));
                }
            }
        }
    }
}

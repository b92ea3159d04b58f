package com.example.deit;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.junit.rules.ExternalResource;

/** Processors that this computer has not, as a phone's kernel tells of them. */
public final class Processors extends ExternalResource {
    /** Features of a Cortex-A53, which has no half precision. */
    public static final String A53 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid";
    /** Those of a Cortex-A55, which has it. */
    public static final String A55 =
            "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp";

    private static final String FILE = "deit.cpuinfo";

    /** A core of each of these for the rest of the test. */
    public void are(String... cores) throws IOException {
        File file = File.createTempFile("cpuinfo", null);
        file.deleteOnExit();
        System.setProperty(FILE, cpuinfo(file, cores).getPath());
    }

    /** The file, with what /proc/cpuinfo has of such cores. */
    public static File cpuinfo(File file, String... cores) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < cores.length; i++) {
            text.append("processor\t: ").append(i).append("\nBogoMIPS\t: 38.40\nFeatures\t: ").append(cores[i]);
            text.append("\nCPU implementer\t: 0x41\nCPU architecture: 8\n\n");
        }
        text.append("Hardware\t: Qualcomm Technologies, Inc\n");
        Files.write(file.toPath(), text.toString().getBytes(StandardCharsets.UTF_8));
        return file;
    }

    @Override
    protected void after() {
        System.clearProperty(FILE);
    }
}

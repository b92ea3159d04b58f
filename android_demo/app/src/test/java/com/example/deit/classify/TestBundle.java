package com.example.deit.classify;

import com.example.deit.Given;
import com.example.deit.bundle.BundleFiles;
import java.io.DataInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.json.JSONObject;

/** A real bundle on this computer, and copies of it in which something is wrong. */
final class TestBundle {
    final File folder;

    private TestBundle(File folder) {
        this.folder = folder;
    }

    /** The bundle that the build was told of: "int8" or "fp32". */
    static TestBundle of(String precision) {
        return new TestBundle(Given.bundle(precision));
    }

    File file(String name) {
        return new File(folder, name);
    }

    String text(String name) throws IOException {
        return new String(Files.readAllBytes(file(name).toPath()), StandardCharsets.UTF_8);
    }

    /** A copy in {@code folder}, whose large files are links to this one's. */
    TestBundle copyTo(File folder) throws IOException {
        for (File one : this.folder.listFiles()) {
            Files.createSymbolicLink(new File(folder, one.getName()).toPath(), one.getAbsoluteFile().toPath());
        }
        return new TestBundle(folder);
    }

    TestBundle without(String name) throws IOException {
        Files.delete(file(name).toPath());
        return this;
    }

    TestBundle with(String name, byte[] bytes) throws IOException {
        Files.deleteIfExists(file(name).toPath());
        Files.write(file(name).toPath(), bytes);
        return this;
    }

    /** The manifest has the sizes and SHA-256 of the files as they are. */
    TestBundle sealed() throws Exception {
        JSONObject manifest = new JSONObject(text("manifest.json"));
        JSONObject files = manifest.getJSONObject("files");
        for (int i = 0; i < files.names().length(); i++) {
            String name = files.names().getString(i);
            if (!file(name).exists()) continue;
            files.put(name, new JSONObject().put("bytes", file(name).length()).put("sha256", BundleFiles.sha256(file(name))));
        }
        return with("manifest.json", manifest.toString());
    }

    TestBundle with(String name, String text) throws IOException {
        return with(name, text.getBytes(StandardCharsets.UTF_8));
    }

    /** An array of golden.npz, which numpy wrote: float32, little-endian, of any shape. */
    float[] golden(String name) throws IOException {
        try (ZipFile archive = new ZipFile(file("golden.npz"))) {
            ZipEntry entry = archive.getEntry(name + ".npy");
            byte[] bytes = new byte[(int) entry.getSize()];
            try (DataInputStream stream = new DataInputStream(archive.getInputStream(entry))) {
                stream.readFully(bytes);
            }
            ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            // The format's version 1: a header of that many bytes after the first 10.
            int start = 10 + buffer.getShort(8);
            String header = new String(bytes, 10, start - 10, StandardCharsets.US_ASCII);
            if (!header.contains("'<f4'")) throw new IOException(name + " is no float32: " + header);
            float[] values = new float[(bytes.length - start) / Float.BYTES];
            buffer.position(start);
            buffer.asFloatBuffer().get(values);
            return values;
        }
    }

    byte[] head(String name, int length) throws IOException {
        byte[] bytes = new byte[length];
        try (DataInputStream stream = new DataInputStream(new FileInputStream(file(name)))) {
            stream.readFully(bytes);
        }
        return bytes;
    }
}

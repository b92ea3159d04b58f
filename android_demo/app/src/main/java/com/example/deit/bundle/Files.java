package com.example.deit.bundle;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Files and streams, whole: java.nio.file is newer than minSdk. */
final class Files {
    private static final int CHUNK = 1 << 16;

    private Files() {}

    static String text(File file) throws IOException {
        try (InputStream in = new FileInputStream(file)) {
            return text(in);
        }
    }

    static String text(InputStream in) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        copy(in, out);
        return new String(out.toByteArray(), StandardCharsets.UTF_8);
    }

    /** Writes a stream to a file, to the disk itself; gives its SHA-256 in 64 hexadecimal digits. */
    static String write(InputStream in, File file) throws IOException {
        try (FileOutputStream out = new FileOutputStream(file)) {
            String sha256 = copy(in, out);
            out.getFD().sync();
            return sha256;
        }
    }

    private static String copy(InputStream in, OutputStream out) throws IOException {
        MessageDigest digest = sha256();
        byte[] chunk = new byte[CHUNK];
        for (int count; (count = in.read(chunk)) > 0; ) {
            digest.update(chunk, 0, count);
            out.write(chunk, 0, count);
        }
        StringBuilder hex = new StringBuilder();
        for (byte b : digest.digest()) {
            hex.append(Character.forDigit(b >> 4 & 0xF, 16)).append(Character.forDigit(b & 0xF, 16));
        }
        return hex.toString();
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e); // every Android has it
        }
    }

    /** Deletes a file, or a folder with all that is in it. */
    static void delete(File file) {
        File[] inside = file.listFiles();
        if (inside != null) {
            for (File each : inside) delete(each);
        }
        file.delete();
    }
}

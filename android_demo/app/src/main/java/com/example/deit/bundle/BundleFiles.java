package com.example.deit.bundle;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;

/** The files of a bundle: names, text, SHA-256. java.nio.file, which has more, is newer than minSdk. */
public final class BundleFiles {
    public static final String LABELS = "labels.txt";
    public static final String GOLDEN = "golden.png";
    private static final int CHUNK = 1 << 16;
    private static final int MOST_TEXT = 16 << 20;

    private BundleFiles() {}

    /**
     * The name of the file that holds the network for this processor: model.nb, which is for ARM; what the system
     * property deit.model says on other computers: host.nb.
     */
    public static String network() {
        return System.getProperty("deit.model", "model.nb");
    }

    /**
     * The text of a UTF-8 file.
     *
     * @throws IOException if it cannot be read, has more than 16 MiB or is no UTF-8; the message says so of "it"
     */
    public static String text(File file) throws IOException {
        if (file.length() > MOST_TEXT) throw new IOException("it has " + file.length() + " bytes: it is of no bundle");
        try (InputStream in = new FileInputStream(file)) {
            return text(in);
        }
    }

    /** The text of a stream to its end; as that of a file. */
    static String text(InputStream in) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        copy(in, out);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(out.toByteArray())).toString();
        } catch (CharacterCodingException e) {
            throw new IOException("it is not UTF-8 text: save it as UTF-8", e);
        }
    }

    /** SHA-256 of a file, in 64 hexadecimal digits, lower case. */
    public static String sha256(File file) throws IOException {
        try (InputStream in = new FileInputStream(file)) {
            return copy(in, null);
        }
    }

    /** Writes a stream to a file, to the disk itself; gives its SHA-256. */
    static String write(InputStream in, File file) throws IOException {
        try (FileOutputStream out = new FileOutputStream(file)) {
            String sha256 = copy(in, out);
            out.getFD().sync();
            return sha256;
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

    /** Reads a stream to its end, into {@code out} unless that is null; gives its SHA-256. */
    private static String copy(InputStream in, OutputStream out) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e); // every Android has it
        }
        byte[] chunk = new byte[CHUNK];
        for (int count; (count = in.read(chunk)) > 0; ) {
            digest.update(chunk, 0, count);
            if (out != null) out.write(chunk, 0, count);
        }
        return String.format(Locale.ROOT, "%064x", new BigInteger(1, digest.digest()));
    }
}

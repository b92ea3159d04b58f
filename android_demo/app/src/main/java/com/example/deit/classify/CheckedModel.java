package com.example.deit.classify;

import com.example.deit.classify.ClassifierException.Code;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import java.util.TreeSet;
import org.json.JSONObject;

/**
 * A bundle's .nb that is safe to load in Java. The engine ends the whole app on a damaged one, so the file must be
 * the manifest's to the last bit; the C++ core reads the file's parts instead.
 */
final class CheckedModel {
    private static final String HOST = "host.nb";
    private static final int VERSION_AT = 2;
    private static final int VERSION_BYTES = 16;

    final File file;
    final long bytes;
    /** Version of the optimizer that made it: the engine's must be the same. */
    final String opt;
    /** What its kernels are for, in alphabetical order. */
    final TreeSet<String> kernelTargets = new TreeSet<>();

    /** Throws {@code MODEL} for a .nb that is missing, not the manifest's, or for another processor. */
    CheckedModel(File folder, String name, BundleManifest manifest) throws ClassifierException {
        file = new File(folder, name);
        bytes = file.length();
        JSONObject listed = manifest.file(name);
        if (listed == null) throw refuse(name + " is none of the manifest's files: give one of the bundle");
        if (!file.isFile()) throw refuse(file + " is missing: copy the bundle again");
        if (bytes != listed.optLong("bytes")) {
            throw refuse(
                    file + " has " + bytes + " bytes where the manifest says " + listed.optLong("bytes")
                            + ": copy the bundle again");
        }
        String target = name.equals(HOST) ? "x86" : manifest.target;
        checkTarget(target, manifest.precision);
        opt = checkSum(listed.optString("sha256"));
        if (name.equals(HOST)) {
            // The manifest lists the kernels of model.nb.
            kernelTargets.add("host");
            kernelTargets.add("x86");
        } else {
            kernelTargets.addAll(manifest.kernelTargets);
        }
    }

    private void checkTarget(String target, String precision) throws ClassifierException {
        String processor = isArm() ? "arm" : "x86";
        if (isArm() && (target.equals("opencl") || precision.equals("fp16") && target.equals("arm"))) {
            throw refuse(
                    file + " needs " + (target.equals("opencl") ? "OpenCL" : "fp16 in the processor")
                            + ", which cannot be asked for from Java: choose the native engine");
        }
        if (!target.equals(processor)) {
            String remedy = isArm() ? "use a model.nb for it" : "use the bundle's host.nb";
            throw refuse(file + " is made for " + target + ", which this device cannot run; " + remedy);
        }
    }

    /** Whether this process runs on an ARM processor. */
    static boolean isArm() {
        String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
        return arch.startsWith("arm") || arch.startsWith("aarch");
    }

    /** The optimizer's version, after comparing the file's SHA-256 with the manifest's. */
    private String checkSum(String expected) throws ClassifierException {
        byte[] block = new byte[1 << 16];
        String version = null;
        try (InputStream stream = new FileInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (int read = stream.read(block); read >= 0; read = stream.read(block)) {
                if (version == null) version = version(block, read);
                digest.update(block, 0, read);
            }
            StringBuilder found = new StringBuilder();
            for (byte one : digest.digest()) found.append(String.format(Locale.ROOT, "%02x", one));
            if (!found.toString().equals(expected)) {
                throw refuse(file + " is not the file of its manifest (SHA-256 differs): copy the bundle again");
            }
            return version;
        } catch (IOException error) {
            throw refuse(file + " cannot be read: " + error.getMessage());
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** From the head of a .nb: 16 bytes behind the first two, ended by NUL. */
    private static String version(byte[] head, int length) {
        int end = VERSION_AT;
        while (end < Math.min(length, VERSION_AT + VERSION_BYTES) && head[end] != 0) end++;
        return new String(head, VERSION_AT, end - VERSION_AT, StandardCharsets.US_ASCII);
    }

    private static ClassifierException refuse(String message) {
        return new ClassifierException(Code.MODEL, message);
    }
}

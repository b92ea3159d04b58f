package com.example.deit.classify;

import com.example.deit.bundle.BundleManifest;
import com.example.deit.bundle.CpuFeatures;
import com.example.deit.classify.ClassifierException.Code;
import java.io.DataInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;

/**
 * A bundle's .nb that is safe to load in Java. The engine ends the whole app on a damaged one, so the file must be
 * the manifest's to the last bit; the C++ core reads the file's parts, too.
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
    final Collection<String> kernelTargets;

    /** Throws {@code MODEL} for a .nb that is missing, not the manifest's, or for another processor. */
    CheckedModel(File folder, String name, BundleManifest manifest) throws ClassifierException {
        file = new File(folder, name);
        bytes = file.length();
        if (!manifest.files.containsKey(name)) throw refuse(name + " is none of the manifest's files: give one of the bundle");
        if (!file.isFile()) throw refuse(file + " is missing: copy the bundle again");
        boolean host = name.equals(HOST);
        checkTarget(host ? "x86" : manifest.target, manifest.armFp16);
        try {
            String difference = manifest.difference(file);
            if (difference != null) throw refuse(file + " " + difference);
            opt = version(file);
        } catch (IOException error) {
            throw refuse(file + " cannot be read: " + error.getMessage());
        }
        // The manifest lists the kernels of model.nb.
        kernelTargets = host ? Arrays.asList("host", "x86") : manifest.kernelTargets;
    }

    private void checkTarget(String target, boolean armFp16) throws ClassifierException {
        String processor = isArm() ? "arm" : "x86";
        boolean fp16 = armFp16 && target.equals("arm");
        if (isArm() && fp16 && CpuFeatures.lacks(CpuFeatures.ASIMDHP)) {
            throw refuse(
                    file + " computes in fp16, for which not every core of this processor has the instructions (asimdhp):"
                            + " take an int8 or fp32 bundle");
        }
        if (isArm() && (target.equals("opencl") || fp16)) {
            throw refuse(
                    file + " needs " + (fp16 ? "fp16 kernels in Paddle Lite's library" : "OpenCL")
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

    /** From the head of a .nb: 16 bytes after the first two, ended by NUL. */
    private static String version(File file) throws IOException {
        byte[] head = new byte[VERSION_AT + VERSION_BYTES];
        try (DataInputStream in = new DataInputStream(new FileInputStream(file))) {
            in.readFully(head);
        }
        int end = VERSION_AT;
        while (end < head.length && head[end] != 0) end++;
        return new String(head, VERSION_AT, end - VERSION_AT, StandardCharsets.US_ASCII);
    }

    private static ClassifierException refuse(String message) {
        return new ClassifierException(Code.MODEL, message);
    }
}

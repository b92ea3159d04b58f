package com.example.deit.classify;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.BooleanSupplier;

/**
 * The natives of libdeit_jni.so, in cpp/jni/deit_jni.cpp: cpp/src/c_api.h for Java. A handle is what {@link #open}
 * gave; it belongs to one thread at a time. Texts are UTF-8. What gives an int gives a deit_code, 0 if all is well,
 * and otherwise writes why to {@code message}, ended by NUL if it is shorter.
 */
final class NativeCore {
    static final String LIBRARY = "deit_jni";
    static final int MESSAGE_BYTES = 1024;
    static final int MOST_RUNS = 1_000_000;

    private NativeCore() {}

    static native int open(
            byte[] folder, byte[] model, int threads, byte[] powerMode, long[] handle, byte[] message);

    /** 0 is let pass. */
    static native void close(long handle);

    /** A JSON object, as {@link Facts} reads it. */
    static native byte[] facts(long handle);

    /** Name of a class; null if there is none of this number. */
    static native byte[] label(long handle, int index);

    /**
     * Classifies RGBA pixels in a direct buffer, which are read in place. {@code classes}, {@code logits} and
     * {@code probabilities} are of one length, the most classes to give; {@code times} gets preprocess and
     * inference, in milliseconds.
     */
    static native int classify(
            long handle,
            ByteBuffer pixels,
            int width,
            int height,
            int stride,
            int[] classes,
            float[] logits,
            double[] probabilities,
            double[] times,
            byte[] message);

    /** {@code logits} has room for every class. */
    static native int logits(long handle, float[] logits, byte[] message);

    /** {@code latencies} has room for the repeats; {@code measured} gets how many there were. */
    static native int bench(
            long handle,
            int warmup,
            int repeats,
            BooleanSupplier cancelled,
            double[] latencies,
            int[] measured,
            byte[] message);

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** The text up to a NUL, or to the end. */
    static String text(byte[] bytes) {
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) length++;
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
    }
}

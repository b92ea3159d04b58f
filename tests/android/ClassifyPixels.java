package com.example.deit.classify;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * ClassifyPixels BUNDLE MODEL THREADS [PIXELS WIDTH HEIGHT]...: the natives of libdeit_jni.so on any JVM, for
 * test_jni.py. Prints facts, and of each picture of raw RGBA pixels its classes and logits, then what a bench and
 * misuse give; of what fails the code and the message.
 */
final class ClassifyPixels {
    private static final int MOST_CLASSES = 5;

    private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private final byte[] message = new byte[NativeCore.MESSAGE_BYTES];
    private long handle;

    public static void main(String[] arguments) throws IOException {
        System.loadLibrary(NativeCore.LIBRARY);
        new ClassifyPixels().run(arguments);
    }

    private void run(String[] arguments) throws IOException {
        if (!open(arguments[0], arguments[1], Integer.parseInt(arguments[2]))) return;
        out.println("facts " + NativeCore.text(NativeCore.facts(handle)));
        for (int i = 3; i < arguments.length; i += 3) {
            classify(Path.of(arguments[i]), Integer.parseInt(arguments[i + 1]), Integer.parseInt(arguments[i + 2]));
        }
        bench();
        misuse();
        NativeCore.close(handle);
        NativeCore.close(0);
    }

    private boolean open(String bundle, String model, int threads) {
        long[] opened = new long[1];
        byte[] mode = NativeCore.bytes("no-bind");
        int code =
                NativeCore.open(NativeCore.bytes(bundle), NativeCore.bytes(model), threads, mode, opened, message);
        handle = opened[0];
        return done(code);
    }

    private void classify(Path pixels, int width, int height) throws IOException {
        byte[] bytes = Files.readAllBytes(pixels);
        ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length).put(bytes);
        int[] classes = new int[MOST_CLASSES];
        float[] logits = new float[MOST_CLASSES];
        double[] probabilities = new double[MOST_CLASSES];
        double[] times = new double[2];
        if (!done(
                NativeCore.classify(
                        handle, direct, width, height, 4 * width, classes, logits, probabilities, times, message))) {
            return;
        }
        if (times[0] <= 0 || times[1] <= 0) throw new AssertionError("no times");
        for (int i = 0; i < MOST_CLASSES; i++) {
            String label = NativeCore.text(NativeCore.label(handle, classes[i]));
            out.println("class " + classes[i] + " " + logits[i] + " " + probabilities[i] + " " + label);
        }
        float[] all = new float[10];
        if (!done(NativeCore.logits(handle, all, message))) return;
        StringBuilder line = new StringBuilder("logits");
        for (float logit : all) line.append(' ').append(logit);
        out.println(line);
    }

    private void bench() {
        double[] latencies = new double[50];
        int[] measured = new int[1];
        int[] asked = {0};
        done(NativeCore.bench(handle, 1, latencies.length, () -> ++asked[0] > 3, latencies, measured, message));
        out.println("measured " + measured[0] + " of " + latencies.length + ", asked " + asked[0]);
        if (latencies[1] <= 0 || latencies[2] != 0) throw new AssertionError("no latencies");
        try {
            NativeCore.bench(
                    handle, 0, 50, () -> { throw new IllegalStateException("no more"); }, latencies, measured, message);
        } catch (IllegalStateException thrown) {
            out.println("thrown " + thrown.getMessage());
        }
    }

    private void misuse() {
        ByteBuffer pixel = ByteBuffer.allocateDirect(4);
        int[] classes = new int[1];
        float[] logits = new float[1];
        double[] one = new double[1];
        double[] two = new double[2];
        done(NativeCore.classify(0, pixel, 1, 1, 4, classes, logits, one, two, message));
        done(NativeCore.classify(handle, ByteBuffer.allocate(4), 1, 1, 4, classes, logits, one, two, message));
        done(NativeCore.classify(handle, pixel, 0, 1, 4, classes, logits, one, two, message));
        done(NativeCore.classify(handle, pixel, 1, 1, 4, new int[0], logits, one, two, message));
        done(NativeCore.logits(handle, logits, message));
        done(NativeCore.bench(handle, 0, 0, () -> false, new double[0], classes, message));
        if (NativeCore.label(handle, 10) != null || NativeCore.label(handle, -1) != null) {
            throw new AssertionError("a label for no class");
        }
    }

    private boolean done(int code) {
        if (code != 0) out.println(code + " " + NativeCore.text(message));
        java.util.Arrays.fill(message, (byte) 0);
        return code == 0;
    }
}

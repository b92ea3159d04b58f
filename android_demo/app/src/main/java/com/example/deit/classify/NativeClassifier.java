package com.example.deit.classify;

import android.graphics.Bitmap;
import com.example.deit.classify.ClassifierException.Code;
import java.io.File;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.json.JSONException;
import org.json.JSONObject;

/** A network in the C++ core, by JNI. */
public final class NativeClassifier implements Classifier {
    private final BitmapPixels pixels = new BitmapPixels();
    private final byte[] message = new byte[NativeCore.MESSAGE_BYTES];
    private final double[] times = new double[2];
    private final Facts facts;
    private final String[] labels;
    private long handle;

    private NativeClassifier(long handle, Facts facts) {
        this.handle = handle;
        this.facts = facts;
        labels = new String[facts.classes];
        for (int i = 0; i < labels.length; i++) labels[i] = NativeCore.text(NativeCore.label(handle, i));
    }

    /**
     * Loads the network of a bundle.
     *
     * @param folder the bundle: manifest.json, labels.txt and {@code modelFile}
     * @throws ClassifierException as {@link Engine#open}
     */
    public static NativeClassifier open(File folder, String modelFile, int threads, PowerMode mode)
            throws ClassifierException {
        load(NativeCore.LIBRARY);
        long[] handle = new long[1];
        byte[] message = new byte[NativeCore.MESSAGE_BYTES];
        byte[] path = NativeCore.bytes(folder.getPath());
        byte[] model = NativeCore.bytes(modelFile);
        check(NativeCore.open(path, model, threads, NativeCore.bytes(mode.text()), handle, message), message);
        try {
            Facts facts = new Facts(new JSONObject(NativeCore.text(NativeCore.facts(handle[0]))));
            return new NativeClassifier(handle[0], facts);
        } catch (JSONException wrong) {
            NativeCore.close(handle[0]);
            throw new ClassifierException(
                    Code.ABI, "libdeit_jni.so is of another version than the app: build both from one", wrong);
        }
    }

    /** Loads a native library, once; throws {@code ABI} where it cannot be. */
    static void load(String library) throws ClassifierException {
        try {
            System.loadLibrary(library);
        } catch (LinkageError error) {
            throw ClassifierException.missing(library, error);
        }
    }

    @Override
    public Facts facts() {
        return facts;
    }

    @Override
    public synchronized Classification classify(Bitmap bitmap, int topK) throws ClassifierException {
        checkOpen();
        if (topK < 1) throw new ClassifierException(Code.USAGE, topK + " classes: give at least 1");
        double start = Times.nowMs();
        ByteBuffer rgba = pixels.of(bitmap);
        double copied = Times.nowMs() - start;
        int room = Math.min(topK, labels.length);
        int[] classes = new int[room];
        float[] logits = new float[room];
        double[] probabilities = new double[room];
        check(
                NativeCore.classify(
                        handle,
                        rgba,
                        bitmap.getWidth(),
                        bitmap.getHeight(),
                        bitmap.getRowBytes(),
                        classes,
                        logits,
                        probabilities,
                        times,
                        message),
                message);
        List<Guess> guesses = new ArrayList<>(room);
        for (int i = 0; i < room; i++) {
            guesses.add(new Guess(classes[i], labels[classes[i]], logits[i], probabilities[i]));
        }
        return new Classification(guesses, new Times(0, copied + times[0], times[1]));
    }

    @Override
    public synchronized float[] logits() throws ClassifierException {
        checkOpen();
        float[] logits = new float[labels.length];
        check(NativeCore.logits(handle, logits, message), message);
        return logits;
    }

    @Override
    public synchronized double[] bench(int warmup, int repeats, BooleanSupplier cancelled)
            throws ClassifierException {
        checkOpen();
        // What is out of range the core refuses, before it writes.
        double[] latencies = new double[Math.max(0, Math.min(repeats, NativeCore.MOST_RUNS))];
        int[] measured = new int[1];
        check(NativeCore.bench(handle, warmup, repeats, cancelled, latencies, measured, message), message);
        return Arrays.copyOf(latencies, measured[0]);
    }

    @Override
    public synchronized void close() {
        NativeCore.close(handle);
        handle = 0;
    }

    private void checkOpen() throws ClassifierException {
        if (handle == 0) throw new ClassifierException(Code.USAGE, "the network is closed: open the bundle again");
    }

    private static void check(int code, byte[] message) throws ClassifierException {
        if (code != 0) throw new ClassifierException(Code.of(code), NativeCore.text(message));
    }
}

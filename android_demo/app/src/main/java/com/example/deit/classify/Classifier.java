package com.example.deit.classify;

import android.graphics.Bitmap;
import java.util.function.BooleanSupplier;

/**
 * One network, loaded and ready to classify pictures. It belongs to one thread at a time, and takes longer than
 * a screen's thread may: give it a thread of its own.
 *
 * <p>After {@link #close} every method but {@link #facts} and {@link #close} throws {@link ClassifierException} with
 * {@code USAGE}.
 */
public interface Classifier extends AutoCloseable {
    /** What is loaded, and how. */
    Facts facts();

    /**
     * Classifies a picture.
     *
     * @param bitmap ARGB_8888 of any size, not recycled and not a hardware bitmap; alpha does not count
     * @param topK how many classes to give, likeliest first; as many as there are, if there are fewer
     * @throws ClassifierException for a bitmap that cannot be used ({@code PICTURE}), for topK below 1
     *     ({@code USAGE}) and where the engine fails ({@code ENGINE}, {@code MEMORY})
     */
    Classification classify(Bitmap bitmap, int topK) throws ClassifierException;

    /**
     * The logits of the last classification, one for each class, in an array of the caller's own.
     *
     * @throws ClassifierException with {@code ENGINE} if the network has not run
     */
    float[] logits() throws ClassifierException;

    /**
     * Runs the network on the last picture, or on zeros before the first: once, then to warm up, then measured.
     *
     * @param warmup runs that are not measured, 0 or more
     * @param repeats runs that are measured, 1 or more
     * @param cancelled asked between runs; once it says true, what has been measured so far is given
     * @return milliseconds of each measured run, in order; fewer than {@code repeats} if cancelled
     * @throws ClassifierException for numbers out of range ({@code USAGE}) and where the engine fails
     */
    double[] bench(int warmup, int repeats, BooleanSupplier cancelled) throws ClassifierException;

    /** Frees the network. A second call does nothing. */
    @Override
    void close();
}

package com.example.deit.classify;

import com.example.deit.bundle.BundleFiles;
import java.io.File;

/** By which way the app reaches Paddle Lite. */
public enum Engine {
    /** Java, JNI, the C++ core, Paddle Lite's C++ library. */
    NATIVE,
    /** Java alone, over Paddle Lite's own Java interface (PaddlePredictor.jar). */
    JAVA;

    /**
     * Loads the network of a bundle.
     *
     * @param folder the bundle: manifest.json, labels.txt and {@link BundleFiles#network}
     * @param threads 1 to 256
     * @throws ClassifierException with {@code BUNDLE} or {@code MODEL} for a bundle that is missing, damaged or
     *     for another processor, {@code USAGE} for threads out of range, {@code ABI} where the native libraries
     *     are missing, {@code ENGINE} or {@code MEMORY} where the engine fails
     */
    public Classifier open(File folder, int threads, PowerMode mode) throws ClassifierException {
        return this == NATIVE
                ? NativeClassifier.open(folder, BundleFiles.network(), threads, mode)
                : JavaClassifier.open(folder, BundleFiles.network(), threads, mode);
    }
}

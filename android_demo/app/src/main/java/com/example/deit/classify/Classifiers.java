package com.example.deit.classify;

import com.example.deit.bundle.BundleFiles;
import java.io.File;

/** Opens bundles. */
public final class Classifiers {
    private Classifiers() {}

    /**
     * Loads the network of a bundle.
     *
     * @param folder the bundle: manifest.json, labels.txt and {@link BundleFiles#network}
     * @param threads 1 to 256
     * @throws ClassifierException with {@code BUNDLE} or {@code MODEL} for a bundle that is missing, damaged or
     *     for another processor, {@code USAGE} for threads out of range, {@code ABI} where the native libraries
     *     are missing, {@code ENGINE} or {@code MEMORY} where the engine fails
     */
    public static Classifier open(Engine engine, File folder, int threads, PowerMode mode)
            throws ClassifierException {
        switch (engine) {
            case NATIVE:
                return NativeClassifier.open(folder, BundleFiles.network(), threads, mode);
            case JAVA:
                return JavaClassifier.open(folder, BundleFiles.network(), threads, mode);
            default:
                throw new AssertionError(engine);
        }
    }
}

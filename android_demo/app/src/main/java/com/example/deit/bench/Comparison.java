package com.example.deit.bench;

import android.graphics.Bitmap;
import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.BundleFiles;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.classify.Classification;
import com.example.deit.classify.Classifier;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Labels;
import com.example.deit.engine.EngineSettings;
import com.example.deit.engine.OpenEngine;
import java.io.File;
import java.util.Arrays;
import java.util.function.BooleanSupplier;

/** Two bundles on the same picture: what each says, how long it takes, and how far their scores are apart. */
public final class Comparison {
    private static final int WARMUP = 2;
    /** Measured runs of each network. */
    public static final int RUNS = 10;

    /** What one of them says. */
    public static final class Side {
        public final ModelBundle bundle;
        public final Classification result;
        /** Of the network alone, median of {@link #RUNS}; milliseconds. */
        public final double medianMs;
        private final float[] logits;
        private final String[] labels;

        private Side(OpenEngine engine, EngineSettings settings, Bitmap picture, int classes, BooleanSupplier cancelled)
                throws BundleException, ClassifierException {
            Classifier classifier = engine.classifier(settings);
            bundle = engine.bundle(settings);
            result = classifier.classify(picture, classes);
            logits = classifier.logits();
            labels = Labels.read(new File(bundle.folder, BundleFiles.LABELS), bundle.manifest);
            double[] latencies = classifier.bench(WARMUP, RUNS, cancelled);
            // With nothing measured it has been cancelled, and nobody will read this.
            medianMs = latencies.length == 0 ? Double.NaN : new Statistics(latencies).p50;
        }
    }

    public final Side left;
    public final Side right;
    /** Of their logits for this picture; null where the networks have other classes. */
    public final Double cosine;

    /**
     * Runs both, one after the other: there is one engine. On the engine thread.
     *
     * @param cancelled asked between runs
     */
    public Comparison(
            OpenEngine engine,
            EngineSettings left,
            EngineSettings right,
            Bitmap picture,
            int classes,
            BooleanSupplier cancelled)
            throws BundleException, ClassifierException {
        this.left = new Side(engine, left, picture, classes, cancelled);
        this.right = new Side(engine, right, picture, classes, cancelled);
        cosine = sameClasses() ? cosine(this.left.logits, this.right.logits) : null;
    }

    private boolean sameClasses() {
        return left.logits.length == right.logits.length && Arrays.equals(left.labels, right.labels);
    }

    /** Whether both have the same likeliest class. */
    public boolean agree() {
        return left.result.guesses.get(0).label.equals(right.result.guesses.get(0).label);
    }

    /** Cosine similarity, as the manifest's drift has it: 1 for the same direction; 0 if one is all zeros. */
    static double cosine(float[] one, float[] other) {
        double dot = 0;
        double ones = 0;
        double others = 0;
        for (int i = 0; i < one.length; i++) {
            dot += (double) one[i] * other[i];
            ones += (double) one[i] * one[i];
            others += (double) other[i] * other[i];
        }
        return ones == 0 || others == 0 ? 0 : dot / Math.sqrt(ones * others);
    }
}

package com.example.deit.engine;

import android.graphics.Bitmap;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.classify.Classification;
import com.example.deit.classify.Classifier;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Facts;
import java.util.function.BooleanSupplier;

/** A classifier whose first run a {@link CrashGuard} watches: a damaged network may open and end the app only then. */
final class GuardedClassifier implements Classifier {
    private final CrashGuard guard;
    private final ModelBundle bundle;
    private final Classifier classifier;
    private boolean ran;

    GuardedClassifier(CrashGuard guard, ModelBundle bundle, Classifier classifier) {
        this.guard = guard;
        this.bundle = bundle;
        this.classifier = classifier;
    }

    private <T> T first(CrashGuard.Risk<T> run) throws ClassifierException {
        if (ran) return run.run();
        T result = guard.guard(bundle, run);
        ran = true;
        return result;
    }

    @Override
    public Facts facts() {
        return classifier.facts();
    }

    @Override
    public Classification classify(Bitmap bitmap, int topK) throws ClassifierException {
        return first(() -> classifier.classify(bitmap, topK));
    }

    @Override
    public float[] logits() throws ClassifierException {
        return classifier.logits();
    }

    @Override
    public double[] bench(int warmup, int repeats, BooleanSupplier cancelled) throws ClassifierException {
        return first(() -> classifier.bench(warmup, repeats, cancelled));
    }

    @Override
    public void close() {
        classifier.close();
    }
}

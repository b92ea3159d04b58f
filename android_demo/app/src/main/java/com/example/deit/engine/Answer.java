package com.example.deit.engine;

import android.graphics.Bitmap;
import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.classify.Classification;
import com.example.deit.classify.Classifier;
import com.example.deit.classify.ClassifierException;

/** What a bundle says of a picture, and which bundle it was. */
public final class Answer {
    /** With what settings it was asked. */
    public final EngineSettings settings;
    public final ModelBundle bundle;
    /** Null if there was no picture. */
    public final Classification result;

    private Answer(EngineSettings settings, ModelBundle bundle, Classification result) {
        this.settings = settings;
        this.bundle = bundle;
        this.result = result;
    }

    /**
     * Asks the engine. On the engine thread.
     *
     * @param picture null to open the engine only
     * @param classes how many of the likeliest are wanted
     */
    public static Answer of(OpenEngine engine, Bitmap picture, int classes) throws BundleException, ClassifierException {
        Classifier classifier = engine.classifier();
        Classification result = picture == null ? null : classifier.classify(picture, classes);
        return new Answer(engine.settings(), engine.bundle(), result);
    }

    /** The same without what it says of the picture. */
    public Answer withoutResult() {
        return new Answer(settings, bundle, null);
    }
}

package com.example.deit.engine;

import android.graphics.Bitmap;
import com.example.deit.bundle.Bundle;
import com.example.deit.bundle.BundleException;
import com.example.deit.classify.Classifier;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Facts;
import com.example.deit.classify.Result;
import com.example.deit.settings.Settings;

/** What a bundle says of a picture, and which bundle it was. */
public final class Answer {
    /** How many of the likeliest classes are asked for. */
    static final int CLASSES = 5;

    private final Settings settings;
    private final Bundle bundle;
    private final Facts facts;
    private final Result result;

    private Answer(Settings settings, Bundle bundle, Facts facts, Result result) {
        this.settings = settings;
        this.bundle = bundle;
        this.facts = facts;
        this.result = result;
    }

    /**
     * Asks the engine. On the engine thread.
     *
     * @param picture null to open the engine only
     */
    public static Answer of(OpenEngine engine, Bitmap picture) throws BundleException, ClassifierException {
        Classifier classifier = engine.classifier();
        Result result = picture == null ? null : classifier.classify(picture, CLASSES);
        return new Answer(engine.settings(), engine.bundle(), classifier.facts(), result);
    }

    /** The same without what it says of the picture. */
    public Answer withoutResult() {
        return new Answer(settings, bundle, facts, null);
    }

    /** With what settings it was asked. */
    public Settings settings() {
        return settings;
    }

    public Bundle bundle() {
        return bundle;
    }

    public Facts facts() {
        return facts;
    }

    /** Null if there was no picture. */
    public Result result() {
        return result;
    }
}

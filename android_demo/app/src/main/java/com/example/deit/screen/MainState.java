package com.example.deit.screen;

import android.content.ContentResolver;
import android.content.res.Resources;
import android.graphics.Bitmap;
import android.net.Uri;
import com.example.deit.bundle.BundleException;
import com.example.deit.engine.Answer;
import com.example.deit.engine.EngineSettings;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.OpenEngine;
import com.example.deit.engine.Task;
import com.example.deit.picture.PictureException;
import com.example.deit.picture.PictureReader;
import com.example.deit.picture.Samples;
import com.example.deit.words.Problem;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.IntSupplier;

/** What the main screen shows, without the screen: it outlives a rotation, together with work under way. */
final class MainState extends ScreenState {
    /** A picture to try the bundle with. */
    static final class Sample {
        final Uri uri;
        final Bitmap picture;

        Sample(Uri uri, Bitmap picture) {
            this.uri = uri;
            this.picture = picture;
        }
    }

    private final ContentResolver resolver;
    private final Resources resources;
    private final IntSupplier classes;

    private Task sampling; // null while no samples are read
    Uri uri; // null while none was chosen
    Bitmap picture; // null while there is none
    Answer answer; // of the last bundle that could be opened; null if none
    private int asked; // classes, of the answer
    List<Sample> samples = Collections.emptyList(); // to begin with; none before the bundle is open
    private String sampled; // the bundle that they are for

    /** @param classes how many of the likeliest are wanted, asked each time */
    MainState(EngineThread engine, ContentResolver resolver, Resources resources, IntSupplier classes) {
        super(engine);
        this.resolver = resolver;
        this.resources = resources;
        this.classes = classes;
    }

    /** Reads a picture and classifies it, in place of what is under way. */
    void load(Uri from) {
        uri = from;
        picture = null;
        answer = answer == null ? null : answer.withoutResult();
        begin((open, task) -> PictureReader.read(resolver, from, open.shortSide()), bitmap -> {
            picture = bitmap;
            classify();
        });
    }

    /** Opens the engine with the settings of now, and classifies the picture if there is one. */
    void classify() {
        Bitmap now = picture;
        int wanted = classes.getAsInt();
        begin((open, task) -> Answer.of(open, now, wanted), value -> {
            answer = value;
            asked = wanted;
            if (now == null) sample();
        });
    }

    /** Classifies again if the answer is of other settings, or there is none. */
    void refresh(EngineSettings settings) {
        if (task != null) return;
        // A picture that cannot be read does not get better by another engine; by more memory it does.
        boolean unreadable = uri != null && picture == null;
        if (unreadable && problem != null && problem.remedy == Problem.Remedy.RETRY) {
            retry();
            return;
        }
        boolean old = answer == null || problem != null || !answer.settings.equals(settings)
                || asked != classes.getAsInt();
        if (!unreadable && old) classify();
    }

    /** Does again what a problem ended: reading the picture, or classifying it. */
    void retry() {
        if (uri != null && picture == null) load(uri);
        else classify();
    }

    /** Reads the samples of the bundle that is open, unless they are here. */
    private void sample() {
        String bundle = answer.bundle.key() + " " + answer.bundle.stamp();
        if (bundle.equals(sampled)) return;
        if (sampling != null) sampling.cancel();
        sampling = engine.run((open, task) -> samples(open), new EngineThread.Callback<List<Sample>>() {
            @Override
            public void onDone(List<Sample> value) {
                sampling = null;
                sampled = bundle;
                samples = value;
                changed();
            }

            @Override
            public void onProblem(Problem what) {
                sampling = null; // the screen is whole without them
            }
        });
    }

    private List<Sample> samples(OpenEngine open) throws BundleException {
        List<Sample> read = new ArrayList<>();
        for (Uri from : Samples.of(resources, open.bundle())) {
            try {
                read.add(new Sample(from, PictureReader.read(resolver, from, open.shortSide())));
            } catch (PictureException e) {
                // One that cannot be read is not offered.
            }
        }
        return read;
    }

    @Override
    void failed() {
        answer = null;
    }

    @Override
    void cancel() {
        super.cancel();
        if (sampling != null) sampling.cancel();
        sampling = null;
    }
}

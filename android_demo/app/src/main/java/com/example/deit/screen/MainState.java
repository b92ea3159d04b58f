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

    private final EngineThread engine;
    private final ContentResolver resolver;
    private final Resources resources;
    private final IntSupplier classes;

    private Task sampling; // null while no samples are read
    private Uri uri;
    private Bitmap picture;
    private Answer answer;
    private int asked; // classes, of the answer
    private List<Sample> samples = Collections.emptyList();
    private String sampled; // the bundle that they are for
    private Problem problem;

    /** @param classes how many of the likeliest are wanted, asked each time */
    MainState(EngineThread engine, ContentResolver resolver, Resources resources, IntSupplier classes) {
        this.engine = engine;
        this.resolver = resolver;
        this.resources = resources;
        this.classes = classes;
    }

    /** Reads a picture and classifies it, in place of what is under way. */
    void load(Uri from) {
        uri = from;
        picture = null;
        answer = answer == null ? null : answer.withoutResult();
        begin();
        task =
                engine.run(
                        open -> PictureReader.read(resolver, from, shortSide(open)),
                        new Step<Bitmap>() {
                            @Override
                            public void onDone(Bitmap bitmap) {
                                picture = bitmap;
                                classify();
                            }
                        });
        changed();
    }

    /** Opens the engine with the settings of now, and classifies the picture if there is one. */
    void classify() {
        Bitmap now = picture;
        int wanted = classes.getAsInt();
        begin();
        task =
                engine.run(
                        open -> Answer.of(open, now, wanted),
                        new Step<Answer>() {
                            @Override
                            public void onDone(Answer value) {
                                task = null;
                                answer = value;
                                asked = wanted;
                                if (now == null) sample();
                                changed();
                            }
                        });
        changed();
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
        sampling = engine.run(this::samples, new EngineThread.Callback<List<Sample>>() {
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
                read.add(new Sample(from, PictureReader.read(resolver, from, SHORT_SIDE)));
            } catch (PictureException e) {
                // One that cannot be read is not offered.
            }
        }
        return read;
    }

    /** Tells of a problem that is not the engine's. */
    void fail(Problem what) {
        problem = what;
        changed();
    }

    @Override
    void cancel() {
        super.cancel();
        if (sampling != null) sampling.cancel();
        sampling = null;
    }

    Uri uri() {
        return uri;
    }

    /** Null if there is none. */
    Bitmap picture() {
        return picture;
    }

    /** Of the last bundle that could be opened; null if none. */
    Answer answer() {
        return answer;
    }

    /** Pictures to begin with; none before the bundle is open. */
    List<Sample> samples() {
        return samples;
    }

    Problem problem() {
        return problem;
    }

    private void begin() {
        super.cancel();
        problem = null;
    }

    private static int shortSide(OpenEngine open) {
        try {
            return open.bundle().manifest.resizeShort;
        } catch (BundleException e) {
            return SHORT_SIDE; // the picture is shown all the same; classifying says what is wrong
        }
    }

    private abstract class Step<T> implements EngineThread.Callback<T> {
        @Override
        public void onProblem(Problem what) {
            task = null;
            answer = null;
            problem = what;
            changed();
        }
    }
}

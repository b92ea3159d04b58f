package com.example.deit.screen;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.net.Uri;
import com.example.deit.bundle.BundleException;
import com.example.deit.engine.Answer;
import com.example.deit.engine.EngineSettings;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.OpenEngine;
import com.example.deit.engine.Task;
import com.example.deit.picture.PictureReader;
import com.example.deit.words.Problem;

/** What the main screen shows, without the screen: it outlives a rotation, together with work under way. */
final class MainState {
    /** What the short side is resized to by every DeiT, for a picture that comes before there is a bundle. */
    private static final int SHORT_SIDE = 256;

    private final EngineThread engine;
    private final ContentResolver resolver;

    private Runnable screen; // null while there is none
    private Task task; // null while nothing is under way
    private Uri uri;
    private Bitmap picture;
    private Answer answer;
    private Problem problem;

    MainState(EngineThread engine, ContentResolver resolver) {
        this.engine = engine;
        this.resolver = resolver;
    }

    /** `run` is called after each change; null for a screen that is gone. */
    void screen(Runnable run) {
        screen = run;
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
        begin();
        task =
                engine.run(
                        open -> Answer.of(open, now),
                        new Step<Answer>() {
                            @Override
                            public void onDone(Answer value) {
                                task = null;
                                answer = value;
                                changed();
                            }
                        });
        changed();
    }

    /** Classifies again if the answer is of other settings, or there is none. */
    void refresh(EngineSettings settings) {
        if (task != null) return;
        // A picture that cannot be read does not get better by another engine.
        boolean unreadable = uri != null && picture == null;
        if (!unreadable && (answer == null || problem != null || !answer.settings.equals(settings))) classify();
    }

    /** Tells of a problem that is not the engine's. */
    void fail(Problem what) {
        problem = what;
        changed();
    }

    /** Nothing is told from now on. */
    void cancel() {
        if (task != null) task.cancel();
        task = null;
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

    Problem problem() {
        return problem;
    }

    boolean working() {
        return task != null;
    }

    private void begin() {
        cancel();
        problem = null;
    }

    private void changed() {
        if (screen != null) screen.run();
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

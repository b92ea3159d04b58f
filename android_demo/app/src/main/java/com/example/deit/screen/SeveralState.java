package com.example.deit.screen;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.net.Uri;
import com.example.deit.engine.Answer;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.OpenEngine;
import com.example.deit.bundle.BundleException;
import com.example.deit.classify.ClassifierException;
import com.example.deit.picture.PictureException;
import com.example.deit.picture.PictureReader;
import com.example.deit.words.Problem;
import java.util.ArrayList;
import java.util.List;

/** Several pictures and their answers, one after the other, without the screen: they outlive a rotation. */
final class SeveralState extends ScreenState {
    /** One of the pictures. */
    static final class Item {
        final Uri uri;
        Bitmap thumbnail; // null until it is read, and if it cannot be
        Answer answer; // null until it is there
        Problem problem; // null if there is none

        private Item(Uri uri) {
            this.uri = uri;
        }

        boolean done() {
            return answer != null || problem != null;
        }
    }

    /** What the engine thread gives for one of them. */
    private static final class Seen {
        final Bitmap thumbnail;
        final Answer answer;

        Seen(Bitmap thumbnail, Answer answer) {
            this.thumbnail = thumbnail;
            this.answer = answer;
        }
    }

    private final ContentResolver resolver;
    private final int classes;
    private final int side; // pixels of a thumbnail
    final List<Item> items = new ArrayList<>();

    SeveralState(EngineThread engine, ContentResolver resolver, List<Uri> uris, int classes, int side) {
        super(engine);
        this.resolver = resolver;
        this.classes = classes;
        this.side = side;
        for (Uri uri : uris) items.add(new Item(uri));
        next();
    }

    int done() {
        int done = 0;
        for (Item item : items) done += item.done() ? 1 : 0;
        return done;
    }

    /** One task a picture, so that another screen's work comes in between, and one that fails is one row. */
    private void next() {
        for (Item item : items) {
            if (item.done()) continue;
            task = engine.run((open, task) -> see(open, item), new EngineThread.Callback<Seen>() {
                @Override
                public void onDone(Seen seen) {
                    item.thumbnail = seen.thumbnail;
                    item.answer = seen.answer;
                    ended();
                }

                @Override
                public void onProblem(Problem what) {
                    item.problem = what;
                    ended();
                }
            });
            return;
        }
    }

    private void ended() {
        task = null;
        next();
        changed();
    }

    private Seen see(OpenEngine open, Item item) throws BundleException, ClassifierException, PictureException {
        Bitmap picture = PictureReader.read(resolver, item.uri, open.shortSide());
        Answer answer = Answer.of(open, picture, classes);
        // The whole pictures of a long list would not fit into memory.
        int longer = Math.max(picture.getWidth(), picture.getHeight());
        double scale = Math.min(1, 2.0 * side / longer);
        int width = Math.max(1, (int) (picture.getWidth() * scale));
        int height = Math.max(1, (int) (picture.getHeight() * scale));
        return new Seen(Bitmap.createScaledBitmap(picture, width, height, true), answer);
    }
}

package com.example.deit.screen;

import android.content.ContentResolver;
import android.content.res.Resources;
import android.graphics.Bitmap;
import android.net.Uri;
import com.example.deit.bench.Comparison;
import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.ModelBundle;
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

/** What the comparing screen shows, without the screen: it outlives a rotation, together with work under way. */
final class CompareState extends ScreenState {
    /** The usable bundles, and the picture that they are compared on. */
    private static final class Found {
        final List<ModelBundle> bundles = new ArrayList<>();
        Bitmap picture; // null where none was given and no bundle has one
    }

    private final EngineThread engine;
    private final ContentResolver resolver;
    private final Resources resources;
    private final Uri uri; // null for a sample of a bundle

    private List<ModelBundle> bundles = Collections.emptyList();
    private boolean listed;
    private Bitmap picture;
    private Comparison comparison;
    private Problem problem;
    private boolean reading; // what failed last was reading the bundles and the picture
    int left;
    int right = 1;

    CompareState(EngineThread engine, ContentResolver resolver, Resources resources, Uri uri) {
        this.engine = engine;
        this.resolver = resolver;
        this.resources = resources;
        this.uri = uri;
    }

    /** Looks for bundles and reads the picture. @param chosen key of the bundle in the settings, which comes first */
    void list(String chosen) {
        begin();
        reading = true;
        task = engine.run(open -> find(open, chosen), new Step<Found>() {
            @Override
            public void onDone(Found found) {
                task = null;
                listed = true;
                reading = false;
                bundles = found.bundles;
                picture = found.picture;
                changed();
            }
        });
        changed();
    }

    private Found find(OpenEngine open, String chosen) throws BundleException, PictureException {
        Found found = new Found();
        for (ModelBundle bundle : open.bundles()) {
            if (bundle.usable()) found.bundles.add(bundle.key().equals(chosen) ? 0 : found.bundles.size(), bundle);
        }
        if (uri != null) {
            found.picture = PictureReader.read(resolver, uri, SHORT_SIDE);
            return found;
        }
        for (ModelBundle bundle : found.bundles) {
            List<Uri> samples = Samples.of(resources, bundle);
            if (found.picture != null || samples.isEmpty()) continue;
            found.picture = PictureReader.read(resolver, samples.get(0), SHORT_SIDE);
        }
        return found;
    }

    /** Runs both bundles. */
    void compare(EngineSettings settings, int classes) {
        EngineSettings one = settings.withBundle(bundles.get(left).key());
        EngineSettings other = settings.withBundle(bundles.get(right).key());
        Bitmap now = picture;
        begin();
        comparison = null;
        Task[] mine = new Task[1];
        task = mine[0] = engine.run(
                open -> new Comparison(open, one, other, now, classes, () -> mine[0] != null && mine[0].isCancelled()),
                new Step<Comparison>() {
                    @Override
                    public void onDone(Comparison value) {
                        task = null;
                        comparison = value;
                        changed();
                    }
                });
        changed();
    }

    private void begin() {
        cancel();
        problem = null;
    }

    /** The bundles that can be used. */
    List<ModelBundle> bundles() {
        return bundles;
    }

    /** Whether the bundles are known. */
    boolean listed() {
        return listed;
    }

    /** Whether the last problem came before the bundles were known. */
    boolean reading() {
        return reading;
    }

    /** Null if there is none. */
    Bitmap picture() {
        return picture;
    }

    /** Null if there is none yet. */
    Comparison comparison() {
        return comparison;
    }

    Problem problem() {
        return problem;
    }

    private abstract class Step<T> implements EngineThread.Callback<T> {
        @Override
        public void onProblem(Problem what) {
            task = null;
            problem = what;
            changed();
        }
    }
}

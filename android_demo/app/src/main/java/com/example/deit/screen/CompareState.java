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
import com.example.deit.picture.PictureException;
import com.example.deit.picture.PictureReader;
import com.example.deit.picture.Samples;
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

    private final ContentResolver resolver;
    private final Resources resources;
    private final Uri uri; // null for a sample of a bundle

    List<ModelBundle> bundles = Collections.emptyList(); // those that can be used
    boolean listed; // the bundles are known
    Bitmap picture; // null if there is none
    Comparison comparison; // null if there is none yet
    boolean reading; // what failed last was reading the bundles and the picture
    int left;
    int right = 1;

    CompareState(EngineThread engine, ContentResolver resolver, Resources resources, Uri uri) {
        super(engine);
        this.resolver = resolver;
        this.resources = resources;
        this.uri = uri;
    }

    /** Looks for bundles and reads the picture. @param chosen key of the bundle in the settings, which comes first */
    void list(String chosen) {
        reading = true;
        begin((open, task) -> find(open, chosen), found -> {
            listed = true;
            reading = false;
            bundles = found.bundles;
            picture = found.picture;
        });
    }

    private Found find(OpenEngine open, String chosen) throws BundleException, PictureException {
        Found found = new Found();
        for (ModelBundle bundle : open.bundles()) {
            if (bundle.usable()) found.bundles.add(bundle.key().equals(chosen) ? 0 : found.bundles.size(), bundle);
        }
        // Large enough for either.
        int shortSide = 1;
        for (ModelBundle bundle : found.bundles) shortSide = Math.max(shortSide, bundle.manifest.resizeShort);
        if (uri != null) {
            found.picture = PictureReader.read(resolver, uri, shortSide);
            return found;
        }
        for (ModelBundle bundle : found.bundles) {
            List<Uri> samples = Samples.of(resources, bundle);
            if (found.picture != null || samples.isEmpty()) continue;
            found.picture = PictureReader.read(resolver, samples.get(0), shortSide);
        }
        return found;
    }

    /** Runs both bundles. */
    void compare(EngineSettings settings, int classes) {
        EngineSettings one = settings.withBundle(bundles.get(left).key());
        EngineSettings other = settings.withBundle(bundles.get(right).key());
        Bitmap now = picture;
        comparison = null;
        begin(
                (open, task) -> new Comparison(open, one, other, now, classes, task::isCancelled),
                value -> comparison = value);
    }
}

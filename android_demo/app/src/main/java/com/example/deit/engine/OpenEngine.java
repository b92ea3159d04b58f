package com.example.deit.engine;

import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.BundleStore;
import com.example.deit.bundle.FileDigests;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.classify.Classifier;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Engine;
import com.example.deit.classify.PowerMode;
import java.io.File;
import java.util.List;
import java.util.function.Supplier;

/**
 * The one classifier of the app: opened when it is first asked for, kept, and opened anew when settings or bundle are
 * others. Belongs to the engine thread.
 */
public final class OpenEngine {
    /** Opens a classifier: {@link Engine#open}, and in tests one that fails. */
    public interface Opener {
        Classifier open(Engine engine, File folder, int threads, PowerMode mode) throws ClassifierException;
    }

    private final Opener opener;
    private final BundleStore store;
    private final FileDigests digests;
    private final CrashGuard guard;
    private final Supplier<EngineSettings> current;

    private EngineSettings settings; // that bundle and classifier are of
    private ModelBundle bundle;
    private long stamp; // of the bundle, when it was chosen
    private Classifier classifier;

    /** @param current the user's settings, asked for on the engine thread each time */
    public OpenEngine(
            Opener opener,
            BundleStore store,
            FileDigests digests,
            CrashGuard guard,
            Supplier<EngineSettings> current) {
        this.opener = opener;
        this.store = store;
        this.digests = digests;
        this.guard = guard;
        this.current = current;
    }

    /** All bundles on this device. */
    public List<ModelBundle> bundles() {
        return store.list();
    }

    /** The bundle that the settings choose. */
    public ModelBundle bundle() throws BundleException {
        return bundle(current.get());
    }

    /** The bundle that these settings choose. */
    public ModelBundle bundle(EngineSettings now) throws BundleException {
        if (bundle == null || !now.equals(settings) || stamp != bundle.stamp()) {
            close();
            bundle = store.choose(now.bundle);
            stamp = bundle.stamp();
            settings = now;
        }
        return bundle;
    }

    /** Pixels that its network wants a picture's short side to have; most DeiTs' 256 where no bundle can be used. */
    public int shortSide() {
        try {
            return bundle().manifest.resizeShort;
        } catch (BundleException e) {
            return 256; // the picture is shown all the same; classifying says what is wrong
        }
    }

    /** A classifier of that bundle, as the settings want it. */
    public Classifier classifier() throws BundleException, ClassifierException {
        return classifier(current.get());
    }

    /**
     * A classifier with other settings than the user's, in place of the one that is open; the next who asks without
     * settings gets the user's again.
     */
    public Classifier classifier(EngineSettings wanted) throws BundleException, ClassifierException {
        ModelBundle chosen = bundle(wanted);
        if (classifier == null) {
            guard.check(chosen);
            digests.check(chosen);
            Classifier opened =
                    guard.guard(
                            chosen,
                            () -> opener.open(settings.engine, chosen.folder, settings.threads, settings.powerMode));
            classifier = new GuardedClassifier(guard, chosen, opened);
        }
        return classifier;
    }

    /** The same, loaded this moment: its first run is a first run. */
    public Classifier reopened() throws BundleException, ClassifierException {
        close();
        return classifier();
    }

    /** The settings that {@link #bundle} and {@link #classifier} were last given by; null before. */
    public EngineSettings settings() {
        return settings;
    }

    void close() {
        bundle = null;
        if (classifier != null) classifier.close();
        classifier = null;
    }
}

package com.example.deit.engine;

import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.BundleManifest;
import com.example.deit.bundle.BundleStore;
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
    /** Opens a classifier: {@link com.example.deit.classify.Classifiers#open}, and in tests one that fails. */
    public interface Opener {
        Classifier open(Engine engine, File folder, int threads, PowerMode mode) throws ClassifierException;
    }

    private final Opener opener;
    private final BundleStore store;
    private final Supplier<EngineSettings> current;

    private EngineSettings settings; // that bundle and classifier are of
    private ModelBundle bundle;
    private long stamp; // of the bundle, when it was chosen
    private Classifier classifier;

    OpenEngine(Opener opener, BundleStore store, Supplier<EngineSettings> current) {
        this.opener = opener;
        this.store = store;
        this.current = current;
    }

    /** All bundles on this device. */
    public List<ModelBundle> bundles() {
        return store.list();
    }

    /** The bundle that the settings choose. */
    public ModelBundle bundle() throws BundleException {
        EngineSettings now = current.get();
        if (bundle == null || !now.equals(settings) || stamp != stamp(bundle)) {
            close();
            bundle = store.choose(now.bundle);
            stamp = stamp(bundle);
            settings = now;
        }
        return bundle;
    }

    /** A classifier of that bundle, as the settings want it. */
    public Classifier classifier() throws BundleException, ClassifierException {
        File folder = bundle().folder;
        if (classifier == null) {
            classifier = opener.open(settings.engine, folder, settings.threads, settings.powerMode);
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

    /** Another number once a bundle has been pushed over this one. */
    private static long stamp(ModelBundle bundle) {
        return new File(bundle.folder, BundleManifest.FILE).lastModified();
    }
}

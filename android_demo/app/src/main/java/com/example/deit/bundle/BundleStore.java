package com.example.deit.bundle;

import android.content.res.AssetManager;
import com.example.deit.bundle.BundleException.Reason;
import java.io.File;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The bundles on this device: those pushed by adb, used where they lie, and those in the app's assets. */
public final class BundleStore {
    private final AssetBundles assets;
    private final File pushed;

    /**
     * @param root folder of the assets that holds one folder a bundle
     * @param copies folder of the app's own that they are unpacked to
     * @param pushed folder that adb pushes to; null while the device has no storage for it
     */
    public BundleStore(AssetManager assets, String root, File copies, File pushed) {
        this.assets = new AssetBundles(assets, root, copies);
        this.pushed = pushed;
    }

    /** Where adb pushes bundles to; null while the device has no storage for it. */
    public File pushFolder() {
        return pushed;
    }

    /**
     * All bundles, also those that cannot be used, pushed ones first. Unpacks assets that are new: not for the main
     * thread.
     */
    public synchronized List<ModelBundle> list() {
        List<ModelBundle> bundles = pushed();
        bundles.addAll(assets.list());
        return bundles;
    }

    /**
     * The bundle to use. Not for the main thread.
     *
     * @param key {@link ModelBundle#key} of the one chosen in the settings; null if none is: the first that can be used
     * @throws BundleException if it cannot be used; never another one in its place
     */
    public ModelBundle choose(String key) throws BundleException {
        ModelBundle broken = null;
        for (ModelBundle bundle : list()) {
            if (key != null && !bundle.key().equals(key)) continue;
            if (bundle.usable()) return bundle;
            if (broken == null) broken = bundle;
        }
        if (broken != null) throw broken.problem.of(broken.name());
        if (key != null) throw new BundleException(Reason.GONE, key.substring(key.indexOf('/') + 1), null);
        throw new BundleException(Reason.NONE, pushed == null ? null : pushed.getPath(), null);
    }

    private List<ModelBundle> pushed() {
        List<ModelBundle> bundles = new ArrayList<>();
        File[] folders = pushed == null ? null : pushed.listFiles(File::isDirectory);
        if (folders == null) return bundles;
        Arrays.sort(folders);
        for (File folder : folders) bundles.add(ModelBundle.of(ModelBundle.Origin.PUSHED, folder));
        return bundles;
    }
}

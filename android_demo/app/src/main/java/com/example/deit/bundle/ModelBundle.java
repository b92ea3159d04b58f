package com.example.deit.bundle;

import android.os.Build;
import com.example.deit.Shown;
import com.example.deit.bundle.BundleException.Reason;
import java.io.File;

/** A bundle on this device: one that can be used, or one that cannot and why. */
public final class ModelBundle {
    /** Where a bundle came from. */
    public enum Origin {
        /** The app's own assets. */
        ASSETS,
        /** The folder that adb pushes to. */
        PUSHED
    }

    public final Origin origin;
    public final File folder;
    /** Null for one that cannot be used. */
    public final BundleManifest manifest;
    /** Why it cannot be used; null if it can. */
    public final BundleException problem;

    private ModelBundle(Origin origin, File folder, BundleManifest manifest, BundleException problem) {
        this.origin = origin;
        this.folder = folder;
        this.manifest = manifest;
        this.problem = problem;
    }

    /** One that cannot be used. */
    ModelBundle(Origin origin, File folder, BundleException problem) {
        this(origin, folder, null, problem);
    }

    /** What a folder holds. The check is quick, by names and sizes; {@link FileDigests} checks the rest. */
    static ModelBundle of(Origin origin, File folder) {
        try {
            return new ModelBundle(origin, folder, check(folder), null);
        } catch (BundleException e) {
            return new ModelBundle(origin, folder, e);
        }
    }

    /** Whether a folder holds all of the bundle with that manifest, though this device may be unable to run it. */
    static boolean isWhole(File folder, String manifest) {
        try {
            return checkFiles(folder).text.equals(manifest);
        } catch (BundleException e) {
            return false;
        }
    }

    private static BundleManifest checkFiles(File folder) throws BundleException {
        BundleManifest manifest = BundleManifest.read(folder);
        for (String name : files()) {
            BundleManifest.Entry entry = manifest.files.get(name);
            File file = new File(folder, name);
            if (entry == null || !file.isFile()) throw new BundleException(Reason.NO_FILE, name, null);
            if (file.length() != entry.bytes) {
                throw new BundleException(Reason.HALF_COPIED, name, file.length() + " / " + entry.bytes + " B");
            }
        }
        return manifest;
    }

    private static BundleManifest check(File folder) throws BundleException {
        BundleManifest manifest = checkFiles(folder);
        boolean x86 = Build.SUPPORTED_ABIS.length > 0 && Build.SUPPORTED_ABIS[0].startsWith("x86");
        if (x86 != manifest.target.equals("x86")) throw new BundleException(Reason.OTHER_TARGET, manifest.target, null);
        if (manifest.armFp16 && CpuFeatures.lacks(CpuFeatures.ASIMDHP)) throw new BundleException(Reason.NO_FP16, null, null);
        if (manifest.target.equals("opencl") && !OpenCl.there()) throw new BundleException(Reason.NO_OPENCL, null, null);
        return manifest;
    }

    /** The files that the app reads, without the manifest; a bundle holds more, for computers. */
    static String[] files() {
        return new String[] {BundleFiles.LABELS, BundleFiles.network()};
    }

    /** Its folder's name for a screen, such as deit_tiny-digits-int8-arm. */
    public String name() {
        return Shown.escaped(folder.getName());
    }

    /** What the settings remember it by: names are unique within an origin only. */
    public String key() {
        return (origin == Origin.ASSETS ? "assets/" : "pushed/") + folder.getName();
    }

    /** Another number once a bundle has been pushed over this one. */
    public long stamp() {
        return new File(folder, BundleManifest.FILE).lastModified();
    }

    public boolean usable() {
        return problem == null;
    }
}

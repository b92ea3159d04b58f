package com.example.deit.bundle;

import java.io.File;

/** A bundle on this device: one that can be used, or one that cannot and why. */
public final class Bundle {
    /** Where a bundle came from. */
    public enum Origin {
        /** The app's own assets. */
        ASSETS,
        /** The folder that adb pushes to. */
        PUSHED
    }

    private final Origin origin;
    private final File folder;
    private final Manifest manifest;
    private final BundleException problem;

    Bundle(Origin origin, File folder, Manifest manifest) {
        this.origin = origin;
        this.folder = folder;
        this.manifest = manifest;
        this.problem = null;
    }

    Bundle(Origin origin, File folder, BundleException problem) {
        this.origin = origin;
        this.folder = folder;
        this.manifest = null;
        this.problem = problem;
    }

    /** Its folder's name, such as deit_tiny-digits-int8-arm. */
    public String name() {
        return folder.getName();
    }

    /** What the settings remember it by: names are unique within an origin only. */
    public String key() {
        return (origin == Origin.ASSETS ? "assets/" : "pushed/") + name();
    }

    public Origin origin() {
        return origin;
    }

    public File folder() {
        return folder;
    }

    public boolean usable() {
        return problem == null;
    }

    /** Null for one that cannot be used. */
    public Manifest manifest() {
        return manifest;
    }

    /** Why it cannot be used; null if it can. */
    public BundleException problem() {
        return problem;
    }
}

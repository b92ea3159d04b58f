package com.example.deit.bundle;

import com.example.deit.Shown;

/** Why a bundle cannot be used. The words for it are in the resources, one sentence for each reason. */
public final class BundleException extends Exception {
    private static final long serialVersionUID = 1;

    /** What is wrong; in brackets what {@link #argument} names. */
    public enum Reason {
        /** No bundle is on this device (the folder that bundles are pushed to; null without storage). */
        NONE,
        /** The one chosen in the settings is not there any more (its name). */
        GONE,
        /** manifest.json is missing: no bundle, or its copy has not ended. */
        NO_MANIFEST,
        /** manifest.json cannot be read as one. */
        BAD_MANIFEST,
        /** A file is missing (its name). */
        NO_FILE,
        /** A file has another size than the manifest says: its copy stopped midway (its name). */
        HALF_COPIED,
        /** A file of the right size holds something else (its name). */
        DAMAGED,
        /** The app ended when it was opened last (its name). */
        CRASHED,
        /** It is for another processor (its target). */
        OTHER_TARGET,
        /** It is for the GPU, and the device gives apps no OpenCL. */
        NO_OPENCL,
        /** Its network for ARM computes in half precision, and not every core of this device's processor does. */
        NO_FP16,
        /** It could not be unpacked from the app (its name). */
        NOT_UNPACKED
    }

    public final Reason reason;
    /** What the reason names; null if it names nothing. */
    public final String argument;

    /** @param detail what a file or a parser said of it, in English; null if nothing did */
    public BundleException(Reason reason, String argument, String detail) {
        super(Shown.line(detail));
        this.reason = reason;
        this.argument = Shown.line(argument);
    }

    /** The same with the bundle's name in front of the detail. */
    BundleException of(String bundle) {
        String detail = getMessage() == null ? bundle : bundle + ": " + getMessage();
        return new BundleException(reason, argument, detail);
    }
}

package com.example.deit.bundle;

import java.io.File;
import java.io.IOException;

/**
 * What this device's processor can do, as far as the kernel tells it apps: by the lines of features in /proc/cpuinfo, one
 * for each core of ARM. The C++ core asks in the same way and more exactly (cpp/src/cpu_features.cpp).
 */
public final class CpuFeatures {
    /** Arithmetic in half precision (FP16). */
    public static final String ASIMDHP = "asimdhp";

    private CpuFeatures() {}

    /** Whether some core lacks it; false where nothing is told. */
    public static boolean lacks(String feature) {
        // Tests have files of other processors.
        return lacks(feature, new File(System.getProperty("deit.cpuinfo", "/proc/cpuinfo")));
    }

    /** The same by another file. */
    static boolean lacks(String feature, File cpuinfo) {
        try {
            for (String line : BundleFiles.text(cpuinfo).split("\n")) {
                String[] parts = line.split(":", 2);
                if (!parts[0].trim().equals("Features")) continue;
                if (parts.length < 2 || !(" " + parts[1].trim() + " ").contains(" " + feature + " ")) return true;
            }
        } catch (IOException e) {
            // The core is asked once more when it opens the bundle.
        }
        return false;
    }
}

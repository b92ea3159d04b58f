package com.example.deit.picture;

import android.content.ContentResolver;
import android.content.res.Resources;
import android.net.Uri;
import com.example.deit.R;
import com.example.deit.bundle.BundleFiles;
import com.example.deit.bundle.ModelBundle;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Pictures to try a bundle with: its own golden picture, and those of the app that show what its classes name. Digits
 * are scikit-learn's, coloured; the photographs come with scikit-image, free of copyright.
 */
public final class Samples {
    private static final String DIGITS = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9";
    private static final int IMAGENET_CLASSES = 1000;
    private static final int[] OF_DIGITS = {
        R.raw.sample_digit_2, R.raw.sample_digit_7, R.raw.sample_digit_8, R.raw.sample_digit_0
    };
    private static final int[] OF_IMAGENET = {R.raw.sample_cat, R.raw.sample_coffee, R.raw.sample_rocket};

    private Samples() {}

    /** The addresses of the pictures that suit a bundle that can be used; perhaps none. Reads its labels. */
    public static List<Uri> of(Resources resources, ModelBundle bundle) {
        List<Uri> samples = new ArrayList<>();
        File golden = new File(bundle.folder, BundleFiles.GOLDEN);
        if (golden.isFile()) samples.add(Uri.fromFile(golden));
        int[] ours = {};
        if (bundle.manifest.classes == IMAGENET_CLASSES) ours = OF_IMAGENET;
        else if (areDigits(new File(bundle.folder, BundleFiles.LABELS))) ours = OF_DIGITS;
        for (int id : ours) {
            samples.add(
                    new Uri.Builder()
                            .scheme(ContentResolver.SCHEME_ANDROID_RESOURCE)
                            .authority(resources.getResourcePackageName(id))
                            .path(resources.getResourceTypeName(id) + "/" + resources.getResourceEntryName(id))
                            .build());
        }
        return samples;
    }

    private static boolean areDigits(File labels) {
        try {
            return BundleFiles.text(labels).trim().equals(DIGITS);
        } catch (IOException e) {
            return false; // opening the bundle says what is wrong with it
        }
    }
}

package com.example.deit.words;

import android.content.res.Resources;
import com.example.deit.R;
import com.example.deit.bundle.BundleManifest;
import com.example.deit.classify.LatencyWindow;
import com.example.deit.classify.Times;
import java.util.Locale;

/** Facts and times as sentences in the user's language. */
public final class Words {
    private Words() {}

    /** Precision and drift of a bundle, and that its files were not compared with the manifest where that is so. */
    public static String facts(Resources resources, BundleManifest manifest) {
        String precision = manifest.precision.toUpperCase(Locale.ROOT);
        Double cosine = manifest.cosineMean;
        Double agreement = manifest.top1Agreement;
        String drift =
                cosine == null || agreement == null
                        ? resources.getString(R.string.drift_unknown, precision)
                        : resources.getString(R.string.drift, precision, cosine, 100 * agreement);
        return manifest.knowsDigests() ? drift : resources.getString(R.string.not_compared, drift);
    }

    /** How long one picture took. */
    public static String times(Resources resources, Times times) {
        return resources.getString(
                R.string.latency, times.preprocessMs, times.inferenceMs, times.totalMs());
    }

    /** How long the last frames took, by the median. */
    public static String times(Resources resources, LatencyWindow window) {
        return resources.getString(
                R.string.latency_median,
                window.median(times -> times.preprocessMs),
                window.median(times -> times.inferenceMs),
                window.median(Times::totalMs),
                window.size());
    }
}

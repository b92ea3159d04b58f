package com.example.deit;

import android.content.res.Resources;
import com.example.deit.bundle.Manifest;
import com.example.deit.camera.LatencyWindow;
import com.example.deit.classify.Times;
import com.example.deit.engine.Answer;
import java.util.Locale;

/** Facts and times as sentences in the user's language. */
public final class Words {
    private Words() {}

    /** Precision and drift of the bundle that answered. */
    static String facts(Resources resources, Answer answer) {
        return facts(resources, answer.bundle().manifest());
    }

    /** Precision and drift of a bundle. */
    public static String facts(Resources resources, Manifest manifest) {
        String precision = manifest.precision().toUpperCase(Locale.ROOT);
        Double cosine = manifest.cosineMean();
        Double agreement = manifest.top1Agreement();
        if (cosine == null || agreement == null) return resources.getString(R.string.drift_unknown, precision);
        return resources.getString(R.string.drift, precision, cosine, 100 * agreement);
    }

    /** How long one picture took. */
    static String times(Resources resources, Times times) {
        return resources.getString(
                R.string.latency, times.preprocessMs(), times.inferenceMs(), times.totalMs());
    }

    /** How long the last frames took, by the median. */
    public static String times(Resources resources, LatencyWindow window) {
        return resources.getString(
                R.string.latency_median,
                window.median(Times::preprocessMs),
                window.median(Times::inferenceMs),
                window.median(Times::totalMs),
                window.size());
    }
}

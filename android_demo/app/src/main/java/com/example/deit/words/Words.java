package com.example.deit.words;

import android.content.res.Resources;
import com.example.deit.R;
import com.example.deit.bundle.BundleManifest;
import com.example.deit.classify.Guess;
import com.example.deit.classify.LatencyWindow;
import com.example.deit.classify.Times;
import java.text.NumberFormat;
import java.util.List;
import java.util.Locale;

/** Facts, times and results as sentences in the user's language. */
public final class Words {
    private Words() {}

    /** Precision and drift of a bundle, and that its files were not compared with the manifest where that is so. */
    public static String facts(Resources resources, BundleManifest manifest) {
        String text = precision(resources, manifest) + "\n" + drift(resources, manifest);
        return manifest.knowsDigests() ? text : text + "\n" + resources.getString(R.string.not_compared);
    }

    /** A bundle in one short line: precision, what runs it, and how often it agrees with the network it was made of. */
    public static String summary(Resources resources, BundleManifest manifest) {
        String where = resources.getString(manifest.target.equals("opencl") ? R.string.on_gpu : R.string.on_cpu);
        String kind = manifest.precision.toUpperCase(Locale.ROOT) + " · " + where;
        Double agreement = manifest.top1Agreement;
        String drift =
                agreement == null
                        ? resources.getString(R.string.drift_short_unknown)
                        : resources.getString(R.string.drift_short, 100 * shown(agreement, 3));
        String text = kind + " · " + drift;
        return manifest.knowsDigests() ? text : text + ". " + resources.getString(R.string.not_compared);
    }

    private static String precision(Resources resources, BundleManifest manifest) {
        switch (manifest.precision) {
            case "int8":
                return resources.getString(R.string.precision_int8);
            case "int8-fp16":
                return resources.getString(R.string.precision_int8_fp16);
            case "fp16":
                return resources.getString(R.string.precision_fp16);
            default:
                return resources.getString(R.string.precision_fp32);
        }
    }

    private static String drift(Resources resources, BundleManifest manifest) {
        Double cosine = manifest.cosineMean;
        Double agreement = manifest.top1Agreement;
        return cosine == null || agreement == null
                ? resources.getString(R.string.drift_unknown)
                : resources.getString(R.string.drift, 100 * shown(agreement, 3), shown(cosine, 4));
    }

    /** A share or a cosine for so many decimals, of which a number below 1 is not rounded to 1. */
    public static double shown(double value, int decimals) {
        return value < 1 - 1e-9 ? Math.min(value, 1 - Math.pow(10, -decimals)) : value;
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

    /** 0 to 1 as hundredths, such as 89.2%. */
    public static String percent(Resources resources, double share) {
        Locale locale = resources.getConfiguration().getLocales().get(0);
        NumberFormat format = NumberFormat.getPercentInstance(locale);
        format.setMinimumFractionDigits(1);
        format.setMaximumFractionDigits(1);
        return format.format(share);
    }

    /** A result to be sent to somebody: a class a line with its share. */
    public static String shared(Resources resources, List<Guess> guesses) {
        StringBuilder text = new StringBuilder();
        for (Guess guess : guesses) {
            text.append(guess.label).append("  ").append(percent(resources, guess.probability)).append('\n');
        }
        return text.toString();
    }
}

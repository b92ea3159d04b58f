package com.example.deit.classify;

/**
 * What the outputs of a resize read along one axis: antialiased bicubic in the fixed point of lite/pictures/prepare.py,
 * the same numbers as cpp/src/taps.cpp.
 */
final class Taps {
    static final int WEIGHT_BITS = 22;

    /** Source pixels of each output. */
    final int taps;
    /** First source pixel of each output, ascending: [crop]. */
    final int[] first;
    /** In units of 2^-22; 0 for pixels that do not count, which may lie beyond the end: [crop][taps]. */
    final int[] weights;

    /** For the {@code crop} outputs in the middle of an axis of {@code source} pixels resized to {@code target}. */
    Taps(int source, long target, int crop) {
        double scale = (double) source / target;
        double stretch = Math.max(scale, 1.0);
        long offset = (target - crop) / 2;
        first = new int[crop];
        int[] stop = new int[crop];
        int most = 1;
        for (int i = 0; i < crop; i++) {
            double centre = (i + offset + 0.5) * scale;
            first[i] = (int) Math.max((long) (centre - 2 * stretch + 0.5), 0);
            stop[i] = (int) Math.min((long) (centre + 2 * stretch + 0.5), source);
            most = Math.max(most, stop[i] - first[i]);
        }
        taps = most;
        weights = new int[crop * taps];
        for (int i = 0; i < crop; i++) {
            double centre = (i + offset + 0.5) * scale;
            double sum = 0;
            for (int j = first[i]; j < stop[i]; j++) sum += cubic((j - centre + 0.5) * (1.0 / stretch));
            for (int j = first[i]; j < stop[i]; j++) {
                weights[i * taps + j - first[i]] = fixedPoint(cubic((j - centre + 0.5) * (1.0 / stretch)) / sum);
            }
        }
    }

    /** Source pixels from the first output's first to the last output's last, at most {@code source} of them. */
    int span(int source) {
        int last = first.length - 1;
        return Math.min(first[last] + taps, source) - first[0];
    }

    /** Catmull-Rom's kernel, a = -0.5, as PIL's bicubic has it. */
    private static double cubic(double x) {
        x = Math.abs(x);
        if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
        if (x < 2) return ((x - 5) * x + 8) * x * -0.5 + 2;
        return 0;
    }

    /** In units of 2^-22, rounded half away from zero. */
    private static int fixedPoint(double weight) {
        double rounded = Math.floor(Math.abs(weight) * (1 << WEIGHT_BITS) + 0.5);
        return (int) Math.copySign(rounded, weight);
    }
}

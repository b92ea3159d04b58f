package com.example.deit.bench;

import java.util.Arrays;

/** Whether runs become slower or faster while they are measured. */
public final class Trend {
    /** Fewer say nothing: a third of them would be a run or two. */
    private static final int LEAST = 9;

    private Trend() {}

    /** By what part the median of the last third is above the first's: 0.1 for a tenth more, NaN for too few runs. */
    public static double of(double[] latencies) {
        if (latencies.length < LEAST) return Double.NaN;
        int third = latencies.length / 3;
        double first = new Statistics(Arrays.copyOf(latencies, third)).p50;
        double last = new Statistics(Arrays.copyOfRange(latencies, latencies.length - third, latencies.length)).p50;
        return first <= 0 ? 0 : last / first - 1;
    }
}

package com.example.deit.bench;

import java.util.Arrays;

/**
 * What a row of measurements says, by the formulas of the command line (statistics.cpp): percentiles are interpolated
 * linearly between order statistics at place q * (n - 1), which is numpy's default; the standard deviation is the
 * sample's (n - 1), 0 for a single one. All in the unit of the samples.
 */
public final class Statistics {
    /** Fewer runs have no trend: a third of them would be a run or two. */
    private static final int LEAST = 9;

    public final double mean;
    public final double p50;
    public final double p90;
    public final double p99;
    public final double min;
    public final double max;
    public final double stddev;

    /** @throws IllegalArgumentException if there is no sample */
    public Statistics(double[] samples) {
        if (samples.length == 0) throw new IllegalArgumentException("no sample");
        double[] sorted = samples.clone();
        Arrays.sort(sorted);
        double sum = 0;
        for (double sample : sorted) sum += sample;
        mean = sum / sorted.length;
        p50 = percentile(sorted, 0.50);
        p90 = percentile(sorted, 0.90);
        p99 = percentile(sorted, 0.99);
        min = sorted[0];
        max = sorted[sorted.length - 1];
        double squares = 0;
        for (double sample : sorted) squares += (sample - mean) * (sample - mean);
        stddev = sorted.length > 1 ? Math.sqrt(squares / (sorted.length - 1)) : 0;
    }

    /**
     * Whether runs become slower or faster while they are measured: by what part the median of the last third is above
     * the first's. 0.1 for a tenth more, NaN for too few runs.
     */
    public static double trend(double[] latencies) {
        if (latencies.length < LEAST) return Double.NaN;
        int third = latencies.length / 3;
        double first = new Statistics(Arrays.copyOf(latencies, third)).p50;
        double last = new Statistics(Arrays.copyOfRange(latencies, latencies.length - third, latencies.length)).p50;
        return first <= 0 ? 0 : last / first - 1;
    }

    private static double percentile(double[] sorted, double fraction) {
        double place = fraction * (sorted.length - 1);
        int below = (int) place;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }
}

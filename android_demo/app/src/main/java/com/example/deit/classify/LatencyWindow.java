package com.example.deit.classify;

import java.util.ArrayDeque;
import java.util.function.ToDoubleFunction;

/** How long the last 30 classifications took, and how many there were a second. */
public final class LatencyWindow {
    private static final int FRAMES = 30;

    private final ArrayDeque<Times> times = new ArrayDeque<>(FRAMES);
    private final ArrayDeque<Long> moments = new ArrayDeque<>(FRAMES);

    /** @param nanos when it ended, by a clock that never goes back */
    public void add(Times newest, long nanos) {
        if (times.size() == FRAMES) {
            times.removeFirst();
            moments.removeFirst();
        }
        times.addLast(newest);
        moments.addLast(nanos);
    }

    /** How many there are: at most 30. */
    public int size() {
        return times.size();
    }

    /** The median of one of the times, of an even number the mean of the two in the middle. There must be one. */
    public double median(ToDoubleFunction<Times> which) {
        double[] sorted = times.stream().mapToDouble(which).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** Classifications a second; 0 before there are two. */
    public double rate() {
        if (moments.size() < 2) return 0;
        long nanos = moments.getLast() - moments.getFirst();
        return nanos == 0 ? 0 : (moments.size() - 1) * 1e9 / nanos;
    }
}

package com.example.deit.classify;

import java.util.ArrayDeque;
import java.util.function.ToDoubleFunction;

/** How long the last 30 classifications took. */
public final class LatencyWindow {
    static final int FRAMES = 30;

    private final ArrayDeque<Times> times = new ArrayDeque<>(FRAMES);

    public void add(Times newest) {
        if (times.size() == FRAMES) times.removeFirst();
        times.addLast(newest);
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
}

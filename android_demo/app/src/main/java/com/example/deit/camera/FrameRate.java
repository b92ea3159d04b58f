package com.example.deit.camera;

import java.util.ArrayDeque;

/** How many frames a second are answered, over the last ones. */
public final class FrameRate {
    private static final int FRAMES = 30;

    private final ArrayDeque<Long> moments = new ArrayDeque<>(FRAMES);

    /** @param nanos of a clock that never goes back */
    public void add(long nanos) {
        if (moments.size() == FRAMES) moments.removeFirst();
        moments.addLast(nanos);
    }

    /** Frames a second; 0 before there are two. */
    public double rate() {
        if (moments.size() < 2) return 0;
        long nanos = moments.getLast() - moments.getFirst();
        return nanos == 0 ? 0 : (moments.size() - 1) * 1e9 / nanos;
    }
}

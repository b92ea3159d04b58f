package com.example.deit.classify;

/** How long one classification took, in milliseconds. */
public final class Times {
    /** 0 for a bitmap, which is decoded already. */
    public final double decodeMs;
    /** Taking the pixels out of the bitmap, resizing, cutting the centre and normalising. */
    public final double preprocessMs;
    /** Running the network. */
    public final double inferenceMs;

    public Times(double decodeMs, double preprocessMs, double inferenceMs) {
        this.decodeMs = decodeMs;
        this.preprocessMs = preprocessMs;
        this.inferenceMs = inferenceMs;
    }

    /** All of it. */
    public double totalMs() {
        return decodeMs + preprocessMs + inferenceMs;
    }

    /** The clock: milliseconds since some moment; never goes back. */
    static double nowMs() {
        return System.nanoTime() / 1e6;
    }
}

package com.example.deit.classify;

/** How long one classification took, in milliseconds. */
public final class Times {
    private final double decodeMs;
    private final double preprocessMs;
    private final double inferenceMs;

    public Times(double decodeMs, double preprocessMs, double inferenceMs) {
        this.decodeMs = decodeMs;
        this.preprocessMs = preprocessMs;
        this.inferenceMs = inferenceMs;
    }

    /** 0 for a bitmap, which is decoded already. */
    public double decodeMs() {
        return decodeMs;
    }

    /** Taking the pixels out of the bitmap, resizing, cutting the centre and normalising. */
    public double preprocessMs() {
        return preprocessMs;
    }

    /** Running the network. */
    public double inferenceMs() {
        return inferenceMs;
    }

    /** All of it. */
    public double totalMs() {
        return decodeMs + preprocessMs + inferenceMs;
    }
}

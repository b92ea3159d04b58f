package com.example.deit.classify;

/** A clock for what lasts milliseconds. */
final class Milliseconds {
    private Milliseconds() {}

    /** Since some moment; never goes back. */
    static double now() {
        return System.nanoTime() / 1e6;
    }
}

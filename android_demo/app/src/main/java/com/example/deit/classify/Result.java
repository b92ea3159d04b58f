package com.example.deit.classify;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What a picture is of, and how long it took to find out. */
public final class Result {
    private final List<Guess> guesses;
    private final Times times;

    public Result(List<Guess> guesses, Times times) {
        this.guesses = Collections.unmodifiableList(new ArrayList<>(guesses));
        this.times = times;
    }

    /** Likeliest first; at least one. The list cannot be changed. */
    public List<Guess> guesses() {
        return guesses;
    }

    public Times times() {
        return times;
    }
}

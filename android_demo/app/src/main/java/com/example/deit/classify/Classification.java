package com.example.deit.classify;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What a picture is of, and how long it took to find out. */
public final class Classification {
    /** Likeliest first; at least one. The list cannot be changed. */
    public final List<Guess> guesses;
    public final Times times;

    public Classification(List<Guess> guesses, Times times) {
        this.guesses = Collections.unmodifiableList(new ArrayList<>(guesses));
        this.times = times;
    }
}

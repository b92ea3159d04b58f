package com.example.deit.classify;

import java.util.ArrayList;
import java.util.List;

/** The likeliest classes of a row of logits, as cpp/src/topk.cpp finds them. */
final class Likeliest {
    private Likeliest() {}

    /** The {@code k} likeliest, likeliest first, the lower index first among equals; all if there are fewer. */
    static List<Guess> of(float[] logits, String[] labels, int k) {
        double largest = Double.NEGATIVE_INFINITY;
        for (float logit : logits) largest = Math.max(largest, logit);
        // Less the largest, so that no exponential overflows.
        double sum = 0;
        for (float logit : logits) sum += Math.exp(logit - largest);
        List<Guess> guesses = new ArrayList<>();
        boolean[] taken = new boolean[logits.length];
        while (guesses.size() < Math.min(k, logits.length)) {
            int best = -1;
            for (int i = 0; i < logits.length; i++) {
                if (!taken[i] && (best < 0 || logits[i] > logits[best])) best = i;
            }
            taken[best] = true;
            guesses.add(new Guess(best, labels[best], logits[best], Math.exp(logits[best] - largest) / sum));
        }
        return guesses;
    }
}

package com.example.deit.classify;

import com.example.deit.Shown;
import java.util.ArrayList;
import java.util.List;

/** One class that a picture may be of. */
public final class Guess {
    /** Number of the class, from 0. */
    public final int index;
    /** Name of the class, as the bundle's labels.txt has it; control characters are escaped. */
    public final String label;
    /** What the network says of the class. */
    public final float logit;
    /** 0 to 1, by softmax over all classes. */
    public final double probability;

    public Guess(int index, String label, float logit, double probability) {
        this.index = index;
        this.label = Shown.escaped(label);
        this.logit = logit;
        this.probability = probability;
    }

    /**
     * The {@code k} likeliest classes of a row of logits, as cpp/src/topk.cpp finds them: likeliest first, the lower
     * index first among equals; all if there are fewer.
     */
    static List<Guess> likeliest(float[] logits, String[] labels, int k) {
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

    @Override
    public String toString() {
        return label + " " + probability;
    }
}

package com.example.deit.classify;

/** One class that a picture may be of. */
public final class Guess {
    private final int index;
    private final String label;
    private final float logit;
    private final double probability;

    public Guess(int index, String label, float logit, double probability) {
        this.index = index;
        this.label = label;
        this.logit = logit;
        this.probability = probability;
    }

    /** Number of the class, from 0. */
    public int index() {
        return index;
    }

    /** Name of the class, as the bundle's labels.txt has it. */
    public String label() {
        return label;
    }

    /** What the network says of the class. */
    public float logit() {
        return logit;
    }

    /** 0 to 1, by softmax over all classes. */
    public double probability() {
        return probability;
    }

    @Override
    public String toString() {
        return label + " " + probability;
    }
}

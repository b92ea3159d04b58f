package com.example.deit.engine;

import android.content.SharedPreferences;

/** What the user wants to see of an answer. A change needs no other engine. */
public final class ResultSettings {
    private static final String CLASSES = "classes";
    private static final String THRESHOLD = "threshold";
    private static final int MOST = 20;

    /** How many of the likeliest classes are shown, 1 to 20. */
    public final int classes;
    /** Classes less likely than so many hundredths are not shown: 0 to 99. */
    public final int threshold;

    public ResultSettings(int classes, int threshold) {
        this.classes = Math.min(Math.max(1, classes), MOST);
        this.threshold = Math.min(Math.max(0, threshold), 99);
    }

    /** What was saved last; at first five classes however unlikely. */
    public static ResultSettings load(SharedPreferences preferences) {
        return new ResultSettings(preferences.getInt(CLASSES, 5), preferences.getInt(THRESHOLD, 0));
    }

    public void save(SharedPreferences preferences) {
        preferences.edit().putInt(CLASSES, classes).putInt(THRESHOLD, threshold).apply();
    }

    /** The threshold as a probability. */
    public double share() {
        return threshold / 100.0;
    }
}

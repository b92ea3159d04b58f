package com.example.deit.words;

import static org.junit.Assert.assertEquals;

import java.util.Locale;
import org.junit.Test;

public class WordsTest {
    @Test
    public void whatIsLessThanAllIsNotShownAsAll() {
        assertEquals("99.9", String.format(Locale.ROOT, "%.1f", 100 * Words.shown(0.99998, 3)));
        assertEquals("97.8", String.format(Locale.ROOT, "%.1f", 100 * Words.shown(0.9775, 3)));
        assertEquals("100.0", String.format(Locale.ROOT, "%.1f", 100 * Words.shown(1, 3)));
        assertEquals("0.9999", String.format(Locale.ROOT, "%.4f", Words.shown(0.999992, 4)));
        // Of the same answers, rounded once on the way.
        assertEquals("1.0000", String.format(Locale.ROOT, "%.4f", Words.shown(Math.nextDown(1.0), 4)));
    }
}

package com.example.deit.bench;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

/** How far two rows of scores are apart. */
public class ComparisonTest {
    @Test
    public void cosine() {
        assertEquals(1, Comparison.cosine(new float[] {1, 2, 3}, new float[] {2, 4, 6}), 1e-12);
        assertEquals(-1, Comparison.cosine(new float[] {1, 2}, new float[] {-1, -2}), 1e-12);
        assertEquals(0, Comparison.cosine(new float[] {1, 0}, new float[] {0, 5}), 1e-12);
        assertEquals(0, Comparison.cosine(new float[] {0, 0}, new float[] {1, 1}), 0);
    }
}

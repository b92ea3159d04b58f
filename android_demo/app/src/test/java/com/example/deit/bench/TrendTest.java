package com.example.deit.bench;

import static org.junit.Assert.assertEquals;

import java.util.Arrays;
import org.junit.Test;

/** Whether runs become slower, and how far two rows of scores are apart. */
public class TrendTest {
    @Test
    public void theLastThirdIsHeldAgainstTheFirst() {
        assertEquals(0.5, Trend.of(new double[] {10, 10, 10, 99, 99, 99, 15, 15, 15}), 1e-9);
        assertEquals(-0.5, Trend.of(new double[] {10, 10, 10, 1, 1, 1, 5, 5, 5}), 1e-9);
        double[] steady = new double[100];
        Arrays.fill(steady, 7);
        assertEquals(0, Trend.of(steady), 0);
    }

    @Test
    public void oneSlowRunIsNoTrend() {
        double[] runs = new double[30];
        Arrays.fill(runs, 10);
        runs[29] = 500;
        assertEquals(0, Trend.of(runs), 0);
    }

    @Test
    public void fewRunsSayNothing() {
        assertEquals(Double.NaN, Trend.of(new double[] {1, 1, 1, 1, 9, 9, 9, 9}), 0);
    }

    @Test
    public void cosine() {
        assertEquals(1, Comparison.cosine(new float[] {1, 2, 3}, new float[] {2, 4, 6}), 1e-12);
        assertEquals(-1, Comparison.cosine(new float[] {1, 2}, new float[] {-1, -2}), 1e-12);
        assertEquals(0, Comparison.cosine(new float[] {1, 0}, new float[] {0, 5}), 1e-12);
        assertEquals(0, Comparison.cosine(new float[] {0, 0}, new float[] {1, 1}), 0);
    }
}

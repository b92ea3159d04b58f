package com.example.deit.bench;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.util.Arrays;
import org.junit.Test;

/** The formulas of the command line, which are numpy's: the figures here are numpy.percentile's and numpy.std's. */
public class StatisticsTest {
    @Test
    public void percentilesLieBetweenSamples() {
        Statistics values = new Statistics(new double[] {4, 1, 3, 2, 10});
        assertEquals(4, values.mean, 1e-12);
        assertEquals(3, values.p50, 1e-12);
        assertEquals(7.6, values.p90, 1e-12);
        assertEquals(9.76, values.p99, 1e-12);
        assertEquals(1, values.min, 0);
        assertEquals(10, values.max, 0);
        assertEquals(3.5355339059327378, values.stddev, 1e-12);
    }

    @Test
    public void oneSampleIsAllOfThem() {
        Statistics values = new Statistics(new double[] {2.5});
        for (double value : new double[] {values.mean, values.p50, values.p90, values.p99, values.min, values.max}) {
            assertEquals(2.5, value, 0);
        }
        assertEquals(0, values.stddev, 0);
    }

    @Test
    public void samplesStayInTheirOrder() {
        double[] samples = {3, 1, 2};
        assertEquals(2, new Statistics(samples).p50, 0);
        assertEquals(3, samples[0], 0);
    }

    @Test
    public void noSampleIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Statistics(new double[0]));
    }

    @Test
    public void theLastThirdIsHeldAgainstTheFirst() {
        assertEquals(0.5, Statistics.trend(new double[] {10, 10, 10, 99, 99, 99, 15, 15, 15}), 1e-9);
        assertEquals(-0.5, Statistics.trend(new double[] {10, 10, 10, 1, 1, 1, 5, 5, 5}), 1e-9);
        double[] steady = new double[100];
        Arrays.fill(steady, 7);
        assertEquals(0, Statistics.trend(steady), 0);
    }

    @Test
    public void oneSlowRunIsNoTrend() {
        double[] runs = new double[30];
        Arrays.fill(runs, 10);
        runs[29] = 500;
        assertEquals(0, Statistics.trend(runs), 0);
    }

    @Test
    public void fewRunsSayNothing() {
        assertEquals(Double.NaN, Statistics.trend(new double[] {1, 1, 1, 1, 9, 9, 9, 9}), 0);
    }
}

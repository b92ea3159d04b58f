package com.example.deit.bench;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

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
}

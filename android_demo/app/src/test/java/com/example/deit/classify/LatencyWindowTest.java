package com.example.deit.classify;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

/** Frames a second, of the last ones. */
public class LatencyWindowTest {
    private static final Times TIMES = new Times(0, 1, 2);

    @Test
    public void oneFrameHasNoRate() {
        LatencyWindow window = new LatencyWindow();
        assertEquals(0, window.rate(), 0);
        window.add(TIMES, 5);
        assertEquals(0, window.rate(), 0);
        window.add(TIMES, 5);
        assertEquals("nor two of one moment", 0, window.rate(), 0);
    }

    @Test
    public void itIsThatOfTheLast30() {
        LatencyWindow window = new LatencyWindow();
        long now = 1_000_000_000_000L;
        for (int i = 0; i < 50; i++) window.add(TIMES, now += 1_000_000_000);
        assertEquals(1, window.rate(), 1e-9);
        for (int i = 0; i < 30; i++) window.add(TIMES, now += 50_000_000);
        assertEquals(20, window.rate(), 1e-9);
    }
}

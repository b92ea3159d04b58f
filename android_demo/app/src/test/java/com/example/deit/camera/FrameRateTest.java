package com.example.deit.camera;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

/** Frames a second, of the last ones. */
public class FrameRateTest {
    @Test
    public void oneFrameHasNoRate() {
        FrameRate rate = new FrameRate();
        assertEquals(0, rate.rate(), 0);
        rate.add(5);
        assertEquals(0, rate.rate(), 0);
        rate.add(5);
        assertEquals("nor two of one moment", 0, rate.rate(), 0);
    }

    @Test
    public void itIsThatOfTheLast30() {
        FrameRate rate = new FrameRate();
        long now = 1_000_000_000_000L;
        for (int i = 0; i < 50; i++) rate.add(now += 1_000_000_000);
        assertEquals(1, rate.rate(), 1e-9);
        for (int i = 0; i < 30; i++) rate.add(now += 50_000_000);
        assertEquals(20, rate.rate(), 1e-9);
    }
}

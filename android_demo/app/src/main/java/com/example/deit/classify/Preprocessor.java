package com.example.deit.classify;

import java.nio.ByteBuffer;

/** A picture to the network's input tensor: the same numbers as lite/pictures/prepare.py and the C++ core, to the bit. */
final class Preprocessor {
    private static final int CHANNELS = 3;
    private static final int LEVELS = 256;

    private final Resizer resizer;
    private final byte[] square;
    private final float[][] levels = new float[CHANNELS][LEVELS];
    private final float[] tensor;

    /** {@code mean} and {@code std} are those of red, green and blue on the 0-1 scale. */
    Preprocessor(int resizeShort, int crop, float[] mean, float[] std) {
        resizer = new Resizer(resizeShort, crop);
        square = new byte[crop * crop * CHANNELS];
        tensor = new float[square.length];
        for (int c = 0; c < CHANNELS; c++) {
            for (int level = 0; level < LEVELS; level++) {
                // Step 5: float throughout, each step rounded.
                float scaled = level * (float) (1.0 / 255);
                levels[c][level] = (scaled - mean[c]) / std[c];
            }
        }
    }

    /**
     * Planes red, green and blue of crop x crop values, row by row, in an array that the next call overwrites. Pixel
     * (x, y) of {@code rgba} starts at y * stride + 4 * x; alpha is dropped.
     */
    float[] run(ByteBuffer rgba, int width, int height, int stride) {
        resizer.run(rgba, width, height, stride, square);
        int plane = square.length / CHANNELS;
        for (int c = 0; c < CHANNELS; c++) {
            for (int i = 0; i < plane; i++) tensor[c * plane + i] = levels[c][square[CHANNELS * i + c] & 0xFF];
        }
        return tensor;
    }
}

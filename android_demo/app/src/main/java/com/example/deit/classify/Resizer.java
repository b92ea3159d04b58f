package com.example.deit.classify;

import java.nio.Buffer;
import java.nio.ByteBuffer;

/** The short side to a size, then the centre square: lite/pictures/prepare.py, steps 2 to 4, as cpp/src/resize.cpp. */
final class Resizer {
    private static final int RGB = 3;
    private static final int RGBA = 4;
    private static final int HALF = 1 << (Taps.WEIGHT_BITS - 1);

    private final int resizeShort;
    private final int crop;
    private int width;
    private int height;
    private Taps x;
    private Taps y;
    private byte[] row;
    private byte[] narrow; // the rows that y reads, resized along x: RGB [rows][crop]

    /** Short side after resizing, and side of the centre square, in pixels. */
    Resizer(int resizeShort, int crop) {
        this.resizeShort = resizeShort;
        this.crop = crop;
    }

    /**
     * Writes the centre square, RGB [crop][crop], to {@code out}; alpha is dropped. Pixel (x, y) of {@code rgba} starts
     * at y * stride + 4 * x.
     */
    void run(ByteBuffer rgba, int pictureWidth, int pictureHeight, int stride, byte[] out) {
        prepare(pictureWidth, pictureHeight);
        alongX(rgba, stride);
        alongY(out);
    }

    private void prepare(int newWidth, int newHeight) {
        if (newWidth == width && newHeight == height) return;
        width = 0; // should memory run out below, the tables are nobody's
        double scale = (double) resizeShort / Math.min(newWidth, newHeight);
        // As Python's round(side * scale): halves to even.
        x = new Taps(newWidth, (long) Math.rint(newWidth * scale), crop);
        y = new Taps(newHeight, (long) Math.rint(newHeight * scale), crop);
        row = new byte[x.span(newWidth) * RGBA];
        narrow = new byte[y.span(newHeight) * crop * RGB];
        width = newWidth;
        height = newHeight;
    }

    private void alongX(ByteBuffer bytes, int stride) {
        int left = x.first[0];
        int top = y.first[0];
        int rows = y.span(height);
        int to = 0;
        for (int line = 0; line < rows; line++) {
            // By its base class: ByteBuffer has a position(int) of its own only from API 28 on.
            ((Buffer) bytes).position((top + line) * stride + left * RGBA);
            bytes.get(row);
            for (int i = 0; i < crop; i++) {
                int weight = i * x.taps;
                int from = (x.first[i] - left) * RGBA;
                int end = Math.min(from + x.taps * RGBA, row.length);
                int red = HALF;
                int green = HALF;
                int blue = HALF;
                for (; from < end; from += RGBA) {
                    int w = x.weights[weight++];
                    red += w * (row[from] & 0xFF);
                    green += w * (row[from + 1] & 0xFF);
                    blue += w * (row[from + 2] & 0xFF);
                }
                narrow[to++] = level(red);
                narrow[to++] = level(green);
                narrow[to++] = level(blue);
            }
        }
    }

    private void alongY(byte[] out) {
        int line = crop * RGB;
        for (int i = 0; i < crop; i++) {
            int begin = (y.first[i] - y.first[0]) * line;
            int taps = Math.min(y.taps, (narrow.length - begin) / line);
            for (int at = 0; at < line; at++) {
                int sum = HALF;
                for (int tap = 0, from = begin + at; tap < taps; tap++, from += line) {
                    sum += y.weights[i * y.taps + tap] * (narrow[from] & 0xFF);
                }
                out[i * line + at] = level(sum);
            }
        }
    }

    /** Level of a sum that has half a level added. */
    private static byte level(int sum) {
        return (byte) Math.max(0, Math.min(sum >> Taps.WEIGHT_BITS, 255));
    }
}

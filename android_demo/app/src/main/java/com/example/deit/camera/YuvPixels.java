package com.example.deit.camera;

import android.graphics.Bitmap;
import java.nio.Buffer;
import java.nio.ByteBuffer;

/**
 * A camera's frame as pixels: YUV 4:2:0 in three planes → ARGB, turned upright. Cameras give full-range BT.601, as JFIF
 * has it (ITU-T T.871, 7).
 */
final class YuvPixels {
    /** One plane, as {@link android.media.Image.Plane} has it: bytes from one row to the next, and from one pixel. */
    static final class Plane {
        final ByteBuffer bytes;
        final int rowStride;
        final int pixelStride;

        Plane(ByteBuffer bytes, int rowStride, int pixelStride) {
            this.bytes = bytes;
            this.rowStride = rowStride;
            this.pixelStride = pixelStride;
        }

        /** Reads a row into {@code to}; the last one may end with its last pixel. */
        private void row(int y, byte[] to) {
            ByteBuffer from = bytes.duplicate();
            ((Buffer) from).position(y * rowStride); // ByteBuffer has its own only since Java 9
            from.get(to, 0, Math.min(Math.min(rowStride, to.length), from.remaining()));
        }
    }

    private int[] pixels = {}; // kept from frame to frame

    /**
     * Converts a frame.
     *
     * @param degrees to turn clockwise: 0, 90, 180 or 270
     * @param reuse overwritten if it has the size; null for none
     * @return ARGB_8888
     */
    Bitmap convert(Plane luma, Plane blue, Plane red, int width, int height, int degrees, Bitmap reuse) {
        boolean across = degrees % 180 == 90;
        int outWidth = across ? height : width;
        int outHeight = across ? width : height;
        if (pixels.length != width * height) pixels = new int[width * height];
        byte[] ys = new byte[luma.rowStride];
        byte[] us = new byte[blue.rowStride];
        byte[] vs = new byte[red.rowStride];
        // Where pixel 0,0 goes, and how far one further to the right and one further down.
        int start = 0;
        int right = 1;
        int down = outWidth;
        if (degrees == 90) {
            start = outWidth - 1;
            right = outWidth;
            down = -1;
        } else if (degrees == 180) {
            start = outWidth * outHeight - 1;
            right = -1;
            down = -outWidth;
        } else if (degrees == 270) {
            start = outWidth * (outHeight - 1);
            right = -outWidth;
            down = 1;
        }
        for (int y = 0; y < height; y++) {
            luma.row(y, ys);
            if (y % 2 == 0) {
                blue.row(y / 2, us);
                red.row(y / 2, vs);
            }
            int to = start + y * down;
            for (int x = 0; x < width; x++, to += right) {
                int u = (us[x / 2 * blue.pixelStride] & 255) - 128;
                int v = (vs[x / 2 * red.pixelStride] & 255) - 128;
                pixels[to] = argb(ys[x * luma.pixelStride] & 255, u, v);
            }
        }
        boolean fits = reuse != null && reuse.getWidth() == outWidth && reuse.getHeight() == outHeight;
        Bitmap bitmap = fits ? reuse : Bitmap.createBitmap(outWidth, outHeight, Bitmap.Config.ARGB_8888);
        bitmap.setPixels(pixels, 0, outWidth, 0, 0, outWidth, outHeight);
        return bitmap;
    }

    /** T.871's equations in 16 fractional bits. */
    private static int argb(int y, int u, int v) {
        int luma = (y << 16) + (1 << 15);
        int red = clamp(luma + 91881 * v >> 16); // 1.402
        int green = clamp(luma - 22554 * u - 46802 * v >> 16); // 0.344136, 0.714136
        int blue = clamp(luma + 116130 * u >> 16); // 1.772
        return 0xFF000000 | red << 16 | green << 8 | blue;
    }

    private static int clamp(int value) {
        return value < 0 ? 0 : Math.min(value, 255);
    }
}

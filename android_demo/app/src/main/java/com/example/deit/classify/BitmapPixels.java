package com.example.deit.classify;

import android.graphics.Bitmap;
import android.graphics.Color;
import com.example.deit.classify.ClassifierException.Code;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;

/**
 * A bitmap's pixels where native code and Java can read them: RGBA, rows from top to bottom. That is the one copy
 * made of them, into one buffer that stays for the next bitmaps.
 */
final class BitmapPixels {
    private static final boolean BLUE_FIRST = isBlueFirst();

    private ByteBuffer bytes = ByteBuffer.allocateDirect(0);

    /**
     * A copy of the pixels, until the next call; throws {@code PICTURE} for a bitmap whose pixels are not there as
     * ARGB_8888.
     *
     * @return a direct buffer, longer than the pixels where a larger bitmap came before; rows have
     *     {@link Bitmap#getRowBytes} bytes
     */
    ByteBuffer of(Bitmap bitmap) throws ClassifierException {
        if (bitmap == null || bitmap.isRecycled()) {
            throw new ClassifierException(Code.PICTURE, "the bitmap is recycled: decode the picture again");
        }
        check(bitmap.getConfig());
        int needed = bitmap.getByteCount();
        if (bytes.capacity() < needed) {
            // Both at a time may be more than there is room for.
            bytes = ByteBuffer.allocateDirect(0);
            bytes = allocate(needed, bitmap);
        }
        copy(bitmap, bytes);
        if (BLUE_FIRST) swap(bytes.asIntBuffer(), needed / 4);
        return bytes;
    }

    /** Throws {@code PICTURE} for a configuration whose pixels are not RGBA in memory: hardware, RGB_565, F16. */
    static void check(Bitmap.Config config) throws ClassifierException {
        if (config == Bitmap.Config.ARGB_8888) return;
        throw new ClassifierException(
                Code.PICTURE, "a bitmap of " + config + ": decode it, or copy() it, to ARGB_8888");
    }

    private static void copy(Bitmap bitmap, ByteBuffer to) {
        // By its base class: ByteBuffer has a clear() of its own only from API 28 on.
        ((Buffer) to).clear();
        bitmap.copyPixelsToBuffer(to);
        ((Buffer) to).clear();
    }

    /** Android's bitmaps are RGBA; the framework on other computers, for tests, may have BGRA. */
    private static boolean isBlueFirst() {
        Bitmap red = Bitmap.createBitmap(1, 1, Bitmap.Config.ARGB_8888);
        red.setPixel(0, 0, Color.RED);
        ByteBuffer pixel = ByteBuffer.allocateDirect(4);
        copy(red, pixel);
        return pixel.get(0) == 0;
    }

    private static void swap(IntBuffer pixels, int count) {
        for (int i = 0; i < count; i++) {
            int pixel = pixels.get(i); // big-endian: the first byte is on top
            pixels.put(i, pixel & 0x00FF00FF | pixel >>> 16 & 0xFF00 | pixel << 16 & 0xFF000000);
        }
    }

    private static ByteBuffer allocate(int size, Bitmap bitmap) throws ClassifierException {
        try {
            return ByteBuffer.allocateDirect(size);
        } catch (OutOfMemoryError error) {
            throw new ClassifierException(
                    Code.MEMORY,
                    "no memory for " + bitmap.getWidth() + "x" + bitmap.getHeight()
                            + " pixels: decode the picture smaller",
                    error);
        }
    }
}

package com.example.deit.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertSame;

import android.graphics.Bitmap;
import android.graphics.Color;
import java.nio.ByteBuffer;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** A camera's planes become the colours that they stand for, upright. */
@RunWith(RobolectricTestRunner.class)
public class YuvPixelsTest {
    private static final int WIDTH = 6;
    private static final int HEIGHT = 4;
    // Red, green and blue of JFIF's equations forward, by hand: Y, Cb, Cr.
    private static final int[] RED = {76, 85, 255};
    private static final int[] GREEN = {150, 44, 21};
    private static final int[] BLUE = {29, 255, 107};
    private static final int[] WHITE = {255, 128, 128};

    /** Red, green / blue, white in quarters of 2 to 4 columns; strides as cameras have them, longer than the rows. */
    private static YuvPixels.Plane plane(int part, int rowStride, int pixelStride) {
        int step = part == 0 ? 1 : 2;
        // The last row ends with its last pixel.
        int size = (HEIGHT / step - 1) * rowStride + (WIDTH / step - 1) * pixelStride + 1;
        ByteBuffer bytes = ByteBuffer.allocateDirect(size);
        for (int y = 0; y < HEIGHT; y += step) {
            for (int x = 0; x < WIDTH; x += step) {
                int[] colour = y < 2 ? (x < 2 ? RED : GREEN) : (x < 2 ? BLUE : WHITE);
                bytes.put(y / step * rowStride + x / step * pixelStride, (byte) colour[part]);
            }
        }
        return new YuvPixels.Plane(bytes, rowStride, pixelStride);
    }

    private static Bitmap convert(YuvPixels pixels, int degrees, Bitmap reuse) {
        return pixels.convert(plane(0, 8, 1), plane(1, 8, 2), plane(2, 8, 2), WIDTH, HEIGHT, degrees, reuse);
    }

    private static void assertColour(int expected, Bitmap bitmap, int x, int y) {
        int found = bitmap.getPixel(x, y);
        String what = Integer.toHexString(found) + " at " + x + "," + y;
        assertEquals(what, Color.red(expected), Color.red(found), 2);
        assertEquals(what, Color.green(expected), Color.green(found), 2);
        assertEquals(what, Color.blue(expected), Color.blue(found), 2);
        assertEquals(255, Color.alpha(found));
    }

    private static void assertCorners(Bitmap bitmap, int upperLeft, int upperRight, int lowerLeft, int lowerRight) {
        int right = bitmap.getWidth() - 1;
        int bottom = bitmap.getHeight() - 1;
        assertColour(upperLeft, bitmap, 0, 0);
        assertColour(upperRight, bitmap, right, 0);
        assertColour(lowerLeft, bitmap, 0, bottom);
        assertColour(lowerRight, bitmap, right, bottom);
    }

    @Test
    public void eachTurnPutsTheCornersWhereTheyBelong() {
        YuvPixels pixels = new YuvPixels();
        assertCorners(convert(pixels, 0, null), Color.RED, Color.GREEN, Color.BLUE, Color.WHITE);
        assertCorners(convert(pixels, 90, null), Color.BLUE, Color.RED, Color.WHITE, Color.GREEN);
        assertCorners(convert(pixels, 180, null), Color.WHITE, Color.BLUE, Color.GREEN, Color.RED);
        assertCorners(convert(pixels, 270, null), Color.GREEN, Color.WHITE, Color.RED, Color.BLUE);
        Bitmap turned = convert(pixels, 90, null);
        assertEquals(HEIGHT, turned.getWidth());
        assertEquals(WIDTH, turned.getHeight());
    }

    @Test
    public void colourChangesWhereThePlanesDo() {
        Bitmap bitmap = convert(new YuvPixels(), 0, null);
        assertColour(Color.RED, bitmap, 1, 1);
        assertColour(Color.GREEN, bitmap, 2, 1);
        assertColour(Color.BLUE, bitmap, 1, 2);
    }

    @Test
    public void planesWithoutGapsAreReadAsWell() {
        Bitmap bitmap = new YuvPixels()
                .convert(plane(0, WIDTH, 1), plane(1, WIDTH / 2, 1), plane(2, WIDTH / 2, 1), WIDTH, HEIGHT, 0, null);
        assertCorners(bitmap, Color.RED, Color.GREEN, Color.BLUE, Color.WHITE);
    }

    @Test
    public void oneBitmapIsFilledAgainWhileItFits() {
        YuvPixels pixels = new YuvPixels();
        Bitmap first = convert(pixels, 0, null);
        assertSame(first, convert(pixels, 180, first));
        assertColour(Color.WHITE, first, 0, 0);
        assertNotSame("another shape", first, convert(pixels, 90, first));
    }
}

package com.example.deit.picture;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.database.sqlite.SQLiteException;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.net.Uri;
import android.os.OperationCanceledException;
import com.example.deit.Pictures;
import com.example.deit.TestApplication;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** A file's pixels as the network is given them. */
@RunWith(RobolectricTestRunner.class)
public class PictureReaderTest {
    private final TestApplication app = TestApplication.get();
    private final File folder = app.getCacheDir();

    private Bitmap read(File file) throws PictureException {
        return PictureReader.read(app.getContentResolver(), Uri.fromFile(file), 256);
    }

    private static boolean near(int colour, int expected) {
        int off = Math.abs(Color.red(colour) - Color.red(expected))
                + Math.abs(Color.green(colour) - Color.green(expected))
                + Math.abs(Color.blue(colour) - Color.blue(expected));
        return off < 40;
    }

    @Test
    public void everyOrientationIsTurnedUpright() throws Exception {
        // Colours at upper left, upper right, lower left, lower right, once the orientation 1 to 8 is undone.
        int r = Color.RED;
        int g = Color.GREEN;
        int b = Color.BLUE;
        int w = Color.WHITE;
        int[][] upright = {
            {r, g, b, w}, {g, r, w, b}, {w, b, g, r}, {b, w, r, g},
            {r, b, g, w}, {b, r, w, g}, {w, g, b, r}, {g, w, r, b}
        };
        for (int orientation = 1; orientation <= 8; orientation++) {
            Bitmap bitmap = read(Pictures.turned(folder, orientation));
            boolean lying = orientation < 5;
            assertEquals(lying ? 80 : 48, bitmap.getWidth());
            assertEquals(lying ? 48 : 80, bitmap.getHeight());
            int right = bitmap.getWidth() - 9;
            int low = bitmap.getHeight() - 9;
            int[] seen = {
                bitmap.getPixel(8, 8), bitmap.getPixel(right, 8), bitmap.getPixel(8, low), bitmap.getPixel(right, low)
            };
            for (int corner = 0; corner < 4; corner++) {
                assertTrue(
                        "orientation " + orientation + ", corner " + corner + ": " + Integer.toHexString(seen[corner]),
                        near(seen[corner], upright[orientation - 1][corner]));
            }
        }
    }

    @Test
    public void coloursBehindTransparencyAreTheFiles() throws Exception {
        Bitmap clear = Bitmap.createBitmap(40, 40, Bitmap.Config.ARGB_8888);
        clear.setPremultiplied(false);
        clear.eraseColor(Color.TRANSPARENT);
        for (int x = 0; x < 40; x++) for (int y = 0; y < 40; y++) clear.setPixel(x, y, Color.argb(10, 200, 100, 50));
        Bitmap bitmap = read(Pictures.write(clear, Bitmap.CompressFormat.PNG, new File(folder, "clear.png")));
        assertEquals(Bitmap.Config.ARGB_8888, bitmap.getConfig());
        assertEquals(0xC86432, bitmap.getPixel(20, 20) & 0xFFFFFF);
        assertFalse(bitmap.hasAlpha());
        // A canvas takes it, though it is not premultiplied.
        new Canvas(Bitmap.createBitmap(40, 40, Bitmap.Config.ARGB_8888)).drawBitmap(bitmap, 0, 0, null);
    }

    @Test
    public void aHugePictureIsReadSmaller() throws Exception {
        Bitmap bitmap = read(Pictures.plain(folder, 3000, 2000));
        assertEquals(1500, bitmap.getWidth());
        assertEquals(1000, bitmap.getHeight());
    }

    @Test
    public void butNeverSmallerThanTheNetworkNeeds() {
        assertEquals(1, PictureReader.sampleSize(2000, 1500, 256));
        assertEquals(2, PictureReader.sampleSize(4000, 3000, 256));
        assertEquals(8, PictureReader.sampleSize(16000, 12000, 256));
        // A panorama: long, but its short side is what counts.
        assertEquals(1, PictureReader.sampleSize(40000, 400, 256));
        assertEquals(2, PictureReader.sampleSize(40000, 600, 256));
        for (int side = 256; side < 20000; side += 97) {
            int size = PictureReader.sampleSize(20000, side, 256);
            assertTrue(side / size >= 256);
        }
    }

    @Test
    public void aStripThatNoScreenDrawsIsRefusedInWords() throws Exception {
        PictureReader.checkPixels(500, 50_000, 1);
        PictureReader.checkPixels(600, 60_000, 2);
        PictureException refused =
                assertThrows(PictureException.class, () -> PictureReader.checkPixels(500, 60_000, 1));
        assertEquals("it has 500×60000 pixels, too many for the screen: cut a part out of it", refused.getMessage());
    }

    @Test
    public void whatAProviderOfAnotherAppThrowsIsAPictureThatCannotBeRead() {
        Uri uri = Uri.parse("content://another/picture");
        RuntimeException[] thrown = {
            new IllegalArgumentException("no"), new UnsupportedOperationException("no"), new NullPointerException("no"),
            new SQLiteException("no"), new OperationCanceledException("no"), new SecurityException("no")
        };
        for (RuntimeException one : thrown) {
            shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, () -> {
                throw one;
            });
            PictureException e = assertThrows(
                    PictureException.class, () -> PictureReader.read(app.getContentResolver(), uri, 256));
            assertEquals("no", e.getMessage());
        }
    }

    @Test
    public void whatIsNoPictureIsRefused() throws Exception {
        File text = new File(folder, "text.png");
        TestApplication.replace(text, "no picture");
        assertThrows(PictureException.class, () -> read(text));
        TestApplication.replace(text, "");
        assertThrows(PictureException.class, () -> read(text));
        assertThrows(PictureException.class, () -> read(new File(folder, "missing.png")));
    }

    @Test
    public void whatPhonesWriteAndAndroidDoesNotReadIsNamed() throws Exception {
        String[][] files = {
            {"\0\0\0\24ftypheic\0\0\0\0mif1", "HEIC, which Android reads from version 9 on"},
            {"\0\0\0\24ftypmif1\0\0\0\0avif", "AVIF, which Android reads from version 12 on"},
            {"\0\0\0\20ftypisom\0\0\0\0avif", null}, // after the box
        };
        for (String[] one : files) {
            File file = new File(folder, "phone");
            Files.write(file.toPath(), one[0].getBytes(StandardCharsets.ISO_8859_1));
            String said = assertThrows(PictureException.class, () -> read(file)).getMessage();
            assertEquals(one[1] != null, said != null && said.startsWith(String.valueOf(one[1])));
        }
    }
}

package com.example.deit.classify;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import com.example.deit.NeedsEngine;
import com.example.deit.classify.ClassifierException.Code;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import org.junit.Test;

/** JNI and the C++ core. */
public class NativeClassifierTest extends ClassifierTests {
    @Override
    Engine engine() {
        return Engine.NATIVE;
    }

    @Test
    @NeedsEngine
    public void damagedNetworkIsSeenInItsParts() throws Exception {
        byte[] bytes = Files.readAllBytes(TestBundle.of("fp32").file("host.nb").toPath());
        bytes[0] = 9;
        refused(copy().with("host.nb", bytes).sealed(), Code.MODEL, "meta version 9");
        refused(copy().with("host.nb", bytes), Code.MODEL, "SHA-256 differs");
    }

    @Test
    public void bufferStaysForSmallerPictures() throws Exception {
        BitmapPixels pixels = new BitmapPixels();
        ByteBuffer first = pixels.of(pattern(300, 200, 255));
        assertTrue(first.isDirect());
        assertSame(first, pixels.of(pattern(100, 50, 255)));
        // Red, green, blue, alpha of the second pixel.
        byte[] second = new byte[4];
        for (int i = 0; i < 4; i++) second[i] = first.get(4 + i);
        assertArrayEquals(new byte[] {7, 31, 5, -1}, second);
    }

    /** Such a bitmap cannot be made on the JVM. */
    @Test
    public void hardwareBitmapIsRefused() {
        String message = refusal(Code.PICTURE, () -> BitmapPixels.check(Bitmap.Config.HARDWARE)).getMessage();
        assertEquals("a bitmap of HARDWARE: decode it, or copy() it, to ARGB_8888", message);
    }

    @Test
    public void missingLibrary() {
        String message = refusal(Code.ABI, () -> NativeClassifier.load("deit_not_there")).getMessage();
        assertTrue(message, message.startsWith("libdeit_not_there.so cannot be loaded on this processor ("));
    }

    @Test
    public void everyCodeOfTheCoreHasAName() {
        assertEquals(Code.USAGE, Code.of(2));
        assertEquals(Code.MEMORY, Code.of(8));
        assertEquals(Code.ENGINE, Code.of(77));
    }
}

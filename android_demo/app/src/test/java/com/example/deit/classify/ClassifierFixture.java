package com.example.deit.classify;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Color;
import com.example.deit.classify.ClassifierException.Code;
import java.io.IOException;
import org.junit.After;
import org.junit.Rule;
import org.junit.function.ThrowingRunnable;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.GraphicsMode;

/** Opens real bundles in a real engine, and makes pictures for it. */
@RunWith(RobolectricTestRunner.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public abstract class ClassifierFixture {
    @Rule public final TemporaryFolder temporary = new TemporaryFolder();
    private Classifier opened;

    abstract Engine engine();

    final Classifier open(TestBundle bundle) throws ClassifierException {
        opened = engine().open(bundle.folder, 1, PowerMode.NO_BIND);
        return opened;
    }

    final ClassifierException refusal(Code code, ThrowingRunnable action) {
        ClassifierException refused = assertThrows(ClassifierException.class, action);
        assertEquals(refused.getMessage(), code, refused.code);
        assertTrue(refused.getMessage(), !refused.getMessage().contains("\n") && refused.getMessage().length() > 20);
        return refused;
    }

    /** Opening must fail with {@code code}, in words that have {@code words} in them. */
    final void refused(TestBundle bundle, Code code, String words) {
        String message = refusal(code, () -> open(bundle)).getMessage();
        assertTrue(message, message.contains(words));
    }

    final TestBundle copy() throws IOException {
        return TestBundle.of("fp32").copyTo(temporary.newFolder());
    }

    @After
    public void close() {
        if (opened != null) opened.close();
    }

    static Bitmap golden(TestBundle bundle) {
        return BitmapFactory.decodeFile(bundle.file("golden.png").getPath());
    }

    /** A picture in which every pixel and channel differs from its neighbours. */
    static Bitmap pattern(int width, int height, int alpha) {
        int[] colours = new int[width * height];
        for (int i = 0; i < colours.length; i++) {
            int x = i % width;
            int y = i / width;
            colours[i] = Color.argb(alpha, (x * 7 + y) & 255, (x * y + 31) & 255, (y * 13 + 5 * x) & 255);
        }
        Bitmap bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888);
        bitmap.setPremultiplied(false);
        bitmap.setPixels(colours, 0, width, 0, 0, width, height);
        return bitmap;
    }
}

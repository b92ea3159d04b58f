package com.example.deit.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.graphics.Matrix;
import android.graphics.RectF;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** The preview covers its view, keeps its shape, and stands upright however the screen is turned. */
@RunWith(RobolectricTestRunner.class)
public class PreviewFillTest {
    private static float[] mapped(Matrix matrix, float x, float y) {
        float[] point = {x, y};
        matrix.mapPoints(point);
        return point;
    }

    @Test
    public void itCoversTheViewAndNoMoreThanItMust() {
        float[][] views = {{720, 1560}, {1560, 720}, {800, 1280}, {480, 640}};
        for (float[] view : views) {
            for (int display : new int[] {0, 90, 180, 270}) {
                Matrix matrix = PreviewView.fill(view[0], view[1], 480, 640, display);
                RectF drawn = new RectF(0, 0, view[0], view[1]);
                matrix.mapRect(drawn);
                String what = view[0] + "x" + view[1] + " at " + display + ": " + drawn;
                assertTrue(what, drawn.left <= 0.5f && drawn.top <= 0.5f);
                assertTrue(what, drawn.right >= view[0] - 0.5f && drawn.bottom >= view[1] - 0.5f);
                boolean fits = Math.abs(drawn.width() - view[0]) < 1 || Math.abs(drawn.height() - view[1]) < 1;
                assertTrue(what, fits);
                float shape = display % 180 == 90 ? 640f / 480 : 480f / 640;
                assertEquals(what, shape, drawn.width() / drawn.height(), 0.01);
            }
        }
    }

    /** Where the texture has up when the device is held as it is built; a screen turned by 90 has it to the left. */
    @Test
    public void itTurnsAgainstTheScreen() {
        float[] middle = {360, 780};
        assertTrue("up", mapped(PreviewView.fill(720, 1560, 480, 640, 0), 360, 0)[1] < middle[1] - 100);
        assertTrue("left", mapped(PreviewView.fill(720, 1560, 480, 640, 90), 360, 0)[0] < middle[0] - 100);
        assertTrue("down", mapped(PreviewView.fill(720, 1560, 480, 640, 180), 360, 0)[1] > middle[1] + 100);
        assertTrue("right", mapped(PreviewView.fill(720, 1560, 480, 640, 270), 360, 0)[0] > middle[0] + 100);
    }

    @Test
    public void aViewWithoutASizeYetIsLetBe() {
        assertTrue(PreviewView.fill(0, 0, 480, 640, 0).isIdentity());
    }
}

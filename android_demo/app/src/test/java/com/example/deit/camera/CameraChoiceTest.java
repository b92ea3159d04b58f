package com.example.deit.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.hardware.camera2.CameraMetadata;
import android.util.Size;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** Which of a device's cameras, and which of its sizes. */
@RunWith(RobolectricTestRunner.class)
public class CameraChoiceTest {
    @Test
    public void theCameraAtTheBackIsChosen() throws Exception {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_FRONT);
        WatchedCamera.add("1", CameraMetadata.LENS_FACING_BACK);
        CameraChoice choice = CameraChoice.of(WatchedCamera.manager(), null);
        assertEquals("1", choice.id);
        assertEquals("upright it is portrait", 480, choice.uprightWidth());
        assertEquals(640, choice.uprightHeight());
    }

    @Test
    public void withoutOneAtTheBackTheFirstIs() throws Exception {
        WatchedCamera.add("7", CameraMetadata.LENS_FACING_FRONT);
        assertEquals("7", CameraChoice.of(WatchedCamera.manager(), null).id);
    }

    @Test
    public void theSmallestSizeThatIsLargeEnoughIsTaken() {
        Size[] sizes = {new Size(1920, 1080), new Size(640, 480), new Size(320, 240), new Size(800, 600)};
        assertEquals(new Size(640, 480), CameraChoice.choose(sizes));
        assertEquals(new Size(1280, 720), CameraChoice.choose(new Size[] {new Size(1280, 720), new Size(176, 144)}));
        assertEquals(new Size(640, 480), CameraChoice.choose(null));
    }

    @Test
    public void theOneThatWasChosenIsKeptWhileItIsThere() throws Exception {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        WatchedCamera.add("1", CameraMetadata.LENS_FACING_FRONT);
        assertEquals("1", CameraChoice.of(WatchedCamera.manager(), "1").id);
        assertEquals("0", CameraChoice.of(WatchedCamera.manager(), "external").id);
        CameraChoice back = CameraChoice.of(WatchedCamera.manager(), null);
        assertTrue(back.others);
        assertEquals("1", back.next(WatchedCamera.manager()));
        assertEquals("0", CameraChoice.of(WatchedCamera.manager(), "1").next(WatchedCamera.manager()));
    }

    /** Sensors stand at 90 degrees; the front one looks the other way, so the screen turns it the other way round. */
    @Test
    public void framesAreTurnedUprightHoweverTheScreenIsHeld() throws Exception {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        WatchedCamera.add("1", CameraMetadata.LENS_FACING_FRONT);
        CameraChoice back = CameraChoice.of(WatchedCamera.manager(), "0");
        CameraChoice front = CameraChoice.of(WatchedCamera.manager(), "1");
        int[][] turns = {{0, 90, 90}, {90, 0, 180}, {180, 270, 270}, {270, 180, 0}};
        for (int[] turn : turns) {
            assertEquals(turn[1], back.turn(turn[0]));
            assertEquals(turn[2], front.turn(turn[0]));
        }
    }
}

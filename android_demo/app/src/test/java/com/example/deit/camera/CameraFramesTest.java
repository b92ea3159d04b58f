package com.example.deit.camera;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.graphics.Matrix;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraMetadata;
import android.os.Looper;
import android.view.Surface;
import android.view.TextureView;
import android.view.View;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.screen.LiveActivity;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowCameraCharacteristics;
import org.robolectric.shadows.ShadowDisplay;

/** Camera2 as the framework's code has it, on a camera of Robolectric's: opened, given back, failing. */
@RunWith(RobolectricTestRunner.class)
@Config(shadows = {WatchedCamera.Manager.class, WatchedCamera.Device.class})
public class CameraFramesTest {
    private final TestApplication app = TestApplication.get();

    @Before
    public void permissionAndACameraThatRefusesNothing() {
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        WatchedCamera.reset();
    }

    private static TextureView preview(LiveActivity screen) {
        return (TextureView) ((android.view.ViewGroup) screen.findViewById(R.id.preview)).getChildAt(0);
    }

    /** The screen, once its preview has a texture to draw on. */
    private static ActivityController<LiveActivity> open() {
        ActivityController<LiveActivity> c = Robolectric.buildActivity(LiveActivity.class).setup();
        preview(c.get()).getSurfaceTextureListener().onSurfaceTextureAvailable(new SurfaceTexture(0), 480, 640);
        shadowOf(Looper.getMainLooper()).idle();
        return c;
    }

    private static void assertProblem(int sentence, ActivityController<LiveActivity> c) {
        shadowOf(Looper.getMainLooper()).idle();
        assertEquals(c.get().getString(sentence), Screen.text(c.get(), R.id.problem_sentence));
        assertEquals("Try again", Screen.text(c.get(), R.id.problem_remedy));
    }

    @Test
    public void withoutACameraTheScreenSaysSo() {
        try (ActivityController<LiveActivity> c = open()) {
            assertProblem(R.string.problem_no_camera, c);
        }
    }

    @Test
    public void aCameraThatIsRefusedIsSaidWhy() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        int[][] refusals = {
            {CameraAccessException.CAMERA_IN_USE, R.string.problem_camera_in_use},
            {CameraAccessException.MAX_CAMERAS_IN_USE, R.string.problem_camera_in_use},
            {CameraAccessException.CAMERA_DISABLED, R.string.problem_camera_disabled},
            {CameraAccessException.CAMERA_ERROR, R.string.problem_camera},
            {CameraAccessException.CAMERA_DISCONNECTED, R.string.problem_camera},
        };
        for (int[] refusal : refusals) {
            WatchedCamera.openRefusal = refusal[0];
            try (ActivityController<LiveActivity> c = open()) {
                assertProblem(refusal[1], c);
            }
        }
    }

    @Test
    public void aCameraThatFailsWhileItIsOpenIsSaidWhyAndOpenedAgainOnDemand() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        int[][] errors = {
            {CameraDevice.StateCallback.ERROR_CAMERA_IN_USE, R.string.problem_camera_in_use},
            {CameraDevice.StateCallback.ERROR_CAMERA_DISABLED, R.string.problem_camera_disabled},
            {CameraDevice.StateCallback.ERROR_CAMERA_DEVICE, R.string.problem_camera},
            {CameraDevice.StateCallback.ERROR_CAMERA_SERVICE, R.string.problem_camera},
        };
        for (int[] error : errors) {
            try (ActivityController<LiveActivity> c = open()) {
                assertFalse(Screen.shown(c.get(), R.id.problem));
                WatchedCamera failed = WatchedCamera.last;
                failed.fail(error[0]);
                assertProblem(error[1], c);
                assertTrue("given back", failed.closed);
                int before = WatchedCamera.opened;
                c.get().findViewById(R.id.problem_remedy).performClick();
                // The texture of a test is not the view's own: it is told of it again.
                preview(c.get()).getSurfaceTextureListener()
                        .onSurfaceTextureAvailable(new SurfaceTexture(0), 480, 640);
                assertEquals(before + 1, WatchedCamera.opened);
                assertFalse(Screen.shown(c.get(), R.id.problem));
            }
        }
    }

    @Test
    public void aCameraThatAnotherAppTakesIsSaidSo() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        try (ActivityController<LiveActivity> c = open()) {
            WatchedCamera.last.disconnect();
            assertProblem(R.string.problem_camera_in_use, c);
        }
    }

    @Test
    public void aPreviewThatCannotBeStartedIsSaidSo() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        WatchedCamera.sessionRefusal = CameraAccessException.CAMERA_IN_USE;
        try (ActivityController<LiveActivity> c = open()) {
            assertProblem(R.string.problem_camera_in_use, c);
        }
        WatchedCamera.reset();
        WatchedCamera.sessionFails = true;
        try (ActivityController<LiveActivity> c = open()) {
            assertProblem(R.string.problem_camera, c);
        }
        WatchedCamera.reset();
        WatchedCamera.requestFails = true;
        try (ActivityController<LiveActivity> c = open()) {
            assertProblem(R.string.problem_camera, c);
            shadowOf(Looper.getMainLooper()).idle();
            assertTrue("given back", WatchedCamera.last.closed);
        }
    }

    @Test
    public void inTheBackgroundItIsGivenBack() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        try (ActivityController<LiveActivity> c = open()) {
            assertNotNull(WatchedCamera.last.device);
            assertFalse(WatchedCamera.last.closed);
            c.pause().stop();
            shadowOf(Looper.getMainLooper()).idle();
            assertTrue(WatchedCamera.last.closed);
        }
    }

    @Test
    public void aCameraThatOpensAfterTheScreenWentIsGivenBack() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        WatchedCamera.slow = true;
        try (ActivityController<LiveActivity> c = open()) {
            c.pause().stop();
            shadowOf(Looper.getMainLooper()).idle();
            assertFalse(WatchedCamera.last.closed);
            WatchedCamera.last.come();
            shadowOf(Looper.getMainLooper()).idle();
            assertTrue(WatchedCamera.last.closed);
        }
    }

    @Test
    public void whatTheCameraSaysAfterTheScreenWentIsNotHeard() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        try (ActivityController<LiveActivity> c = open()) {
            c.pause().stop();
            WatchedCamera.last.fail(CameraDevice.StateCallback.ERROR_CAMERA_DEVICE);
            assertFalse(Screen.shown(c.get(), R.id.problem));
        }
    }

    @Test
    public void itIsOpenedOnceHoweverOftenTheTextureIsTold() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        try (ActivityController<LiveActivity> c = open()) {
            TextureView.SurfaceTextureListener texture = preview(c.get()).getSurfaceTextureListener();
            texture.onSurfaceTextureSizeChanged(new SurfaceTexture(0), 1, 1);
            texture.onSurfaceTextureAvailable(new SurfaceTexture(0), 480, 640);
            assertEquals(1, WatchedCamera.opened);
            assertTrue("its texture may go", texture.onSurfaceTextureDestroyed(new SurfaceTexture(0)));
            texture.onSurfaceTextureAvailable(new SurfaceTexture(0), 480, 640);
            assertEquals(2, WatchedCamera.opened);
        }
    }

    @Test
    public void theOtherCameraTakesThePlaceOfTheFirst() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        WatchedCamera.add("1", CameraMetadata.LENS_FACING_FRONT);
        try (ActivityController<LiveActivity> c = open()) {
            WatchedCamera first = WatchedCamera.last;
            assertTrue(Screen.shown(c.get(), R.id.switch_camera));
            c.get().findViewById(R.id.switch_camera).performClick();
            preview(c.get()).getSurfaceTextureListener().onSurfaceTextureAvailable(new SurfaceTexture(0), 480, 640);
            shadowOf(Looper.getMainLooper()).idle();
            assertEquals("1", WatchedCamera.last.device.getId());
            assertTrue(first.closed);
        }
    }

    @Test
    public void aCameraWithALightHasItTurnedOnAndOff() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        ShadowCameraCharacteristics facts;
        try {
            facts = Shadow.extract(WatchedCamera.manager().getCameraCharacteristics("0"));
        } catch (CameraAccessException e) {
            throw new AssertionError(e);
        }
        facts.set(CameraCharacteristics.FLASH_INFO_AVAILABLE, true);
        try (ActivityController<LiveActivity> c = open()) {
            View torch = c.get().findViewById(R.id.torch);
            assertTrue(torch.isShown());
            torch.performClick();
            assertTrue(torch.isActivated());
            assertFalse("the camera took the request", Screen.shown(c.get(), R.id.problem));
            c.pause().stop();
            c.restart().start().resume();
            assertFalse("dark again after the background", torch.isActivated());
        }
    }

    @Test
    public void turnedUpsideDownThePreviewIsTurnedWithTheScreen() {
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        try (ActivityController<LiveActivity> c = open()) {
            TextureView view = preview(c.get());
            Matrix before = view.getTransform(null);
            // No configuration changes with it: the screen is not made anew.
            ((ShadowDisplay) Shadow.extract(view.getDisplay())).setRotation(Surface.ROTATION_180);
            shadowOf(Looper.getMainLooper()).idle();
            Matrix expected = new Matrix(before);
            expected.postRotate(-180, view.getWidth() / 2f, view.getHeight() / 2f);
            float[] point = {10, 20};
            float[] wanted = {10, 20};
            view.getTransform(null).mapPoints(point);
            expected.mapPoints(wanted);
            assertArrayEquals(wanted, point, 0.01f);
        }
    }

    @Test
    public void withoutAFrameThereIsNone() {
        CameraFrames frames = new CameraFrames(app);
        assertNull("not open", frames.latest(null));
        frames.close();
        frames.close();
    }
}

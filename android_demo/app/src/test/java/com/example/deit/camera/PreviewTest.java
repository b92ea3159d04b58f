package com.example.deit.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraMetadata;
import android.os.Looper;
import android.view.TextureView;
import android.view.View;
import android.view.ViewGroup;
import com.example.deit.FakeClassifier;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.screen.LiveActivity;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;

/** The camera on the live screen: opened, its session running, its preview over all of the screen. */
@RunWith(RobolectricTestRunner.class)
public class PreviewTest {
    private final TestApplication app = TestApplication.get();

    @Test
    public void thePreviewFillsTheScreen() {
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        try (ActivityController<LiveActivity> c = Robolectric.buildActivity(LiveActivity.class).setup()) {
            TextureView view = (TextureView) ((ViewGroup) c.get().findViewById(R.id.preview)).getChildAt(0);
            view.getSurfaceTextureListener().onSurfaceTextureAvailable(new SurfaceTexture(0), 480, 640);
            shadowOf(Looper.getMainLooper()).idle();
            assertFalse("the session runs", Screen.shown(c.get(), R.id.problem));
            assertEquals("What the camera sees", view.getContentDescription().toString());
            View decor = c.get().getWindow().getDecorView();
            assertEquals(decor.getWidth(), view.getWidth());
            assertEquals(decor.getHeight(), view.getHeight());
        }
    }
}

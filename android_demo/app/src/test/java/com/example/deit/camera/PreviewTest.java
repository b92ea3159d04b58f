package com.example.deit.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraMetadata;
import android.os.Looper;
import android.view.TextureView;
import android.view.ViewGroup;
import com.example.deit.FakeClassifier;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.screen.LiveActivity;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;

/** From the camera to the classes: opened, its preview running, a frame on the texture classified. */
@RunWith(RobolectricTestRunner.class)
public class PreviewTest {
    private final TestApplication app = TestApplication.get();

    @Test
    public void aFrameOfThePreviewIsClassified() {
        AtomicInteger width = new AtomicInteger();
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier() {
            @Override
            public com.example.deit.classify.Classification classify(android.graphics.Bitmap bitmap, int topK)
                    throws com.example.deit.classify.ClassifierException {
                width.set(bitmap.getWidth());
                return super.classify(bitmap, topK);
            }
        };
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        WatchedCamera.add("0", CameraMetadata.LENS_FACING_BACK);
        try (ActivityController<LiveActivity> c = Robolectric.buildActivity(LiveActivity.class).setup()) {
            TextureView view = (TextureView) ((ViewGroup) c.get().findViewById(R.id.preview)).getChildAt(0);
            SurfaceTexture texture = new SurfaceTexture(0);
            view.getSurfaceTextureListener().onSurfaceTextureAvailable(texture, 480, 640);
            shadowOf(Looper.getMainLooper()).idle();
            assertFalse("the session runs", Screen.shown(c.get(), R.id.problem));
            view.getSurfaceTextureListener().onSurfaceTextureUpdated(texture);
            Screen.waitFor(c.get(), R.id.result);
            assertEquals("fake", Screen.text(c.get(), R.id.headline));
            assertEquals(480, width.get());
            assertEquals("What the camera sees", view.getContentDescription().toString());
            assertEquals("as high as the frame wants", view.getMeasuredWidth() * 4 / 3, view.getMeasuredHeight());
        }
    }
}

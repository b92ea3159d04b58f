package com.example.deit.camera;

import android.content.Context;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CameraMetadata;
import android.hardware.camera2.CaptureRequest;
import android.os.Handler;
import android.view.Surface;
import com.example.deit.TestApplication;
import java.util.List;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowCameraCharacteristics;
import org.robolectric.shadows.ShadowCameraDeviceImpl;
import org.robolectric.shadows.ShadowCameraManager;
import org.robolectric.util.ReflectionHelpers.ClassParameter;

/** The camera of Robolectric, watched; it refuses what a test wants it to. */
public final class WatchedCamera extends CameraDevice.StateCallback {
    /** How often one was asked for. */
    static int opened;

    /** The last one; null if none was asked for, or it was refused. */
    static WatchedCamera last;

    // Reasons of CameraAccessException for which opening, and making a session, are refused; 0: none.
    static int openRefusal;
    static int sessionRefusal;

    static boolean sessionFails;
    static boolean requestFails;

    /** Whether the device comes only once a test lets it. */
    static boolean slow;

    CameraDevice device; // null before it came
    boolean closed;

    private final CameraDevice.StateCallback to;

    private WatchedCamera(CameraDevice.StateCallback to) {
        this.to = to;
    }

    static void reset() {
        opened = 0;
        last = null;
        openRefusal = 0;
        sessionRefusal = 0;
        sessionFails = false;
        requestFails = false;
        slow = false;
    }

    static CameraManager manager() {
        return (CameraManager) TestApplication.get().getSystemService(Context.CAMERA_SERVICE);
    }

    /** Builds a camera into the device, turned by 90 degrees as phones have them. */
    static void add(String id, int facing) {
        CameraCharacteristics facts = ShadowCameraCharacteristics.newCameraCharacteristics();
        ShadowCameraCharacteristics shadow = Shadow.extract(facts);
        shadow.set(CameraCharacteristics.LENS_FACING, facing);
        shadow.set(CameraCharacteristics.SENSOR_ORIENTATION, 90);
        shadow.set(
                CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES,
                new int[] {CameraMetadata.CONTROL_AF_MODE_CONTINUOUS_PICTURE});
        ((ShadowCameraManager) Shadow.extract(manager())).addCamera(id, facts);
    }

    /** A device that was slow comes. */
    void come() {
        to.onOpened(device);
    }

    void disconnect() {
        to.onDisconnected(device);
    }

    void fail(int error) {
        to.onError(device, error);
    }

    @Override
    public void onOpened(CameraDevice camera) {
        device = camera;
        if (!slow) come();
    }

    @Override
    public void onDisconnected(CameraDevice camera) {
        to.onDisconnected(camera);
    }

    @Override
    public void onError(CameraDevice camera, int error) {
        to.onError(camera, error);
    }

    @Override
    public void onClosed(CameraDevice camera) {
        closed = true;
    }

    /** For {@code @Config(shadows)}. */
    @Implements(CameraManager.class)
    public static class Manager extends ShadowCameraManager {
        @RealObject private CameraManager real;

        @Implementation
        protected void openCamera(String id, CameraDevice.StateCallback to, Handler handler)
                throws CameraAccessException {
            if (openRefusal != 0) throw new CameraAccessException(openRefusal);
            opened++;
            last = new WatchedCamera(to);
            Shadow.directlyOn(
                    real,
                    CameraManager.class,
                    "openCamera",
                    ClassParameter.from(String.class, id),
                    ClassParameter.from(CameraDevice.StateCallback.class, last),
                    ClassParameter.from(Handler.class, handler));
        }
    }

    /** For {@code @Config(shadows)}. */
    @Implements(className = "android.hardware.camera2.impl.CameraDeviceImpl", isInAndroidSdk = false)
    public static class Device extends ShadowCameraDeviceImpl {
        @Implementation
        @Override
        protected void createCaptureSession(
                List<Surface> outputs, CameraCaptureSession.StateCallback to, Handler handler)
                throws CameraAccessException {
            if (sessionRefusal != 0) throw new CameraAccessException(sessionRefusal);
            if (sessionFails) handler.post(() -> to.onConfigureFailed(null));
            else super.createCaptureSession(outputs, to, handler);
        }

        @Implementation
        @Override
        protected CaptureRequest.Builder createCaptureRequest(int template) {
            if (requestFails) throw new IllegalStateException("CameraDevice was already closed");
            return super.createCaptureRequest(template);
        }
    }
}

package com.example.deit.camera;

import android.annotation.SuppressLint;
import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import android.view.TextureView;
import android.view.View;
import com.example.deit.R;
import com.example.deit.words.Problem;
import java.util.Collections;

/** The camera's preview as frames: Camera2 → TextureView → a bitmap, when one is asked for. */
public final class CameraFrames implements FrameSource {
    private final CameraManager manager;
    private final PreviewView view;
    private final Handler main = new Handler(Looper.getMainLooper());

    private Listener listener; // null while closed
    private CameraChoice camera;
    private Opening opening; // of the camera that is open or is about to be

    public CameraFrames(Context context) {
        manager = (CameraManager) context.getSystemService(Context.CAMERA_SERVICE);
        view = new PreviewView(context);
        view.setContentDescription(context.getString(R.string.preview));
        view.setSurfaceTextureListener(new Texture());
    }

    @Override
    public View view() {
        return view;
    }

    @Override
    public void open(Listener to) {
        listener = to;
        if (view.isAvailable()) openCamera(view.getSurfaceTexture());
    }

    @Override
    public Bitmap latest(Bitmap reuse) {
        if (camera == null || listener == null) return null;
        int width = camera.uprightWidth();
        int height = camera.uprightHeight();
        boolean fits = reuse != null && reuse.getWidth() == width && reuse.getHeight() == height;
        Bitmap bitmap = fits ? reuse : Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888);
        return view.getBitmap(bitmap);
    }

    @Override
    public void close() {
        listener = null;
        if (opening != null) opening.end();
        opening = null;
    }

    // LiveActivity opens this only once the permission is granted; taken away, it ends the process.
    @SuppressLint("MissingPermission")
    private void openCamera(SurfaceTexture texture) {
        if (opening != null) return;
        try {
            camera = manager == null ? null : CameraChoice.of(manager);
            if (camera == null) {
                fail(R.string.problem_no_camera, null);
                return;
            }
            texture.setDefaultBufferSize(camera.size.getWidth(), camera.size.getHeight());
            view.setFrame(camera.uprightWidth(), camera.uprightHeight());
            opening = new Opening(new Surface(texture));
            manager.openCamera(camera.id, opening, main);
        } catch (CameraAccessException e) {
            fail(sentence(e.getReason()), e.getMessage());
        } catch (SecurityException | IllegalArgumentException e) {
            fail(R.string.problem_camera, e.getMessage());
        }
    }

    private static int sentence(int reason) {
        switch (reason) {
            case CameraAccessException.CAMERA_IN_USE:
            case CameraAccessException.MAX_CAMERAS_IN_USE:
                return R.string.problem_camera_in_use;
            case CameraAccessException.CAMERA_DISABLED:
                return R.string.problem_camera_disabled;
            default:
                return R.string.problem_camera;
        }
    }

    private void fail(int sentence, String detail) {
        Listener told = listener;
        close();
        if (told != null) told.onProblem(new Problem(sentence, null, detail, Problem.Remedy.RETRY));
    }

    /** One opening of the camera, from asking for it to giving it back. */
    private final class Opening extends CameraDevice.StateCallback {
        private final Surface surface;
        private CameraDevice device;
        private boolean ended;

        Opening(Surface surface) {
            this.surface = surface;
        }

        void end() {
            ended = true;
            if (device != null) device.close(); // and the session with it
            device = null;
            surface.release();
        }

        @Override
        public void onOpened(CameraDevice opened) {
            if (ended) {
                opened.close(); // the screen went while the camera was being opened
                return;
            }
            device = opened;
            startSession();
        }

        @SuppressWarnings("deprecation") // what replaces it came with API 28
        private void startSession() {
            try {
                device.createCaptureSession(Collections.singletonList(surface), new Session(), main);
            } catch (CameraAccessException e) {
                fail(sentence(e.getReason()), e.getMessage());
            } catch (IllegalArgumentException | IllegalStateException e) {
                fail(R.string.problem_camera, e.getMessage());
            }
        }

        @Override
        public void onDisconnected(CameraDevice gone) {
            gone.close();
            if (!ended) fail(R.string.problem_camera_in_use, null);
        }

        @Override
        public void onError(CameraDevice broken, int error) {
            broken.close();
            if (ended) return;
            boolean busy = error == ERROR_CAMERA_IN_USE || error == ERROR_MAX_CAMERAS_IN_USE;
            int other = error == ERROR_CAMERA_DISABLED ? R.string.problem_camera_disabled : R.string.problem_camera;
            fail(busy ? R.string.problem_camera_in_use : other, null);
        }

        private final class Session extends CameraCaptureSession.StateCallback {
            @Override
            public void onConfigured(CameraCaptureSession session) {
                if (ended) return;
                try {
                    CaptureRequest.Builder request = device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                    request.addTarget(surface);
                    if (camera.focuses) {
                        request.set(
                                CaptureRequest.CONTROL_AF_MODE,
                                CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE);
                    }
                    session.setRepeatingRequest(request.build(), null, null);
                } catch (CameraAccessException e) {
                    fail(sentence(e.getReason()), e.getMessage());
                } catch (IllegalArgumentException | IllegalStateException e) {
                    fail(R.string.problem_camera, e.getMessage());
                }
            }

            @Override
            public void onConfigureFailed(CameraCaptureSession session) {
                if (!ended) fail(R.string.problem_camera, null);
            }
        }
    }

    private final class Texture implements TextureView.SurfaceTextureListener {
        @Override
        public void onSurfaceTextureAvailable(SurfaceTexture texture, int width, int height) {
            if (listener != null) openCamera(texture);
        }

        @Override
        public void onSurfaceTextureSizeChanged(SurfaceTexture texture, int width, int height) {}

        @Override
        public boolean onSurfaceTextureDestroyed(SurfaceTexture texture) {
            if (opening != null) opening.end();
            opening = null;
            return true;
        }

        @Override
        public void onSurfaceTextureUpdated(SurfaceTexture texture) {
            if (listener != null) listener.onFrame();
        }
    }
}

package com.example.deit.camera;

import android.annotation.SuppressLint;
import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.hardware.display.DisplayManager;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.HandlerThread;
import android.os.Looper;
import android.view.Surface;
import android.view.TextureView;
import android.view.View;
import com.example.deit.R;
import com.example.deit.words.Problem;
import java.util.Arrays;
import java.util.List;

/**
 * The camera's frames: Camera2 → a TextureView, which the user sees, and an ImageReader, which the network does. Frames
 * arrive on a thread of their own, which keeps the newest; who asks for it converts it on its own thread.
 */
public final class CameraFrames implements FrameSource {
    private final CameraManager manager;
    private final DisplayManager displays;
    private final Turns turns = new Turns();
    private final PreviewView view;
    private final Handler main = new Handler(Looper.getMainLooper());

    private Listener listener; // null while closed
    private String wanted; // id of the camera; null for the one at the back
    private CameraChoice camera;
    private volatile Opening opening; // of the camera that is open or is about to be
    private boolean torch;

    public CameraFrames(Context context) {
        manager = (CameraManager) context.getSystemService(Context.CAMERA_SERVICE);
        displays = (DisplayManager) context.getSystemService(Context.DISPLAY_SERVICE);
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
        displays.registerDisplayListener(turns, main);
        if (view.isAvailable()) openCamera(view.getSurfaceTexture());
    }

    @Override
    public Bitmap latest(Bitmap reuse) {
        Opening now = opening;
        return now == null ? null : now.frames.latest(reuse);
    }

    @Override
    public void close() {
        listener = null;
        displays.unregisterDisplayListener(turns);
        torch = false;
        end();
    }

    private void end() {
        if (opening != null) opening.end();
        opening = null;
    }

    @Override
    public String camera() {
        return camera == null ? wanted : camera.id;
    }

    @Override
    public void choose(String id) {
        wanted = id;
    }

    @Override
    public boolean canSwitch() {
        return camera != null && camera.others;
    }

    @Override
    public void switchCamera() {
        if (listener == null || camera == null) return;
        attempt(() -> {
            wanted = camera.next(manager);
            torch = false;
            end();
            if (view.isAvailable()) openCamera(view.getSurfaceTexture());
        });
    }

    @Override
    public boolean hasTorch() {
        return camera != null && camera.lights;
    }

    @Override
    public boolean torch() {
        return torch;
    }

    @Override
    public void torch(boolean on) {
        torch = on && hasTorch();
        if (opening != null) opening.repeat();
    }

    // LiveActivity opens this only once the permission is granted; taken away, it ends the process.
    @SuppressLint("MissingPermission")
    private void openCamera(SurfaceTexture texture) {
        if (opening != null) return;
        attempt(() -> {
            camera = manager == null ? null : CameraChoice.of(manager, wanted);
            if (camera == null) {
                fail(R.string.problem_no_camera, null);
                return;
            }
            texture.setDefaultBufferSize(camera.size.getWidth(), camera.size.getHeight());
            view.setFrame(camera.uprightWidth(), camera.uprightHeight());
            opening = new Opening(new Surface(texture), new Frames(camera));
            turn();
            manager.openCamera(camera.id, opening, main);
        });
    }

    /** Keeps frames and preview upright. */
    private void turn() {
        if (opening == null) return;
        opening.frames.degrees = camera.turn(view.turned());
        view.transform();
    }

    /** From landscape to landscape upside down the screen is turned, and nothing is made anew. */
    private final class Turns implements DisplayManager.DisplayListener {
        @Override
        public void onDisplayAdded(int display) {}

        @Override
        public void onDisplayRemoved(int display) {}

        @Override
        public void onDisplayChanged(int display) {
            turn();
        }
    }

    private interface Step {
        void run() throws CameraAccessException;
    }

    /** Does what the camera may refuse; then there is a problem, and no camera. */
    private void attempt(Step step) {
        try {
            step.run();
        } catch (CameraAccessException e) {
            fail(sentence(e.getReason()), e.getMessage());
        } catch (SecurityException | IllegalArgumentException | IllegalStateException e) {
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

    /** The frames for the network. The camera would stop if nobody took them: all but the newest are given back at once. */
    private final class Frames implements ImageReader.OnImageAvailableListener {
        /** The newest, one that is being converted, and what acquireLatestImage needs to look at the next ones. */
        private static final int IMAGES = 4;

        private final HandlerThread thread = new HandlerThread("camera");
        private final ImageReader reader;
        private volatile int degrees; // clockwise, until they are upright
        private final YuvPixels pixels = new YuvPixels();
        private Image newest; // null while there is none; guarded by this

        Frames(CameraChoice camera) {
            int width = camera.size.getWidth();
            reader = ImageReader.newInstance(width, camera.size.getHeight(), ImageFormat.YUV_420_888, IMAGES);
            thread.start();
            reader.setOnImageAvailableListener(this, new Handler(thread.getLooper()));
        }

        @Override
        public void onImageAvailable(ImageReader from) {
            synchronized (this) {
                Image image;
                try {
                    image = from.acquireLatestImage();
                } catch (IllegalStateException e) {
                    return; // closed meanwhile
                }
                if (image == null) return;
                if (newest != null) newest.close();
                newest = image;
            }
            main.post(() -> {
                if (listener != null && opening != null && opening.frames == this) listener.onFrame();
            });
        }

        Bitmap latest(Bitmap reuse) {
            synchronized (this) {
                if (newest == null) return null;
                try {
                    Image.Plane[] planes = newest.getPlanes();
                    return pixels.convert(
                            plane(planes[0]),
                            plane(planes[1]),
                            plane(planes[2]),
                            newest.getWidth(),
                            newest.getHeight(),
                            degrees,
                            reuse);
                } finally {
                    newest.close();
                    newest = null;
                }
            }
        }

        private YuvPixels.Plane plane(Image.Plane of) {
            return new YuvPixels.Plane(of.getBuffer(), of.getRowStride(), of.getPixelStride());
        }

        synchronized void end() {
            if (newest != null) newest.close();
            newest = null;
            reader.close();
            thread.quitSafely();
        }
    }

    /** One opening of the camera, from asking for it to giving it back. */
    private final class Opening extends CameraDevice.StateCallback {
        private final Surface surface;
        private final Frames frames;
        private CameraDevice device;
        private CameraCaptureSession session; // null until it is configured
        private boolean ended;

        Opening(Surface surface, Frames frames) {
            this.surface = surface;
            this.frames = frames;
        }

        void end() {
            ended = true;
            session = null;
            if (device != null) device.close(); // and the session with it
            device = null;
            surface.release();
            frames.end();
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
            List<Surface> surfaces = Arrays.asList(surface, frames.reader.getSurface());
            attempt(() -> device.createCaptureSession(surfaces, new Session(), main));
        }

        /** Asks for frame after frame, with the light as it is wanted now. */
        void repeat() {
            if (ended || session == null) return;
            attempt(() -> {
                CaptureRequest.Builder request = device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                request.addTarget(surface);
                request.addTarget(frames.reader.getSurface());
                if (camera.focuses) {
                    request.set(CaptureRequest.CONTROL_AF_MODE, CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE);
                }
                request.set(
                        CaptureRequest.FLASH_MODE,
                        torch ? CaptureRequest.FLASH_MODE_TORCH : CaptureRequest.FLASH_MODE_OFF);
                session.setRepeatingRequest(request.build(), null, null);
            });
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
            public void onConfigured(CameraCaptureSession configured) {
                if (ended) return;
                session = configured;
                repeat();
                if (listener != null) listener.onCamera();
            }

            @Override
            public void onConfigureFailed(CameraCaptureSession refused) {
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
            end();
            return true;
        }

        @Override
        public void onSurfaceTextureUpdated(SurfaceTexture texture) {}
    }
}

package com.example.deit.camera;

import android.graphics.ImageFormat;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CameraMetadata;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.util.Size;
import java.util.Arrays;
import java.util.List;

/** Which camera, and at what size: at first the one at the back, no larger than the network has use for. */
final class CameraChoice {
    /** A DeiT resizes the short side to 256; more than twice that is thrown away. */
    private static final int SHORT_SIDE = 480;

    final String id;
    final Size size; // as the camera has it, before it is turned upright
    final boolean focuses; // by itself, all the time
    final boolean lights;
    final boolean others; // there are other cameras
    private final int degrees; // the sensor is turned by, clockwise, where the device is held as it is built
    private final boolean front;

    private CameraChoice(String id, CameraCharacteristics facts, boolean others) {
        this.id = id;
        this.others = others;
        Integer turned = facts.get(CameraCharacteristics.SENSOR_ORIENTATION);
        degrees = turned == null ? 0 : turned;
        front = is(facts, CameraMetadata.LENS_FACING_FRONT);
        StreamConfigurationMap map = facts.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
        size = choose(map == null ? null : map.getOutputSizes(ImageFormat.YUV_420_888));
        focuses = has(facts.get(CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES));
        lights = Boolean.TRUE.equals(facts.get(CameraCharacteristics.FLASH_INFO_AVAILABLE));
    }

    /**
     * The camera of that id; for one that is not there the one at the back, else the first.
     *
     * @param wanted null for none
     * @return null if there is no camera
     */
    static CameraChoice of(CameraManager manager, String wanted) throws CameraAccessException {
        List<String> ids = Arrays.asList(manager.getCameraIdList());
        if (ids.isEmpty()) return null;
        String chosen = ids.contains(wanted) ? wanted : null;
        for (String id : ids) {
            boolean back = is(manager.getCameraCharacteristics(id), CameraMetadata.LENS_FACING_BACK);
            if (chosen == null && back) chosen = id;
        }
        if (chosen == null) chosen = ids.get(0);
        return new CameraChoice(chosen, manager.getCameraCharacteristics(chosen), ids.size() > 1);
    }

    /** The id of the camera behind this one, the first behind the last. */
    String next(CameraManager manager) throws CameraAccessException {
        List<String> ids = Arrays.asList(manager.getCameraIdList());
        return ids.get((ids.indexOf(id) + 1) % ids.size());
    }

    private static boolean is(CameraCharacteristics facts, int facing) {
        Integer of = facts.get(CameraCharacteristics.LENS_FACING);
        return of != null && of == facing;
    }

    /** The smallest whose short side is long enough; every camera has 640×480. */
    static Size choose(Size[] sizes) {
        Size best = null;
        if (sizes != null) {
            for (Size size : sizes) {
                if (Math.min(size.getWidth(), size.getHeight()) < SHORT_SIDE) continue;
                if (best == null || pixels(size) < pixels(best)) best = size;
            }
        }
        return best == null ? new Size(640, SHORT_SIDE) : best;
    }

    private static long pixels(Size size) {
        return (long) size.getWidth() * size.getHeight();
    }

    private static boolean has(int[] modes) {
        if (modes == null) return false;
        for (int mode : modes) {
            if (mode == CameraMetadata.CONTROL_AF_MODE_CONTINUOUS_PICTURE) return true;
        }
        return false;
    }

    /**
     * How far a frame must be turned clockwise to be upright.
     *
     * @param display degrees that the screen is turned by from how the device is built: 0, 90, 180 or 270
     */
    int turn(int display) {
        return (degrees + (front ? display : 360 - display)) % 360;
    }

    /** Width of the preview where the device is held as it is built. */
    int uprightWidth() {
        return degrees % 180 == 90 ? size.getHeight() : size.getWidth();
    }

    int uprightHeight() {
        return degrees % 180 == 90 ? size.getWidth() : size.getHeight();
    }
}

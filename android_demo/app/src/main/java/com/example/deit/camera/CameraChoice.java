package com.example.deit.camera;

import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CameraMetadata;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.util.Size;

/** Which camera, and at what size: the one at the back, no larger than the network has use for. */
final class CameraChoice {
    /** A DeiT resizes the short side to 256; more than twice that is thrown away. */
    private static final int SHORT_SIDE = 480;

    final String id;
    final Size size; // as the camera has it, before it is turned upright
    final boolean turned; // upright it is size.height wide
    final boolean focuses; // by itself, all the time

    private CameraChoice(String id, CameraCharacteristics facts) {
        this.id = id;
        Integer degrees = facts.get(CameraCharacteristics.SENSOR_ORIENTATION);
        turned = degrees != null && degrees % 180 == 90;
        StreamConfigurationMap map = facts.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
        size = choose(map == null ? null : map.getOutputSizes(SurfaceTexture.class));
        focuses = has(facts.get(CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES));
    }

    /** The camera at the back, else the first; null if there is none. */
    static CameraChoice of(CameraManager manager) throws CameraAccessException {
        String[] ids = manager.getCameraIdList();
        for (String id : ids) {
            CameraCharacteristics facts = manager.getCameraCharacteristics(id);
            Integer facing = facts.get(CameraCharacteristics.LENS_FACING);
            if (facing != null && facing == CameraMetadata.LENS_FACING_BACK) return new CameraChoice(id, facts);
        }
        return ids.length == 0 ? null : new CameraChoice(ids[0], manager.getCameraCharacteristics(ids[0]));
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

    int uprightWidth() {
        return turned ? size.getHeight() : size.getWidth();
    }

    int uprightHeight() {
        return turned ? size.getWidth() : size.getHeight();
    }
}

package com.example.deit.bundle;

import android.os.Process;
import java.io.File;

/**
 * Whether this device has OpenCL, without which a bundle for the GPU cannot run. Asked by the files that Paddle Lite
 * opens (lite/backends/opencl/cl_wrapper.cc, and the folders that the linker looks into for its plain names); that one
 * of them is there does not mean that it works, which opening the bundle tells.
 */
public final class OpenCl {
    private static final String[] FOLDERS = {"vendor/lib", "system/vendor/lib", "system/lib"};
    private static final String[] LIBRARIES = {
        "libOpenCL.so", "libGLES_mali.so", "libmali.so", "egl/libGLES_mali.so", "libPVROCL.so"
    };

    private OpenCl() {}

    public static boolean there() {
        return there(new File("/"), Process.is64Bit());
    }

    /** The same in another root folder, for processes of 64 or 32 bits. */
    static boolean there(File root, boolean wide) {
        for (String folder : FOLDERS) {
            for (String library : LIBRARIES) {
                if (new File(root, folder + (wide ? "64/" : "/") + library).isFile()) return true;
            }
        }
        return false;
    }
}

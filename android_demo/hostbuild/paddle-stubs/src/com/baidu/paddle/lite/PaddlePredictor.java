package com.baidu.paddle.lite;

import java.nio.charset.StandardCharsets;

/**
 * Stands in for the class of PaddlePredictor.jar: what the app uses of it, with the same signatures. Its natives
 * are those of tests/android/paddle_lite_jni.cpp, over a real engine.
 */
public class PaddlePredictor {
    static {
        System.loadLibrary("paddle_lite_jni");
    }

    private long handle;

    public PaddlePredictor(ConfigBase config) {
        init(config);
    }

    public static PaddlePredictor createPaddlePredictor(ConfigBase config) {
        PaddlePredictor predictor = new PaddlePredictor(config);
        return predictor.handle == 0 ? null : predictor;
    }

    public Tensor getInput(int offset) {
        return handle == 0 ? null : new Tensor(this, true, offset);
    }

    public Tensor getOutput(int offset) {
        return handle == 0 ? null : new Tensor(this, false, offset);
    }

    public boolean run() {
        return handle != 0 && run(handle);
    }

    public String getVersion() {
        return handle == 0 ? "" : version(handle);
    }

    protected boolean init(ConfigBase config) {
        MobileConfig mobile = (MobileConfig) config;
        byte[] path = mobile.getModelFromFile().getBytes(StandardCharsets.UTF_8);
        handle = load(path, mobile.getThreads(), mobile.getPowerModeInt());
        return handle != 0;
    }

    protected boolean clear() {
        boolean held = handle != 0;
        if (held) free(handle);
        handle = 0;
        return held;
    }

    long handle() {
        return handle;
    }

    private static native long load(byte[] path, int threads, int powerMode);

    private static native void free(long handle);

    private static native boolean run(long handle);

    private static native String version(long handle);
}

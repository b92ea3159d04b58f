package com.baidu.paddle.lite;

/** Stands in for the class of PaddlePredictor.jar: what the app uses of it, with the same signatures. */
public class MobileConfig extends ConfigBase {
    private PowerMode powerMode = PowerMode.LITE_POWER_HIGH;
    private int threads = 1;
    private String modelFile;

    public void setPowerMode(PowerMode powerMode) {
        this.powerMode = powerMode;
    }

    public PowerMode getPowerMode() {
        return powerMode;
    }

    public int getPowerModeInt() {
        return powerMode.value();
    }

    public void setThreads(int threads) {
        this.threads = threads;
    }

    public int getThreads() {
        return threads;
    }

    public void setModelFromFile(String modelFile) {
        this.modelFile = modelFile;
    }

    public String getModelFromFile() {
        return modelFile;
    }
}

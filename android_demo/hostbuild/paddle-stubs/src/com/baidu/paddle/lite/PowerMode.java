package com.baidu.paddle.lite;

/** Stands in for the enum of PaddlePredictor.jar: the same constants with the same numbers. */
public enum PowerMode {
    LITE_POWER_HIGH,
    LITE_POWER_LOW,
    LITE_POWER_FULL,
    LITE_POWER_NO_BIND,
    LITE_POWER_RAND_HIGH,
    LITE_POWER_RAND_LOW;

    public int value() {
        return ordinal();
    }
}

package com.example.deit.classify;

/** By which way the app reaches Paddle Lite. */
public enum Engine {
    /** Java, JNI, the C++ core, Paddle Lite's C++ library. */
    NATIVE,
    /** Java alone, over Paddle Lite's own Java interface (PaddlePredictor.jar). */
    JAVA
}

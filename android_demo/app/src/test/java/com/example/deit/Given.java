package com.example.deit;

import static org.junit.Assume.assumeTrue;

import java.io.File;
import java.lang.reflect.Method;

/** What the build gives the tests, in system properties. A test that needs what is not given is skipped, and says why. */
public final class Given {
    private Given() {}

    /** The folder of a real bundle on this computer: int8 or fp32. */
    public static File bundle(String precision) {
        return folder(
                "deit.bundle." + precision,
                "a digits bundle on this computer: ./run.sh tools/opt.py --model deit_tiny --weights digits --precision "
                        + precision);
    }

    /** For a test that is marked with {@link NeedsEngine}, or whose class is: both bundles, and libraries to run them. */
    static void engine(Method test) {
        if (!test.isAnnotationPresent(NeedsEngine.class)
                && !test.getDeclaringClass().isAnnotationPresent(NeedsEngine.class)) return;
        folder("deit.jni", "the engine for this computer: give its libraries with -Pdeit.jni=DIR (android_demo/README.md)");
        bundle("int8");
        bundle("fp32");
    }

    private static File folder(String property, String need) {
        String folder = System.getProperty(property, "");
        assumeTrue("skipped, it needs " + need, !folder.isEmpty());
        return new File(folder);
    }
}

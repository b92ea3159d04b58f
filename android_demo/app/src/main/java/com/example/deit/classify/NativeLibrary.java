package com.example.deit.classify;

import com.example.deit.classify.ClassifierException.Code;

/** Native libraries that may be missing, as they are on processors that the app was not built for. */
final class NativeLibrary {
    private NativeLibrary() {}

    /** Loads a library, once; throws {@code ABI} where it cannot be. */
    static void load(String name) throws ClassifierException {
        try {
            System.loadLibrary(name);
        } catch (LinkageError error) {
            throw missing(name, error);
        }
    }

    static ClassifierException missing(String name, LinkageError error) {
        String why = String.valueOf(error.getMessage());
        return new ClassifierException(
                Code.ABI,
                "lib" + name + ".so cannot be loaded on this processor (" + System.getProperty("os.arch")
                        + "): build the app for it, with Paddle Lite's libraries; " + why.split("\n", 2)[0],
                error);
    }
}

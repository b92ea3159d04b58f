package com.example.deit.classify;

import com.example.deit.Shown;

/** Why there is no classification: one printable line in English, what happened and what to do, and a code. */
public final class ClassifierException extends Exception {
    private static final long serialVersionUID = 1;

    /** What went wrong, for words in the user's language. */
    public enum Code {
        /** Arguments out of range, or a classifier that is closed. */
        USAGE(2),
        /** A bitmap that cannot be used. */
        PICTURE(3),
        /** A .nb that is missing, damaged, of another version, or for another processor or library. */
        MODEL(4),
        /** manifest.json or labels.txt missing, damaged or of another bundle. */
        BUNDLE(5),
        /** The engine failed. */
        ENGINE(6),
        /** Out of memory. */
        MEMORY(8),
        /** The native libraries are missing, or are not for this processor. */
        ABI(9);

        private final int number;

        Code(int number) {
            this.number = number;
        }

        /** The code of the core's deit_code; ENGINE for one that is not known. */
        static Code of(int number) {
            for (Code code : values()) {
                if (code.number == number) return code;
            }
            return ENGINE;
        }
    }

    public final Code code;

    public ClassifierException(Code code, String message) {
        super(Shown.line(message));
        this.code = code;
    }

    public ClassifierException(Code code, String message, Throwable cause) {
        super(Shown.line(message), cause);
        this.code = code;
    }

    /** For a library that is missing, as it is on processors that the app was not built for: {@code ABI}. */
    static ClassifierException missing(String library, LinkageError error) {
        String why = String.valueOf(error.getMessage());
        return new ClassifierException(
                Code.ABI,
                "lib" + library + ".so cannot be loaded on this processor (" + System.getProperty("os.arch")
                        + "): build the app for it, with Paddle Lite's libraries; " + why.split("\n", 2)[0],
                error);
    }
}

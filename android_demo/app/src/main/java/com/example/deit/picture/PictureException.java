package com.example.deit.picture;

import com.example.deit.Shown;

/** A picture that cannot be read. */
public final class PictureException extends Exception {
    private static final long serialVersionUID = 1;

    /** @param detail what the system said of it, in English; null if nothing */
    PictureException(String detail, Throwable cause) {
        super(Shown.line(detail), cause);
    }
}

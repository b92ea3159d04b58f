package com.example.deit.screen;

import com.example.deit.engine.Task;

/** What a screen shows, without the screen: it outlives a rotation, together with work under way. */
abstract class ScreenState {
    /** What the short side is resized to by every DeiT, for a picture that comes before there is a bundle. */
    static final int SHORT_SIDE = 256;

    Task task; // null while nothing is under way
    private Runnable screen; // null while there is none

    /** `run` is called after each change; null for a screen that is gone. */
    final void screen(Runnable run) {
        screen = run;
    }

    final void changed() {
        if (screen != null) screen.run();
    }

    final boolean hasScreen() {
        return screen != null;
    }

    /** Nothing is told from now on. */
    void cancel() {
        if (task != null) task.cancel();
        task = null;
    }

    final boolean working() {
        return task != null;
    }
}

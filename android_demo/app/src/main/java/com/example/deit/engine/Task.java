package com.example.deit.engine;

/** Work given to the engine thread. */
public final class Task {
    private volatile boolean cancelled;

    Task() {}

    /** Nothing is told of this task from now on. What is running is not interrupted, but may ask. */
    public void cancel() {
        cancelled = true;
    }

    public boolean isCancelled() {
        return cancelled;
    }
}

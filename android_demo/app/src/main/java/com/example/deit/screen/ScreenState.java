package com.example.deit.screen;

import com.example.deit.engine.EngineThread;
import com.example.deit.engine.Task;
import com.example.deit.words.Problem;
import java.util.function.Consumer;

/**
 * What a screen shows, without the screen: it outlives a rotation, together with work under way. The screen reads its
 * fields, on the main thread.
 */
abstract class ScreenState {
    final EngineThread engine;
    Task task; // null while nothing is under way
    Problem problem; // null if there is none
    private Runnable screen; // null while there is none

    ScreenState(EngineThread engine) {
        this.engine = engine;
    }

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

    /** Does work in place of what is under way. */
    final <T> void begin(EngineThread.Work<T> work, Consumer<T> done) {
        if (task != null) task.cancel();
        problem = null;
        task = engine.run(work, new EngineThread.Callback<T>() {
            @Override
            public void onDone(T value) {
                task = null;
                done.accept(value);
                changed();
            }

            @Override
            public void onProblem(Problem what) {
                task = null;
                failed();
                fail(what);
            }
        });
        changed();
    }

    /** What was begun has ended with a problem, which is about to be told. */
    void failed() {}

    /** Tells of a problem. */
    final void fail(Problem what) {
        problem = what;
        changed();
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

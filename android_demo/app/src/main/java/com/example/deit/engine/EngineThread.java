package com.example.deit.engine;

import android.os.Handler;
import android.os.Looper;
import com.example.deit.bundle.BundleException;
import com.example.deit.classify.ClassifierException;
import com.example.deit.picture.PictureException;
import com.example.deit.words.Problem;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The thread that everything slow runs on: one, since there is one network. What comes of it is told to the main
 * thread, unless the task has been cancelled by then.
 */
public final class EngineThread {
    /** What to do on the engine thread. */
    public interface Work<T> {
        /** @param task may be asked whether it is cancelled */
        T run(OpenEngine engine, Task task) throws BundleException, ClassifierException, PictureException;
    }

    /** Who wants to know, on the main thread. Exactly one of the two is called, and none for a cancelled task. */
    public interface Callback<T> {
        void onDone(T value);

        void onProblem(Problem problem);
    }

    private final ExecutorService executor = Executors.newSingleThreadExecutor(run -> new Thread(run, "engine"));
    private final Handler main = new Handler(Looper.getMainLooper());
    private final OpenEngine engine;

    /** @param engine this thread's from now on */
    public EngineThread(OpenEngine engine) {
        this.engine = engine;
    }

    /** Runs work after all that was given before. To be called on the main thread. */
    public <T> Task run(Work<T> work, Callback<T> callback) {
        Task task = new Task();
        executor.execute(() -> runNow(task, work, callback));
        return task;
    }

    /** Closes the classifier after all work that was given before; the next work opens it again. */
    public void release() {
        executor.execute(engine::close);
    }

    /** Ends the thread after all work that was given before. */
    public void shutdown() {
        release();
        executor.shutdown();
    }

    private <T> void runNow(Task task, Work<T> work, Callback<T> callback) {
        if (task.isCancelled()) return;
        try {
            T value = work.run(engine, task);
            deliver(task, () -> callback.onDone(value));
        } catch (BundleException e) {
            fail(task, callback, Problem.of(e));
        } catch (ClassifierException e) {
            fail(task, callback, Problem.of(e));
        } catch (PictureException e) {
            fail(task, callback, Problem.of(e));
        } catch (OutOfMemoryError e) {
            engine.close();
            fail(task, callback, Problem.outOfMemory());
        }
    }

    private void fail(Task task, Callback<?> callback, Problem problem) {
        deliver(task, () -> callback.onProblem(problem));
    }

    /** Whether the task was cancelled is asked on the main thread, where it is cancelled: there is no gap. */
    private void deliver(Task task, Runnable run) {
        main.post(
                () -> {
                    if (!task.isCancelled()) run.run();
                });
    }
}

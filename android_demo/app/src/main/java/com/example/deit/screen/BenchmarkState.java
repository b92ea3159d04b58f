package com.example.deit.screen;

import android.content.ContentResolver;
import android.os.Handler;
import android.os.Looper;
import com.example.deit.bench.Measurement;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.Task;
import com.example.deit.words.Problem;

/** What the benchmark screen shows, without the screen: it outlives a rotation, together with a running benchmark. */
final class BenchmarkState extends ScreenState implements EngineThread.Callback<Measurement> {
    private final EngineThread engine;
    private final ContentResolver resolver;
    private final Handler main = new Handler(Looper.getMainLooper());

    private int total; // runs, with those to warm up
    private int done;
    private boolean cancelled; // the last one, by the user or by leaving the screen
    private Measurement measurement;
    private Problem problem;

    BenchmarkState(EngineThread engine, ContentResolver resolver) {
        this.engine = engine;
        this.resolver = resolver;
    }

    void start(int warmup, int repeats) {
        super.cancel();
        cancelled = false;
        measurement = null;
        problem = null;
        done = 0;
        total = warmup + repeats;
        Progress progress = new Progress();
        task = engine.run(open -> new Measurement(open, resolver, warmup, repeats, progress::stopped), this);
        progress.of = task;
        changed();
    }

    /** Ends a benchmark that is under way: after the run that is going on. */
    @Override
    void cancel() {
        if (task == null) return;
        super.cancel();
        cancelled = true;
        changed();
    }

    @Override
    public void onDone(Measurement value) {
        task = null;
        measurement = value;
        changed();
    }

    @Override
    public void onProblem(Problem what) {
        task = null;
        problem = what;
        changed();
    }

    int total() {
        return total;
    }

    int done() {
        return done;
    }

    boolean cancelled() {
        return cancelled;
    }

    /** Null if there is none yet. */
    Measurement measurement() {
        return measurement;
    }

    Problem problem() {
        return problem;
    }

    /** The classifier asks between runs whether to stop: that is also how far it is. */
    private final class Progress {
        volatile Task of;
        private int asked;

        /** On the engine thread, which may begin before `of` is there. */
        boolean stopped() {
            int runs = Math.min(asked++, total);
            main.post(
                    () -> {
                        if (of != task || task == null) return;
                        done = runs;
                        changed();
                    });
            Task mine = of;
            return mine != null && mine.isCancelled();
        }
    }
}

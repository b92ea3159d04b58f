package com.example.deit.screen;

import android.content.ContentResolver;
import android.os.Handler;
import android.os.Looper;
import com.example.deit.bench.Measurement;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.Task;

/** What the benchmark screen shows, without the screen: it outlives a rotation, together with a running benchmark. */
final class BenchmarkState extends ScreenState {
    private final ContentResolver resolver;
    private final Handler main = new Handler(Looper.getMainLooper());
    int total; // runs, with those to warm up
    int done;
    boolean cancelled; // the last one, by the user or by leaving the screen
    Measurement measurement; // null if there is none yet

    BenchmarkState(EngineThread engine, ContentResolver resolver) {
        super(engine);
        this.resolver = resolver;
    }

    void start(int warmup, int repeats) {
        cancelled = false;
        measurement = null;
        done = 0;
        total = warmup + repeats;
        int[] asked = {0};
        begin(
                (open, task) ->
                        new Measurement(open, resolver, warmup, repeats, () -> stopped(task, asked[0]++)),
                value -> measurement = value);
    }

    /** Ends a benchmark that is under way: after the run that is going on. */
    @Override
    void cancel() {
        if (task == null) return;
        super.cancel();
        cancelled = true;
        changed();
    }

    /** The classifier asks between runs whether to stop: that is also how far it is. On the engine thread. */
    private boolean stopped(Task mine, int asked) {
        main.post(() -> {
            if (mine != task) return;
            done = Math.min(asked, total);
            changed();
        });
        return mine.isCancelled();
    }
}

package com.example.deit.screen;

import android.graphics.Bitmap;
import com.example.deit.bundle.BundleException;
import com.example.deit.camera.FrameSource;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.LatencyWindow;
import com.example.deit.engine.Answer;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.OpenEngine;
import com.example.deit.engine.Task;
import com.example.deit.words.Problem;
import java.util.function.IntSupplier;

/**
 * Frames in, classes out, as fast as the network allows. There is never more than one frame with the engine; when it
 * is done the newest frame is next, and those between are left out.
 */
final class LiveClassification implements FrameSource.Listener {
    /** Who is told, on the main thread. */
    public interface Listener {
        void onAnswer(Answer answer, LatencyWindow latencies);

        /** A camera is open: what it can do is known. */
        void onCamera();

        void onProblem(Problem problem);
    }

    private final FrameSource source;
    private final EngineThread engine;
    private final Listener listener;
    private final IntSupplier classes;
    private final LatencyWindow latencies = new LatencyWindow();

    private Bitmap frame; // the engine thread's: read and overwritten while a task is under way
    private Task task; // null while the engine is idle
    private boolean newer; // a frame came while the engine was not

    /** @param classes how many of the likeliest are wanted, asked for each frame */
    public LiveClassification(FrameSource source, EngineThread engine, IntSupplier classes, Listener listener) {
        this.source = source;
        this.engine = engine;
        this.classes = classes;
        this.listener = listener;
    }

    public void start() {
        source.open(this);
    }

    /** Gives the camera back; what is under way with the engine is told to nobody. */
    public void stop() {
        source.close();
        if (task != null) task.cancel();
        task = null;
        newer = false;
    }

    @Override
    public void onFrame() {
        if (task == null) classify();
        else newer = true;
    }

    @Override
    public void onCamera() {
        listener.onCamera();
    }

    @Override
    public void onProblem(Problem problem) {
        stop();
        listener.onProblem(problem);
    }

    private void classify() {
        newer = false;
        int wanted = classes.getAsInt();
        task = engine.run((open, task) -> answer(open, wanted), new Answers());
    }

    /** On the engine thread, which has one task at a time: reading and converting a frame keep no screen waiting. */
    private Answer answer(OpenEngine open, int wanted) throws BundleException, ClassifierException {
        Bitmap latest = source.latest(frame);
        if (latest == null) return null;
        frame = latest;
        return Answer.of(open, latest, wanted);
    }

    private final class Answers implements EngineThread.Callback<Answer> {
        @Override
        public void onDone(Answer answer) {
            task = null;
            if (answer != null) {
                latencies.add(answer.result.times, System.nanoTime());
                listener.onAnswer(answer, latencies);
            }
            if (newer) classify();
        }

        @Override
        public void onProblem(Problem problem) {
            task = null;
            LiveClassification.this.onProblem(problem);
        }
    }
}

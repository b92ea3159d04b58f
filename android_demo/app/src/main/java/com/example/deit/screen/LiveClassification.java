package com.example.deit.screen;

import android.graphics.Bitmap;
import com.example.deit.camera.FrameSource;
import com.example.deit.classify.LatencyWindow;
import com.example.deit.engine.Answer;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.Task;
import com.example.deit.words.Problem;

/**
 * Frames in, classes out, as fast as the network allows. There is never more than one frame with the engine; when it
 * is done the newest frame is next, and those between are left out.
 */
final class LiveClassification implements FrameSource.Listener {
    /** Who is told, on the main thread. */
    public interface Listener {
        void onAnswer(Answer answer, LatencyWindow latencies);

        void onProblem(Problem problem);
    }

    private final FrameSource source;
    private final EngineThread engine;
    private final Listener listener;
    private final LatencyWindow latencies = new LatencyWindow();

    private Bitmap frame; // the engine reads it while a task is under way
    private Task task; // null while the engine is idle
    private boolean newer; // a frame came while the engine was not

    public LiveClassification(FrameSource source, EngineThread engine, Listener listener) {
        this.source = source;
        this.engine = engine;
        this.listener = listener;
    }

    public void start() {
        source.open(this);
    }

    /** Gives the camera back; what is under way with the engine is told to nobody. */
    public void stop() {
        source.close();
        if (task != null) {
            task.cancel();
            frame = null; // the engine may still be reading it
        }
        task = null;
        newer = false;
    }

    @Override
    public void onFrame() {
        if (task == null) classify();
        else newer = true;
    }

    @Override
    public void onProblem(Problem problem) {
        stop();
        listener.onProblem(problem);
    }

    private void classify() {
        newer = false;
        Bitmap latest = source.latest(frame);
        if (latest == null) return;
        frame = latest;
        task = engine.run(open -> Answer.of(open, latest), new Answers());
    }

    private final class Answers implements EngineThread.Callback<Answer> {
        @Override
        public void onDone(Answer answer) {
            task = null;
            latencies.add(answer.result.times);
            listener.onAnswer(answer, latencies);
            if (newer) classify();
        }

        @Override
        public void onProblem(Problem problem) {
            task = null;
            LiveClassification.this.onProblem(problem);
        }
    }
}

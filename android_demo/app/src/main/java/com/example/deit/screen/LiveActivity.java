package com.example.deit.screen;

import android.app.Activity;
import android.os.Bundle;
import android.view.ViewGroup;
import android.view.WindowManager;
import android.widget.TextView;
import com.example.deit.DemoApplication;
import com.example.deit.R;
import com.example.deit.camera.FrameSource;
import com.example.deit.classify.LatencyWindow;
import com.example.deit.engine.Answer;
import com.example.deit.view.ResultView;
import com.example.deit.words.Problem;
import com.example.deit.words.Words;

/** The camera's picture, classified all the time. */
public final class LiveActivity extends Activity implements LiveClassification.Listener {
    private static final String DENIED = "denied";

    private CameraPermission permission;
    private FrameSource source;
    private LiveClassification live; // null while there is no permission, and in the background
    private boolean asking; // the system's question is on the screen
    private boolean denied; // it was answered with no

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        getActionBar().setDisplayHomeAsUpEnabled(true);
        setContentView(R.layout.activity_live);
        permission = new CameraPermission(this);
        source = DemoApplication.of(this).frames(this);
        ((ViewGroup) findViewById(R.id.preview)).addView(source.view());
        denied = saved != null && saved.getBoolean(DENIED);
    }

    @Override
    protected void onSaveInstanceState(Bundle saved) {
        super.onSaveInstanceState(saved);
        saved.putBoolean(DENIED, denied);
    }

    @Override
    protected void onStart() {
        super.onStart();
        begin();
    }

    private void begin() {
        if (permission.granted()) {
            show(null);
            live = new LiveClassification(source, DemoApplication.of(this).engine(), this);
            live.start();
        } else if (denied) {
            show(permission.denial());
        } else if (!asking) {
            asking = true;
            permission.request();
        }
    }

    @Override
    protected void onStop() {
        end();
        super.onStop();
    }

    private void end() {
        if (live != null) live.stop();
        live = null;
    }

    @Override
    public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
        CameraPermission.Reply reply = permission.reply(request, results);
        asking = false;
        if (reply == CameraPermission.Reply.NONE || live != null) return;
        denied = reply == CameraPermission.Reply.DENIED;
        begin();
    }

    @Override
    public void onAnswer(Answer answer, LatencyWindow latencies) {
        TextView bundle = findViewById(R.id.bundle);
        bundle.setText(answer.bundle.name());
        ResultView results = findViewById(R.id.result);
        results.show(answer.result.guesses, Words.times(getResources(), latencies));
    }

    @Override
    public void onProblem(Problem problem) {
        end();
        ((ResultView) findViewById(R.id.result)).show(null, null);
        show(problem);
    }

    private void show(Problem problem) {
        Problems.show(this, problem, this::retry);
    }

    private void retry() {
        end();
        denied = false;
        begin();
    }
}

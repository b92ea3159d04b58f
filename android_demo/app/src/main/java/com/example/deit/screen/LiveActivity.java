package com.example.deit.screen;

import android.app.Activity;
import android.os.Bundle;
import android.view.View;
import android.view.ViewGroup;
import android.view.WindowManager;
import android.widget.TextView;
import com.example.deit.DemoApplication;
import com.example.deit.R;
import com.example.deit.camera.FrameSource;
import com.example.deit.classify.LatencyWindow;
import com.example.deit.classify.Times;
import com.example.deit.engine.Answer;
import com.example.deit.view.Edges;
import com.example.deit.view.ResultView;
import com.example.deit.words.Problem;
import com.example.deit.words.Words;

/** The camera's picture over the whole screen, classified all the time. */
public final class LiveActivity extends Activity implements LiveClassification.Listener {
    /** Beside the first: more would hide the picture. */
    private static final int OTHERS = 2;
    private static final String DENIED = "denied";
    private static final String CAMERA = "camera";

    private CameraPermission permission;
    private FrameSource source;
    private LiveClassification live; // null while there is no permission, and in the background
    private boolean asking; // the system's question is on the screen
    private boolean denied; // it was answered with no

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        setContentView(R.layout.activity_live);
        Edges.draw(this);
        Edges.pad(findViewById(R.id.overlay), Edges.LEFT | Edges.TOP | Edges.RIGHT | Edges.BOTTOM);
        permission = new CameraPermission(this);
        source = DemoApplication.of(this).frames(this);
        ((ViewGroup) findViewById(R.id.preview)).addView(source.view());
        denied = saved != null && saved.getBoolean(DENIED);
        if (saved != null) source.choose(saved.getString(CAMERA));
        reserve();
        findViewById(R.id.back).setOnClickListener(v -> finish());
        findViewById(R.id.torch).setOnClickListener(v -> {
            source.torch(!source.torch());
            onCamera();
        });
        findViewById(R.id.switch_camera).setOnClickListener(v -> source.switchCamera());
    }

    /** The room of an answer from the start, so that nothing moves when the first one comes. */
    private void reserve() {
        ResultView results = findViewById(R.id.result);
        results.reserve(OTHERS);
        LatencyWindow longest = new LatencyWindow();
        longest.add(new Times(0, 100, 1000), 0);
        TextView latency = findViewById(R.id.latency);
        latency.setText(Words.times(getResources(), longest));
        latency.setVisibility(View.INVISIBLE);
    }

    @Override
    protected void onSaveInstanceState(Bundle saved) {
        super.onSaveInstanceState(saved);
        saved.putBoolean(DENIED, denied);
        saved.putString(CAMERA, source.camera());
    }

    @Override
    protected void onStart() {
        super.onStart();
        begin();
    }

    private void begin() {
        if (permission.granted()) {
            show(null);
            DemoApplication app = DemoApplication.of(this);
            live = new LiveClassification(source, app.engine(), () -> app.results().classes, this);
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
        onCamera();
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
    public void onCamera() {
        View torch = findViewById(R.id.torch);
        torch.setVisibility(live != null && source.hasTorch() ? View.VISIBLE : View.GONE);
        torch.setActivated(source.torch());
        // Colour alone tells a screen reader nothing.
        torch.setContentDescription(getString(source.torch() ? R.string.torch_on : R.string.torch_off));
        findViewById(R.id.switch_camera)
                .setVisibility(live != null && source.canSwitch() ? View.VISIBLE : View.GONE);
    }

    @Override
    public void onAnswer(Answer answer, LatencyWindow latencies) {
        ((TextView) findViewById(R.id.bundle)).setText(answer.bundle.name());
        TextView latency = findViewById(R.id.latency);
        latency.setText(Words.times(getResources(), latencies));
        latency.setVisibility(View.VISIBLE);
        TextView fps = findViewById(R.id.fps);
        double rate = latencies.rate();
        if (rate > 0) fps.setText(getString(R.string.fps, rate));
        fps.setVisibility(rate > 0 ? View.VISIBLE : View.INVISIBLE);
        findViewById(R.id.looking).setVisibility(View.GONE);
        ((ResultView) findViewById(R.id.result)).show(
                answer.result.guesses, DemoApplication.of(this).results().share());
    }

    @Override
    public void onProblem(Problem problem) {
        end();
        ((ResultView) findViewById(R.id.result)).show(null, 0);
        show(problem);
    }

    private void show(Problem problem) {
        findViewById(R.id.panel).setVisibility(problem == null ? View.VISIBLE : View.GONE);
        Problems.show(this, problem, this::retry);
    }

    private void retry() {
        end();
        denied = false;
        begin();
    }
}

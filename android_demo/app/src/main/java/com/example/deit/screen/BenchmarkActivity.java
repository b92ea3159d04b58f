package com.example.deit.screen;

import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.os.Bundle;
import android.view.View;
import android.view.WindowManager;
import android.widget.Button;
import android.widget.EditText;
import android.widget.ProgressBar;
import android.widget.TextView;
import com.example.deit.DemoApplication;
import com.example.deit.R;
import com.example.deit.bench.BenchDocument;
import com.example.deit.bench.Measurement;
import com.example.deit.bench.Statistics;

/** Measures how long the network takes, and shares the numbers as the JSON that the command line writes. */
public final class BenchmarkActivity extends Activity {
    private static final int MAX_RUNS = 1000;

    private BenchmarkState state;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        // A screen that dims slows the processor down.
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        getActionBar().setDisplayHomeAsUpEnabled(true);
        setContentView(R.layout.activity_benchmark);
        state = (BenchmarkState) getLastNonConfigurationInstance();
        if (state == null) state = new BenchmarkState(DemoApplication.of(this).engine(), getContentResolver());
        findViewById(R.id.start).setOnClickListener(v -> startOrCancel());
        findViewById(R.id.share).setOnClickListener(v -> share());
    }

    @Override
    protected void onStart() {
        super.onStart();
        state.screen(this::render);
        render();
    }

    @Override
    protected void onStop() {
        state.screen(null);
        // In the background the processor belongs to others, and the numbers would say nothing.
        if (!isChangingConfigurations()) state.cancel();
        super.onStop();
    }

    @Override
    public Object onRetainNonConfigurationInstance() {
        return state;
    }

    private void startOrCancel() {
        if (state.running()) {
            state.cancel();
            return;
        }
        Integer warmup = number(R.id.warmup);
        Integer repeats = number(R.id.repeats);
        if (warmup != null && repeats != null) state.start(warmup, repeats);
    }

    /** The number in a field; null if it is none or out of range, which the field then says. */
    private Integer number(int id) {
        EditText field = findViewById(id);
        try {
            int value = Integer.parseInt(field.getText().toString().trim());
            if (value >= 1 && value <= MAX_RUNS) return value;
        } catch (NumberFormatException e) {
            // Said below.
        }
        field.setError(getString(R.string.number_range, 1, MAX_RUNS));
        field.requestFocus();
        return null;
    }

    private void render() {
        boolean running = state.running();
        ((Button) findViewById(R.id.start)).setText(running ? R.string.cancel : R.string.start);
        findViewById(R.id.warmup).setEnabled(!running);
        findViewById(R.id.repeats).setEnabled(!running);

        ProgressBar progress = findViewById(R.id.progress);
        progress.setVisibility(running ? View.VISIBLE : View.GONE);
        progress.setMax(Math.max(1, state.total()));
        progress.setProgress(state.done());

        TextView status = findViewById(R.id.status);
        if (running) status.setText(getString(R.string.runs_done, state.done(), state.total()));
        else if (state.cancelled()) status.setText(R.string.cancelled);
        else status.setText(state.measurement() == null ? R.string.benchmark_hint : R.string.finished);

        Measurement measured = state.measurement();
        findViewById(R.id.share).setVisibility(measured == null ? View.GONE : View.VISIBLE);
        TextView numbers = findViewById(R.id.numbers);
        numbers.setVisibility(measured == null ? View.GONE : View.VISIBLE);
        if (measured != null) numbers.setText(numbers(measured));
        Problems.show(this, state.problem(), this::startOrCancel);
    }

    private String numbers(Measurement measured) {
        Statistics values = measured.statistics;
        return getString(
                R.string.numbers,
                measured.file.getParentFile().getName(),
                measured.facts.threads,
                measured.facts.powerMode,
                measured.facts.loadMs,
                measured.first.times.inferenceMs,
                values.p50,
                values.p90,
                values.p99,
                values.min,
                values.max,
                values.mean,
                values.stddev);
    }

    private void share() {
        Intent send = new Intent(Intent.ACTION_SEND);
        send.setType("text/plain");
        send.putExtra(Intent.EXTRA_SUBJECT, getString(R.string.benchmark));
        send.putExtra(Intent.EXTRA_TEXT, BenchDocument.of(state.measurement(), version()));
        startActivity(Intent.createChooser(send, getString(R.string.share)));
    }

    private String version() {
        try {
            return getPackageManager().getPackageInfo(getPackageName(), 0).versionName;
        } catch (PackageManager.NameNotFoundException e) {
            throw new AssertionError(e); // it is this very app
        }
    }
}

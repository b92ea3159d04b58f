package com.example.deit.screen;

import android.content.pm.PackageManager;
import android.os.Bundle;
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
import com.example.deit.view.PlotView;

/** Measures how long the network takes, and shares the numbers as the JSON that the command line writes. */
public final class BenchmarkActivity extends StateActivity<BenchmarkState> {
    private static final int MAX_RUNS = 1000;
    /** A change of the runs' time that is told: less comes and goes on any phone. */
    private static final double NOTABLE = 0.1;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        // A screen that dims slows the processor down.
        getWindow().addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON);
        setContentView(R.layout.activity_benchmark);
        Bars.show(this);
        state = retained();
        DemoApplication app = DemoApplication.of(this);
        if (state == null) state = new BenchmarkState(app.engine(), app.getContentResolver());
        findViewById(R.id.start).setOnClickListener(v -> startOrCancel());
        findViewById(R.id.share).setOnClickListener(v -> share());
    }

    @Override
    protected void onStop() {
        super.onStop();
        // In the background the processor belongs to others, and the numbers would say nothing.
        if (!isChangingConfigurations()) state.cancel();
    }

    private void startOrCancel() {
        if (state.working()) {
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

    @Override
    void render() {
        boolean running = state.working();
        ((Button) findViewById(R.id.start)).setText(running ? R.string.cancel : R.string.start);
        findViewById(R.id.warmup).setEnabled(!running);
        findViewById(R.id.repeats).setEnabled(!running);

        ProgressBar progress = findViewById(R.id.progress);
        show(progress, running);
        progress.setMax(Math.max(1, state.total));
        progress.setProgress(state.done);

        TextView status = findViewById(R.id.status);
        Measurement measured = state.measurement;
        show(status, measured == null);
        if (running) status.setText(getString(R.string.runs_done, state.done, state.total));
        else status.setText(state.cancelled ? R.string.cancelled : R.string.benchmark_hint);

        show(findViewById(R.id.share), measured != null);
        show(findViewById(R.id.measured), measured != null);
        if (measured != null) render(measured);
        Problems.show(this, state.problem, this::startOrCancel);
    }

    private void render(Measurement measured) {
        Statistics values = measured.statistics;
        ((TextView) findViewById(R.id.finished)).setText(getString(R.string.finished, values.p50));
        ((TextView) findViewById(R.id.summary)).setText(summary(measured));
        ((TextView) findViewById(R.id.numbers)).setText(numbers(measured));
        PlotView plot = findViewById(R.id.plot);
        plot.show(measured.latencies, values.p50);
        plot.setContentDescription(getString(
                R.string.plot_description, measured.latencies.length, values.min, values.max, values.p50));
    }

    /** What the numbers mean, for who does not read percentiles. */
    private String summary(Measurement measured) {
        Statistics values = measured.statistics;
        double trend = Statistics.trend(measured.latencies);
        String change = "\n" + getString(R.string.bench_steady);
        if (Double.isNaN(trend)) change = ""; // too few runs to say
        if (trend > NOTABLE) change = "\n" + getString(R.string.bench_slower, 100 * trend);
        if (trend < -NOTABLE) change = "\n" + getString(R.string.bench_faster, -100 * trend);
        return getString(R.string.bench_rate, 1000 / values.p50, values.p90)
                + change
                + "\n" + getString(R.string.bench_first, measured.facts.loadMs, measured.first.times.inferenceMs);
    }

    private String numbers(Measurement measured) {
        Statistics values = measured.statistics;
        return getString(
                R.string.numbers,
                measured.file.getParentFile().getName(),
                measured.facts.threads,
                measured.facts.powerMode,
                values.p50,
                values.p90,
                values.p99,
                values.min,
                values.max,
                values.mean,
                values.stddev);
    }

    private void share() {
        send(getString(R.string.benchmark), BenchDocument.of(state.measurement, version()), R.string.share);
    }

    private String version() {
        try {
            return getPackageManager().getPackageInfo(getPackageName(), 0).versionName;
        } catch (PackageManager.NameNotFoundException e) {
            throw new AssertionError(e); // it is this very app
        }
    }
}

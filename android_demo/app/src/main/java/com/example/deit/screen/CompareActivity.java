package com.example.deit.screen;

import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.ImageView;
import android.widget.Spinner;
import android.widget.TextView;
import com.example.deit.DemoApplication;
import com.example.deit.R;
import com.example.deit.bench.Comparison;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.view.ResultView;
import com.example.deit.words.Words;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/** Two bundles on the same picture, side by side. */
public final class CompareActivity extends StateActivity<CompareState> {
    /** Extra: the picture's address; without it a sample of a bundle. */
    static final String PICTURE = "picture";

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.activity_compare);
        Bars.show(this);
        state = retained();
        if (state == null) {
            DemoApplication app = DemoApplication.of(this);
            String picture = getIntent().getStringExtra(PICTURE);
            state = new CompareState(
                    app.engine(),
                    app.getContentResolver(),
                    app.getResources(),
                    picture == null ? null : Uri.parse(picture));
            state.list(app.settings().bundle);
        }
        findViewById(R.id.start).setOnClickListener(v -> compare());
    }

    private void compare() {
        DemoApplication app = DemoApplication.of(this);
        state.compare(app.settings(), app.results().classes);
    }

    private void retry() {
        if (state.reading) state.list(DemoApplication.of(this).settings().bundle);
        else compare();
    }

    @Override
    void render() {
        boolean several = state.bundles.size() > 1;
        ImageView picture = findViewById(R.id.picture);
        picture.setImageBitmap(state.picture);
        show(picture, state.picture != null);
        show(findViewById(R.id.choices), several);
        renderChoice(R.id.left, state.left, place -> state.left = place);
        renderChoice(R.id.right, state.right, place -> state.right = place);
        View start = findViewById(R.id.start);
        show(start, several && state.picture != null);
        start.setEnabled(!state.working());

        TextView status = findViewById(R.id.status);
        show(status, state.comparison == null && state.problem == null);
        if (state.working()) status.setText(R.string.working);
        else status.setText(state.listed && !several ? R.string.compare_one : R.string.compare_hint);
        show(findViewById(R.id.compared), state.comparison != null);
        if (state.comparison != null) render(state.comparison);
        Problems.show(this, state.problem, this::retry);
    }

    private void renderChoice(int id, int now, IntConsumer chosen) {
        Spinner spinner = findViewById(id);
        spinner.setEnabled(!state.working());
        if (spinner.getAdapter() != null && spinner.getCount() == state.bundles.size()) return;
        List<String> names = new ArrayList<>();
        for (ModelBundle bundle : state.bundles) names.add(bundle.name());
        ArrayAdapter<String> adapter = new ArrayAdapter<>(this, R.layout.spinner_item, names);
        adapter.setDropDownViewResource(R.layout.spinner_item);
        spinner.setAdapter(adapter);
        if (now < names.size()) spinner.setSelection(now, false);
        spinner.setOnItemSelectedListener(
                new AdapterView.OnItemSelectedListener() {
                    @Override
                    public void onItemSelected(AdapterView<?> parent, View view, int position, long row) {
                        chosen.accept(position);
                    }

                    @Override
                    public void onNothingSelected(AdapterView<?> parent) {}
                });
    }

    private void render(Comparison compared) {
        render(compared.left, R.id.left_result, R.id.left_facts);
        render(compared.right, R.id.right_result, R.id.right_facts);
        ((TextView) findViewById(R.id.verdict))
                .setText(compared.agree() ? R.string.compare_same : R.string.compare_other);
        boolean leftFaster = compared.left.medianMs <= compared.right.medianMs;
        Comparison.Side faster = leftFaster ? compared.left : compared.right;
        Comparison.Side slower = leftFaster ? compared.right : compared.left;
        String text = getString(R.string.compare_faster, faster.bundle.name(), slower.medianMs / faster.medianMs);
        if (compared.cosine != null)
            text = getString(R.string.compare_cosine, Words.shown(compared.cosine, 4)) + "\n" + text;
        ((TextView) findViewById(R.id.apart)).setText(text);
    }

    private void render(Comparison.Side side, int result, int facts) {
        ((ResultView) findViewById(result)).show(side.result.guesses, DemoApplication.of(this).results().share());
        String time = getString(R.string.compare_time, side.medianMs, Comparison.RUNS);
        ((TextView) findViewById(facts)).setText(
                side.bundle.name() + "\n" + Words.summary(getResources(), side.bundle.manifest) + "\n" + time);
    }
}

package com.example.deit.screen;

import android.app.Activity;
import android.os.Bundle;
import android.view.View;
import android.widget.AdapterView;
import android.widget.ArrayAdapter;
import android.widget.RadioButton;
import android.widget.RadioGroup;
import android.widget.Spinner;
import android.widget.TextView;
import com.example.deit.DemoApplication;
import com.example.deit.R;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.classify.Engine;
import com.example.deit.classify.PowerMode;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.Task;
import com.example.deit.view.ProblemView;
import com.example.deit.words.Problem;
import com.example.deit.words.Words;
import java.io.File;
import java.util.List;

/** Which bundle runs, and how. Each choice is saved at once; the screens open the engine anew when they see it. */
public final class SettingsActivity extends Activity implements EngineThread.Callback<List<ModelBundle>> {
    private static final int[] THREADS = {1, 2, 4};
    private static final int[] THREAD_BUTTONS = {R.id.threads_1, R.id.threads_2, R.id.threads_4};

    private DemoApplication app;
    private Task listing;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        getActionBar().setDisplayHomeAsUpEnabled(true);
        setContentView(R.layout.activity_settings);
        app = DemoApplication.of(this);
        showEngine();
        showThreads();
        showPowerMode();
        File folder = app.bundles().pushFolder();
        ((TextView) findViewById(R.id.push_hint))
                .setText(folder == null
                        ? getString(R.string.problem_no_storage)
                        : getString(R.string.push_hint, folder.getPath()));
    }

    @Override
    protected void onStart() {
        super.onStart();
        // Unpacking a bundle takes a while, and one may have been pushed since.
        listing = app.engine().run(open -> open.bundles(), this);
    }

    @Override
    protected void onStop() {
        listing.cancel();
        super.onStop();
    }

    @Override
    public void onDone(List<ModelBundle> bundles) {
        RadioGroup group = findViewById(R.id.bundles);
        group.setOnCheckedChangeListener(null);
        group.removeAllViews();
        String chosen = app.settings().bundle;
        add(group, null, getString(R.string.bundle_first), true, chosen == null);
        for (ModelBundle bundle : bundles) {
            // One that is refused can be chosen again.
            boolean checked = bundle.key().equals(chosen) && !app.crashes().refuses(bundle);
            add(group, bundle.key(), describe(bundle), bundle.usable(), checked);
        }
        group.setOnCheckedChangeListener(
                (g, id) -> choose((String) g.findViewById(id).getTag()));
    }

    private void choose(String key) {
        // Who chooses one with which the app ended wants to try it again.
        if (key != null) app.crashes().forgive(key);
        app.save(app.settings().withBundle(key));
    }

    @Override
    public void onProblem(Problem problem) {
        // Bundles that are broken are listed: what is left is memory, and to try again.
        ((ProblemView) findViewById(R.id.problem)).show(problem, this::recreate);
    }

    private void add(RadioGroup group, String key, String text, boolean usable, boolean checked) {
        RadioButton button = new RadioButton(this);
        button.setId(View.generateViewId());
        button.setTag(key);
        button.setText(text);
        button.setEnabled(usable);
        button.setMinHeight(getResources().getDimensionPixelSize(R.dimen.touch_target));
        group.addView(button);
        button.setChecked(checked);
    }

    private String describe(ModelBundle bundle) {
        boolean pushed = bundle.origin == ModelBundle.Origin.PUSHED;
        String what =
                bundle.usable()
                        ? Words.facts(getResources(), bundle.manifest)
                        : Problem.of(bundle.problem).text(getResources());
        if (app.crashes().refuses(bundle)) what = getString(R.string.bundle_crashed);
        return getString(pushed ? R.string.bundle_pushed : R.string.bundle_inside, bundle.name(), what);
    }

    private void showEngine() {
        RadioGroup group = findViewById(R.id.engine);
        group.check(app.settings().engine == Engine.NATIVE ? R.id.engine_native : R.id.engine_java);
        group.setOnCheckedChangeListener(
                (g, id) -> app.save(
                        app.settings().withEngine(id == R.id.engine_native ? Engine.NATIVE : Engine.JAVA)));
    }

    private void showThreads() {
        RadioGroup group = findViewById(R.id.threads);
        for (int i = 0; i < THREADS.length; i++) {
            if (THREADS[i] == app.settings().threads) group.check(THREAD_BUTTONS[i]);
        }
        group.setOnCheckedChangeListener(
                (g, id) -> {
                    for (int i = 0; i < THREADS.length; i++) {
                        if (THREAD_BUTTONS[i] == id) app.save(app.settings().withThreads(THREADS[i]));
                    }
                });
    }

    private void showPowerMode() {
        Spinner spinner = findViewById(R.id.power_mode);
        ArrayAdapter<CharSequence> names =
                ArrayAdapter.createFromResource(this, R.array.power_modes, android.R.layout.simple_spinner_item);
        names.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item);
        spinner.setAdapter(names);
        spinner.setSelection(app.settings().powerMode.ordinal(), false);
        spinner.setOnItemSelectedListener(
                new AdapterView.OnItemSelectedListener() {
                    @Override
                    public void onItemSelected(AdapterView<?> parent, View view, int position, long id) {
                        app.save(app.settings().withPowerMode(PowerMode.values()[position]));
                    }

                    @Override
                    public void onNothingSelected(AdapterView<?> parent) {}
                });
    }
}

package com.example.deit.screen;

import android.annotation.TargetApi;
import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.provider.Settings;
import android.text.SpannableStringBuilder;
import android.text.Spanned;
import android.text.style.AbsoluteSizeSpan;
import android.text.style.ForegroundColorSpan;
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
import com.example.deit.bundle.OpenCl;
import com.example.deit.classify.Engine;
import com.example.deit.classify.PowerMode;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.ResultSettings;
import com.example.deit.engine.Task;
import com.example.deit.view.ProblemView;
import com.example.deit.words.Problem;
import com.example.deit.words.Words;
import java.io.File;
import java.util.List;
import java.util.function.IntConsumer;

/** Which bundle runs, and how. Each choice is saved at once; the screens open the engine anew when they see it. */
public final class SettingsActivity extends Activity implements EngineThread.Callback<List<ModelBundle>> {
    // In the order of their buttons.
    private static final int[] THREADS = {1, 2, 4};
    private static final int[] CLASSES = {1, 3, 5, 10};
    private static final int[] THRESHOLDS = {0, 25, 50, 75};

    private DemoApplication app;
    private Task listing;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.activity_settings);
        Bars.show(this);
        app = DemoApplication.of(this);
        showEngine();
        choice(R.id.threads, THREADS, app.settings().threads,
                value -> app.save(app.settings().withThreads(value)));
        choice(R.id.classes, CLASSES, app.results().classes,
                value -> app.save(new ResultSettings(value, app.results().threshold)));
        choice(R.id.threshold, THRESHOLDS, app.results().threshold,
                value -> app.save(new ResultSettings(app.results().classes, value)));
        showPowerMode();
        showLanguage();
        ((TextView) findViewById(R.id.gpu))
                .setText(OpenCl.there() ? R.string.device_gpu : R.string.device_no_gpu);
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
        listing = app.engine().run((open, task) -> open.bundles(), this);
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
        add(group, null, row(getString(R.string.bundle_first), getString(R.string.bundle_first_hint), false), true,
                chosen == null);
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

    private void add(RadioGroup group, String key, CharSequence text, boolean usable, boolean checked) {
        RadioButton button = (RadioButton) getLayoutInflater().inflate(R.layout.row_choice, group, false);
        button.setId(View.generateViewId());
        button.setTag(key);
        button.setText(text);
        button.setEnabled(usable);
        group.addView(button);
        button.setChecked(checked);
    }

    private CharSequence describe(ModelBundle bundle) {
        boolean pushed = bundle.origin == ModelBundle.Origin.PUSHED;
        boolean wrong = !bundle.usable() || app.crashes().refuses(bundle);
        String what =
                bundle.usable()
                        ? Words.summary(getResources(), bundle.manifest)
                        : Problem.of(bundle.problem).text(getResources());
        if (app.crashes().refuses(bundle)) what = getString(R.string.bundle_crashed);
        String where = getString(pushed ? R.string.bundle_pushed : R.string.bundle_inside);
        return row(bundle.name(), where + " · " + what, wrong);
    }

    /** A name, and what there is to say of it in smaller letters below. */
    private CharSequence row(String title, String summary, boolean wrong) {
        SpannableStringBuilder text = new SpannableStringBuilder(title).append('\n');
        int start = text.length();
        text.append(summary);
        int size = getResources().getDimensionPixelSize(R.dimen.small);
        int colour = getColor(wrong ? R.color.error : R.color.on_surface_variant);
        text.setSpan(new AbsoluteSizeSpan(size), start, text.length(), Spanned.SPAN_EXCLUSIVE_EXCLUSIVE);
        text.setSpan(new ForegroundColorSpan(colour), start, text.length(), Spanned.SPAN_EXCLUSIVE_EXCLUSIVE);
        return text;
    }

    private void showEngine() {
        RadioButton core = findViewById(R.id.engine_native);
        RadioButton java = findViewById(R.id.engine_java);
        core.setText(row(getString(R.string.engine_native), getString(R.string.engine_native_hint), false));
        java.setText(row(getString(R.string.engine_java), getString(R.string.engine_java_hint), false));
        RadioGroup group = findViewById(R.id.engine);
        group.check(app.settings().engine == Engine.NATIVE ? R.id.engine_native : R.id.engine_java);
        group.setOnCheckedChangeListener(
                (g, id) -> app.save(
                        app.settings().withEngine(id == R.id.engine_native ? Engine.NATIVE : Engine.JAVA)));
    }

    /** A choice among numbers, of which each has a button. */
    private void choice(int id, int[] values, int now, IntConsumer chosen) {
        RadioGroup group = findViewById(id);
        for (int i = 0; i < values.length; i++) {
            if (values[i] == now) group.check(group.getChildAt(i).getId());
        }
        group.setOnCheckedChangeListener(
                (g, button) -> chosen.accept(values[g.indexOfChild(g.findViewById(button))]));
    }

    private void showPowerMode() {
        Spinner spinner = findViewById(R.id.power_mode);
        ArrayAdapter<CharSequence> names =
                ArrayAdapter.createFromResource(this, R.array.power_modes, R.layout.spinner_item);
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

    /** Where the system lets each app have a language of its own (Android 13), the way there. */
    private void showLanguage() {
        boolean can = Build.VERSION.SDK_INT >= 33;
        findViewById(R.id.language_group).setVisibility(can ? View.VISIBLE : View.GONE);
        TextView language = findViewById(R.id.language);
        language.setText(row(getResources().getConfiguration().getLocales().get(0).getDisplayName(),
                getString(R.string.language_hint), false));
        if (can) language.setOnClickListener(v -> openLanguages());
    }

    @TargetApi(33)
    private void openLanguages() {
        Uri us = Uri.fromParts("package", getPackageName(), null);
        try {
            startActivity(new Intent(Settings.ACTION_APP_LOCALE_SETTINGS, us));
        } catch (ActivityNotFoundException e) {
            startActivity(new Intent(Settings.ACTION_LOCALE_SETTINGS)); // of the whole device
        }
    }
}

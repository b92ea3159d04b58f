package com.example.deit.screen;

import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.Intent;
import android.net.Uri;
import android.os.Bundle;
import android.provider.MediaStore;
import android.view.Menu;
import android.view.MenuItem;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.ImageView;
import android.widget.LinearLayout;
import android.widget.TextView;
import android.widget.Toolbar;
import com.example.deit.DemoApplication;
import com.example.deit.R;
import com.example.deit.classify.Classification;
import com.example.deit.engine.Answer;
import com.example.deit.picture.PictureProvider;
import com.example.deit.view.Edges;
import com.example.deit.view.ResultView;
import com.example.deit.words.Problem;
import com.example.deit.words.Words;
import java.util.Collections;
import java.util.List;

/** The first screen: a picture, and what it is of. */
public final class MainActivity extends StateActivity<MainState> {
    static final int PICK = 1;
    static final int TAKE = 2;
    private static final String PICTURE = "picture";
    private static final String DETAILS = "details";

    private CameraPermission permission;
    private boolean denied; // the permission, and the problem on the screen is that
    private boolean details; // are open
    private boolean nothingShared; // by an intent that should: to be told once the screen is there

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.activity_main);
        Edges.draw(this);
        Edges.pad(findViewById(R.id.app_bar), Edges.LEFT | Edges.TOP | Edges.RIGHT);
        Edges.pad(findViewById(R.id.content), Edges.LEFT | Edges.RIGHT);
        Edges.pad(findViewById(R.id.buttons), Edges.LEFT | Edges.RIGHT | Edges.BOTTOM);
        setActionBar((Toolbar) findViewById(R.id.app_bar));
        permission = new CameraPermission(this);
        details = saved != null && saved.getBoolean(DETAILS);
        state = retained();
        if (state == null) {
            DemoApplication app = DemoApplication.of(this);
            state = new MainState(
                    app.engine(), app.getContentResolver(), app.getResources(), () -> app.results().classes);
            // The process ended in the background: the picture's address is what is left.
            String picture = saved == null ? null : saved.getString(PICTURE);
            if (picture != null) state.load(Uri.parse(picture));
            if (saved == null) receive(getIntent());
        }
        findViewById(R.id.pick).setOnClickListener(v -> start(Incoming.picker(), PICK));
        findViewById(R.id.take).setOnClickListener(v -> take());
        findViewById(R.id.live).setOnClickListener(v -> startActivity(new Intent(this, LiveActivity.class)));
        findViewById(R.id.compare).setOnClickListener(v -> compare());
        findViewById(R.id.details_toggle).setOnClickListener(v -> {
            details = !details;
            render();
        });
    }

    @Override
    void onShown() {
        denied = false;
        state.refresh(DemoApplication.of(this).settings());
        tellNothingShared();
    }

    @Override
    protected void onSaveInstanceState(Bundle saved) {
        super.onSaveInstanceState(saved);
        if (state.uri != null) saved.putString(PICTURE, state.uri.toString());
        saved.putBoolean(DETAILS, details);
    }

    @Override
    protected void onNewIntent(Intent intent) {
        super.onNewIntent(intent);
        setIntent(intent);
        receive(intent);
        // It comes before onStart, which then tells it, or after.
        if (state.hasScreen()) tellNothingShared();
    }

    private void tellNothingShared() {
        if (nothingShared) {
            state.fail(new Problem(R.string.problem_nothing_shared, null, null, Problem.Remedy.NONE));
        }
        nothingShared = false;
    }

    /** Pictures that another app shares with this one, and one that is opened out of a list. */
    private void receive(Intent intent) {
        String action = intent.getAction();
        if (!Intent.ACTION_SEND.equals(action) && !Intent.ACTION_SEND_MULTIPLE.equals(action)) return;
        List<Uri> uris = Incoming.of(intent);
        nothingShared = uris.isEmpty();
        if (!nothingShared) open(uris);
    }

    private void open(List<Uri> uris) {
        if (uris.size() == 1) state.load(uris.get(0));
        else startActivity(Incoming.several(this, uris));
    }

    private void take() {
        // The camera app needs no permission of ours; but who declares CAMERA, as live mode must, may ask the
        // camera app only once it is granted.
        if (!permission.granted()) {
            permission.request();
            return;
        }
        Uri uri = PictureProvider.uri(this);
        Intent intent = new Intent(MediaStore.ACTION_IMAGE_CAPTURE);
        intent.putExtra(MediaStore.EXTRA_OUTPUT, uri);
        intent.setClipData(ClipData.newRawUri(null, uri));
        intent.addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION | Intent.FLAG_GRANT_READ_URI_PERMISSION);
        start(intent, TAKE);
    }

    private void start(Intent intent, int request) {
        try {
            startActivityForResult(intent, request);
        } catch (ActivityNotFoundException e) {
            boolean another = request == PICK && !Intent.ACTION_OPEN_DOCUMENT.equals(intent.getAction());
            if (another) {
                start(Incoming.documents(), request);
                return;
            }
            int sentence = request == PICK ? R.string.problem_no_picker : R.string.problem_no_camera_app;
            state.fail(new Problem(sentence, null, null, Problem.Remedy.NONE));
        }
    }

    private void compare() {
        Intent intent = new Intent(this, CompareActivity.class);
        if (state.uri != null) intent.putExtra(CompareActivity.PICTURE, state.uri.toString());
        startActivity(intent);
    }

    @Override
    protected void onActivityResult(int request, int result, Intent data) {
        super.onActivityResult(request, result, data);
        if (result != RESULT_OK) return;
        if (request == TAKE) state.load(PictureProvider.taken(this));
        List<Uri> uris = request == PICK ? Incoming.of(data) : Collections.emptyList();
        if (!uris.isEmpty()) open(uris);
    }

    @Override
    public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
        CameraPermission.Reply reply = permission.reply(request, results);
        denied = reply == CameraPermission.Reply.DENIED;
        if (denied) state.fail(permission.denial());
        else if (reply == CameraPermission.Reply.GRANTED) take();
    }

    private void retry() {
        if (denied) take();
        else state.retry();
    }

    @Override
    void render() {
        Answer answer = state.answer;
        Classification result = answer == null ? null : answer.result;
        boolean empty = state.uri == null;

        ImageView picture = findViewById(R.id.picture);
        picture.setImageBitmap(state.picture);
        show(picture, state.picture != null);
        show(findViewById(R.id.empty), empty && state.problem == null);
        show(findViewById(R.id.working), state.working() && !empty);
        renderSamples(empty && state.problem == null && !state.samples.isEmpty());

        ResultView results = findViewById(R.id.result);
        results.show(result == null ? null : result.guesses, DemoApplication.of(this).results().share());
        Problems.show(this, state.problem, this::retry);
        renderDetails(answer);
        invalidateOptionsMenu();
    }

    private void renderDetails(Answer answer) {
        Button toggle = findViewById(R.id.details_toggle);
        show(toggle, answer != null);
        show(findViewById(R.id.details), answer != null && details);
        toggle.setText(answer != null && answer.result == null ? R.string.details_before : R.string.details);
        toggle.setCompoundDrawablesRelativeWithIntrinsicBounds(
                R.drawable.ic_info, 0, details ? R.drawable.ic_less : R.drawable.ic_more, 0);
        toggle.setContentDescription(
                toggle.getText() + ", " + getString(details ? R.string.details_open : R.string.details_closed));
        if (answer == null) return;
        ((TextView) findViewById(R.id.bundle)).setText(answer.bundle.name());
        ((TextView) findViewById(R.id.facts)).setText(Words.facts(getResources(), answer.bundle.manifest));
        TextView latency = findViewById(R.id.latency);
        show(latency, answer.result != null);
        if (answer.result != null) latency.setText(Words.times(getResources(), answer.result.times));
    }

    private void renderSamples(boolean shown) {
        show(findViewById(R.id.samples_group), shown);
        LinearLayout row = findViewById(R.id.samples);
        // Rendered for each change: the same ones stay, so that a focus stays on them.
        if (!shown || row.getTag() == state.samples) return;
        row.setTag(state.samples);
        row.removeAllViews();
        int side = getResources().getDimensionPixelSize(R.dimen.sample);
        for (MainState.Sample sample : state.samples) {
            ImageView button = (ImageView) getLayoutInflater().inflate(R.layout.sample, row, false);
            button.setImageBitmap(sample.picture);
            button.setContentDescription(getString(R.string.sample, row.getChildCount() + 1));
            button.setOnClickListener(v -> state.load(sample.uri));
            ViewGroup.MarginLayoutParams place = new LinearLayout.LayoutParams(side, side);
            place.setMarginEnd(getResources().getDimensionPixelSize(R.dimen.gap));
            row.addView(button, place);
        }
    }

    @Override
    public boolean onCreateOptionsMenu(Menu menu) {
        getMenuInflater().inflate(R.menu.main, menu);
        return true;
    }

    @Override
    public boolean onPrepareOptionsMenu(Menu menu) {
        Answer answer = state.answer;
        menu.findItem(R.id.share_result).setVisible(answer != null && answer.result != null);
        return true;
    }

    @Override
    public boolean onOptionsItemSelected(MenuItem item) {
        if (item.getItemId() == R.id.benchmark) startActivity(new Intent(this, BenchmarkActivity.class));
        else if (item.getItemId() == R.id.settings) startActivity(new Intent(this, SettingsActivity.class));
        else if (item.getItemId() == R.id.share_result) share(state.answer);
        else return super.onOptionsItemSelected(item);
        return true;
    }

    private void share(Answer answer) {
        String by = getString(
                R.string.shared_by,
                answer.bundle.name(),
                answer.result.times.totalMs(),
                getString(R.string.app_name));
        String text = Words.shared(getResources(), answer.result.guesses) + "\n" + by;
        send(answer.result.guesses.get(0).label, text, R.string.share_result);
    }
}

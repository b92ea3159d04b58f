package com.example.deit.screen;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.Intent;
import android.net.Uri;
import android.os.Bundle;
import android.provider.MediaStore;
import android.view.Menu;
import android.view.MenuItem;
import android.view.View;
import android.widget.ImageView;
import android.widget.TextView;
import com.example.deit.DemoApplication;
import com.example.deit.R;
import com.example.deit.classify.Classification;
import com.example.deit.engine.Answer;
import com.example.deit.picture.PictureProvider;
import com.example.deit.view.ResultView;
import com.example.deit.words.Problem;
import com.example.deit.words.Words;

/** The first screen: a picture, and what it is of. */
public final class MainActivity extends Activity {
    static final int PICK = 1;
    static final int TAKE = 2;
    private static final String PICTURE = "picture";

    private MainState state;
    private CameraPermission permission;
    private boolean denied; // the permission, and the problem on the screen is that

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.activity_main);
        permission = new CameraPermission(this);
        state = (MainState) getLastNonConfigurationInstance();
        if (state == null) {
            state = new MainState(DemoApplication.of(this).engine(), getContentResolver());
            // The process ended in the background: the picture's address is what is left.
            String picture = saved == null ? null : saved.getString(PICTURE);
            if (picture != null) state.load(Uri.parse(picture));
        }
        findViewById(R.id.pick).setOnClickListener(v -> pick());
        findViewById(R.id.take).setOnClickListener(v -> take());
        findViewById(R.id.live).setOnClickListener(v -> startActivity(new Intent(this, LiveActivity.class)));
    }

    @Override
    protected void onStart() {
        super.onStart();
        denied = false;
        state.screen(this::render);
        state.refresh(DemoApplication.of(this).settings());
        render();
    }

    @Override
    protected void onStop() {
        state.screen(null);
        super.onStop();
    }

    @Override
    protected void onDestroy() {
        if (!isChangingConfigurations()) state.cancel();
        super.onDestroy();
    }

    @Override
    public Object onRetainNonConfigurationInstance() {
        return state;
    }

    @Override
    protected void onSaveInstanceState(Bundle saved) {
        super.onSaveInstanceState(saved);
        if (state.uri() != null) saved.putString(PICTURE, state.uri().toString());
    }

    private void pick() {
        Intent intent = new Intent(Intent.ACTION_OPEN_DOCUMENT);
        intent.addCategory(Intent.CATEGORY_OPENABLE);
        intent.setType("image/*");
        start(intent, PICK);
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
            int sentence = request == PICK ? R.string.problem_no_picker : R.string.problem_no_camera_app;
            state.fail(new Problem(sentence, null, null, Problem.Remedy.NONE));
        }
    }

    @Override
    protected void onActivityResult(int request, int result, Intent data) {
        super.onActivityResult(request, result, data);
        if (result != RESULT_OK) return;
        if (request == TAKE) state.load(PictureProvider.taken(this));
        if (request == PICK && data != null && data.getData() != null) state.load(data.getData());
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
        else state.classify();
    }

    private void render() {
        Answer answer = state.answer();
        TextView bundle = findViewById(R.id.bundle);
        TextView facts = findViewById(R.id.facts);
        bundle.setText(answer == null ? null : answer.bundle.name());
        facts.setText(answer == null ? null : Words.facts(getResources(), answer.bundle.manifest));
        bundle.setVisibility(answer == null ? View.GONE : View.VISIBLE);
        facts.setVisibility(answer == null ? View.GONE : View.VISIBLE);

        ImageView picture = findViewById(R.id.picture);
        picture.setImageBitmap(state.picture());
        picture.setVisibility(state.picture() == null ? View.GONE : View.VISIBLE);
        findViewById(R.id.empty)
                .setVisibility(state.uri() == null && state.problem() == null ? View.VISIBLE : View.GONE);
        findViewById(R.id.working).setVisibility(state.working() ? View.VISIBLE : View.GONE);

        Classification result = answer == null ? null : answer.result;
        ResultView results = findViewById(R.id.result);
        results.show(
                result == null ? null : result.guesses,
                result == null ? null : Words.times(getResources(), result.times));
        Problems.show(this, state.problem(), this::retry);
    }

    @Override
    public boolean onCreateOptionsMenu(Menu menu) {
        getMenuInflater().inflate(R.menu.main, menu);
        return true;
    }

    @Override
    public boolean onOptionsItemSelected(MenuItem item) {
        if (item.getItemId() == R.id.benchmark) startActivity(new Intent(this, BenchmarkActivity.class));
        else if (item.getItemId() == R.id.settings) startActivity(new Intent(this, SettingsActivity.class));
        else return super.onOptionsItemSelected(item);
        return true;
    }
}

package com.example.deit.screen;

import static org.robolectric.Shadows.shadowOf;

import android.app.Activity;
import android.content.Intent;
import android.net.Uri;
import android.widget.TextView;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.util.ArrayList;
import java.util.List;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;

/** A user of the main screen. */
final class MainRobot implements AutoCloseable {
    final ActivityController<MainActivity> controller;

    private MainRobot() {
        controller = Robolectric.buildActivity(MainActivity.class).setup();
    }

    static MainRobot launch() {
        return new MainRobot();
    }

    MainActivity screen() {
        return controller.get();
    }

    /** The gallery's address of a file. */
    static Uri gallery(File file) {
        Uri uri = Uri.parse("content://gallery/" + file.getName());
        shadowOf(TestApplication.get().getContentResolver())
                .registerInputStreamSupplier(
                        uri,
                        () -> {
                            try {
                                return new FileInputStream(file);
                            } catch (FileNotFoundException e) {
                                throw new AssertionError(e);
                            }
                        });
        return uri;
    }

    /** Asks for a picture and chooses this one. */
    MainRobot pick(File file) {
        screen().findViewById(R.id.pick).performClick();
        Intent asked = shadowOf(screen()).getNextStartedActivityForResult().intent;
        shadowOf(screen()).receiveResult(asked, Activity.RESULT_OK, new Intent().setData(gallery(file)));
        return this;
    }

    MainRobot waitForResult() {
        Screen.until("a result", () -> !Screen.shown(screen(), R.id.working) && Screen.shown(screen(), R.id.result));
        return this;
    }

    MainRobot waitForProblem() {
        Screen.until("a problem", () -> !Screen.shown(screen(), R.id.working) && Screen.shown(screen(), R.id.problem));
        return this;
    }

    String text(int id) {
        return Screen.text(screen(), id);
    }

    /** A text that is one tap away. */
    String detail(int id) {
        boolean there = Screen.shown(screen(), R.id.details_toggle);
        if (there && !Screen.shown(screen(), R.id.details)) screen().findViewById(R.id.details_toggle).performClick();
        return text(id);
    }

    /** The classes shown, likeliest first. */
    List<String> labels() {
        List<String> labels = new ArrayList<>();
        labels.add(text(R.id.headline));
        for (TextView view :
                Screen.all(screen().findViewById(R.id.guesses), TextView.class, v -> v.getId() == R.id.label)) {
            labels.add(view.getText().toString());
        }
        return labels;
    }

    @Override
    public void close() {
        controller.close();
    }
}

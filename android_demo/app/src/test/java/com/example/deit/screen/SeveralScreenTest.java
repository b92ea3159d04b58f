package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.net.Uri;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ImageView;
import android.widget.TextView;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.Pictures;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.engine.ResultSettings;
import java.io.File;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;

/** Several pictures at once. */
@RunWith(RobolectricTestRunner.class)
public class SeveralScreenTest {
    private final TestApplication app = TestApplication.get();

    private List<Uri> three() throws Exception {
        File broken = new File(app.getCacheDir(), "broken.jpg");
        TestApplication.replace(broken, "no picture");
        List<Uri> uris = new ArrayList<>();
        uris.add(MainRobot.gallery(TestApplication.golden()));
        uris.add(MainRobot.gallery(broken));
        uris.add(MainRobot.gallery(Pictures.plain(app.getCacheDir(), 300, 200)));
        return uris;
    }

    private ActivityController<SeveralActivity> open(List<Uri> uris) {
        return Robolectric.buildActivity(SeveralActivity.class, Incoming.several(app, uris)).setup();
    }

    private static void waitForAll(ActivityController<SeveralActivity> c) {
        Screen.until("all", () -> "3 of 3 classified".equals(Screen.text(c.get(), R.id.status)));
    }

    private static View row(ActivityController<SeveralActivity> c, int place) {
        return ((ViewGroup) c.get().findViewById(R.id.rows)).getChildAt(place);
    }

    private static String text(View row, int id) {
        return ((TextView) row.findViewById(id)).getText().toString();
    }

    @Test
    @NeedsEngine
    public void eachHasARowAndOneThatCannotBeReadIsARowToo() throws Exception {
        try (ActivityController<SeveralActivity> c = open(three())) {
            waitForAll(c);
            assertEquals("5", text(row(c, 0), R.id.title));
            assertTrue(text(row(c, 0), R.id.summary).matches("89\\.\\d%"));
            assertTrue(row(c, 0).getContentDescription().toString().startsWith("5, 89."));
            assertNotNull(((ImageView) row(c, 0).findViewById(R.id.thumbnail)).getDrawable());
            assertEquals("The picture cannot be read. Choose another one.", text(row(c, 1), R.id.title));
            assertTrue("the next one all the same", text(row(c, 2), R.id.title).matches("\\d"));
            assertEquals("one network for all", 1, app.opened.get());
        }
    }

    /** On the main screen it would have another answer than here. */
    @Test
    @NeedsEngine
    public void aPanoramaIsReadAsLargeAsTheNetworkNeeds() throws Exception {
        app.pushResizing("int8", 500);
        FakeClassifier fake = new FakeClassifier();
        app.opener = (engine, folder, threads, mode) -> fake;
        List<Uri> one = Collections.singletonList(MainRobot.gallery(Pictures.plain(app.getCacheDir(), 7000, 600)));
        try (ActivityController<SeveralActivity> c = open(one)) {
            Screen.until("it", () -> "1 of 1 classified".equals(Screen.text(c.get(), R.id.status)));
        }
        assertEquals(Collections.singletonList(600), fake.shortSides);
    }

    @Test
    @NeedsEngine
    public void aRotationClassifiesNothingAgain() throws Exception {
        try (ActivityController<SeveralActivity> c = open(three())) {
            waitForAll(c);
            Screen.turn(c, "land");
            assertEquals("3 of 3 classified", Screen.text(c.get(), R.id.status));
            assertEquals("5", text(row(c, 0), R.id.title));
        }
    }

    @Test
    @NeedsEngine
    public void whatIsBelowTheThresholdIsNotSure() throws Exception {
        app.save(new ResultSettings(5, 95));
        try (ActivityController<SeveralActivity> c = open(three())) {
            waitForAll(c);
            assertEquals("Not sure", text(row(c, 0), R.id.title));
        }
    }

    @Test
    @NeedsEngine
    public void aRowOpensItsPicture() throws Exception {
        List<Uri> uris = three();
        try (ActivityController<SeveralActivity> c = open(uris)) {
            row(c, 0).performClick();
            Intent main = shadowOf(c.get()).getNextStartedActivity();
            assertEquals(MainActivity.class.getName(), main.getComponent().getClassName());
            try (ActivityController<MainActivity> m = Robolectric.buildActivity(MainActivity.class, main).setup()) {
                Screen.waitFor(m.get(), R.id.result);
                assertEquals("5", Screen.text(m.get(), R.id.headline));
                assertNull("one picture is no list", shadowOf(m.get()).getNextStartedActivity());
            }
        }
    }
}

package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.graphics.BitmapFactory;
import android.view.View;
import android.view.ViewGroup;
import android.view.accessibility.AccessibilityNodeInfo;
import android.widget.EditText;
import android.widget.ImageView;
import android.widget.RadioGroup;
import android.widget.TextView;
import com.example.deit.NeedsEngine;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.camera.PictureFrames;
import java.util.List;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** What TalkBack has to say, and how large things are to a finger. */
@RunWith(RobolectricTestRunner.class)
public class AccessibilityTest {
    private final TestApplication app = TestApplication.get();

    private static boolean named(View view) {
        AccessibilityNodeInfo node = view.createAccessibilityNodeInfo();
        boolean text = node.getText() != null && node.getText().length() > 0;
        boolean description = node.getContentDescription() != null && node.getContentDescription().length() > 0;
        return text || description || label(view) != null;
    }

    /** The text whose labelFor points to the view. */
    private static TextView label(View view) {
        List<TextView> labels = Screen.all(
                view.getRootView(), TextView.class, t -> view.getId() != View.NO_ID && t.getLabelFor() == view.getId());
        return labels.isEmpty() ? null : labels.get(0);
    }

    private static void assertUsable(Activity screen) {
        View content = Screen.content(screen);
        int least = Math.round(48 * screen.getResources().getDisplayMetrics().density);
        for (View view : Screen.all(content, View.class, v -> v.isClickable() || v instanceof EditText)) {
            assertTrue("no name: " + view, named(view));
            if (view instanceof TextView && ((TextView) view).isTextSelectable()) continue;
            // EditText draws its line inside of its height; Material makes it 45 dp.
            int high = view instanceof EditText ? least * 9 / 10 : least;
            assertTrue("too small for a finger: " + view, view.getHeight() >= high && view.getWidth() >= least);
        }
        for (ImageView image : Screen.all(content, ImageView.class, ImageView::isImportantForAccessibility)) {
            assertNotNull("no description: " + image, image.getContentDescription());
        }
    }

    @Test
    @NeedsEngine
    public void theMainScreen() {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            assertUsable(user.screen());
            assertEquals(
                    View.ACCESSIBILITY_LIVE_REGION_POLITE,
                    user.screen().findViewById(R.id.headline).getAccessibilityLiveRegion());
            assertEquals(
                    View.ACCESSIBILITY_LIVE_REGION_POLITE,
                    user.screen().findViewById(R.id.problem_sentence).getAccessibilityLiveRegion());
        }
    }

    private static String read(Activity screen, int place) {
        ViewGroup rows = screen.findViewById(R.id.guesses);
        View row = place == 0 ? screen.findViewById(R.id.top) : rows.getChildAt(place - 1);
        return row.getContentDescription().toString();
    }

    @Test
    @NeedsEngine
    public void eachClassIsReadAsOne() {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            ViewGroup rows = user.screen().findViewById(R.id.guesses);
            assertTrue(read(user.screen(), 0), read(user.screen(), 0).matches("Number 1: 5, \\d+\\.\\d%"));
            assertTrue(read(user.screen(), 1), read(user.screen(), 1).matches("Number 2: \\d, \\d+\\.\\d%"));
            assertTrue(rows.getChildAt(0).isFocusable());
            View label = rows.getChildAt(0).findViewById(R.id.label);
            assertFalse("not read a second time", label.isImportantForAccessibility());
            assertFalse(rows.getChildAt(0).findViewById(R.id.bar).isImportantForAccessibility());
        }
    }

    @Test
    @NeedsEngine
    public void inChineseToo() {
        RuntimeEnvironment.setQualifiers("zh-rCN");
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            assertTrue(read(user.screen(), 0), read(user.screen(), 0).matches("第 1 名：5，\\d+\\.\\d%"));
            assertUsable(user.screen());
        }
    }

    @Test
    @NeedsEngine
    public void theLiveScreenReadsOnlyWhatIsNew() {
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        PictureFrames frames =
                new PictureFrames(app, BitmapFactory.decodeFile(TestApplication.golden().getPath()));
        app.frames = frames;
        try (ActivityController<LiveActivity> c = Robolectric.buildActivity(LiveActivity.class).setup()) {
            frames.frame();
            Screen.waitFor(c.get(), R.id.result);
            assertUsable(c.get());
            int[] changes = new int[1];
            TextView headline = c.get().findViewById(R.id.headline);
            headline.addTextChangedListener(
                    new android.text.TextWatcher() {
                        @Override
                        public void beforeTextChanged(CharSequence s, int start, int count, int after) {}

                        @Override
                        public void onTextChanged(CharSequence s, int start, int before, int count) {
                            changes[0]++;
                        }

                        @Override
                        public void afterTextChanged(android.text.Editable s) {}
                    });
            frames.frame();
            Screen.until("the second", () -> Screen.text(c.get(), R.id.latency).startsWith("Median of the last 2"));
            assertEquals("the same class again is not read aloud again", 0, changes[0]);
        }
    }

    @Test
    public void theBenchmarkScreen() {
        try (ActivityController<BenchmarkActivity> c =
                Robolectric.buildActivity(BenchmarkActivity.class).setup()) {
            assertUsable(c.get());
            assertEquals("Runs to warm up", label(c.get().findViewById(R.id.warmup)).getText().toString());
            assertEquals("Measured runs", label(c.get().findViewById(R.id.repeats)).getText().toString());
            assertEquals("Runs done", c.get().findViewById(R.id.progress).getContentDescription().toString());
        }
    }

    @Test
    public void theSettingsScreen() {
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            Screen.settle();
            assertUsable(c.get());
            for (View group : Screen.all(Screen.content(c.get()), View.class, v -> v instanceof RadioGroup)) {
                assertNotNull("no label: " + group, label(group));
            }
            assertEquals("Processor cores", label(c.get().findViewById(R.id.power_mode)).getText().toString());
        }
    }

    @Test
    public void theOtherScreens() throws Exception {
        app.push("fp32");
        try (ActivityController<CompareActivity> c = Robolectric.buildActivity(CompareActivity.class).setup()) {
            Screen.waitFor(c.get(), R.id.start);
            assertUsable(c.get());
            assertEquals("Left", label(c.get().findViewById(R.id.left)).getText().toString());
        }
        List<android.net.Uri> uris = List.of(MainRobot.gallery(TestApplication.golden()));
        try (ActivityController<SeveralActivity> c =
                Robolectric.buildActivity(SeveralActivity.class, Incoming.several(app, uris)).setup()) {
            assertUsable(c.get());
        }
    }

    @Test
    public void theBeginning() {
        try (MainRobot user = MainRobot.launch()) {
            Screen.settle();
            Screen.settle();
            assertUsable(user.screen());
        }
    }
}

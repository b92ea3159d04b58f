package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.content.Intent;
import android.graphics.Bitmap;
import android.net.Uri;
import android.view.View;
import android.widget.Spinner;
import android.widget.TextView;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.Pictures;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.classify.Classification;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Times;
import java.io.File;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;

/** Two bundles on the same picture. */
@RunWith(RobolectricTestRunner.class)
public class CompareScreenTest {
    private final TestApplication app = TestApplication.get();

    private static ActivityController<CompareActivity> open() {
        return open(MainRobot.gallery(TestApplication.golden()));
    }

    private static ActivityController<CompareActivity> open(Uri picture) {
        Intent intent = new Intent().putExtra(CompareActivity.PICTURE, picture.toString());
        ActivityController<CompareActivity> c = Robolectric.buildActivity(CompareActivity.class, intent).setup();
        Screen.waitFor(c.get(), R.id.start);
        return c;
    }

    /** Of two networks that one which resizes to more pixels says how large a picture is read. */
    @Test
    @NeedsEngine
    public void aPanoramaIsReadAsLargeAsEitherNetworkNeeds() throws Exception {
        app.pushResizing("fp32", 500);
        FakeClassifier fake = new FakeClassifier() {
            @Override
            public double[] bench(int warmup, int repeats, BooleanSupplier cancelled) {
                return new double[] {1};
            }
        };
        app.opener = (engine, folder, threads, mode) -> fake;
        Uri panorama = MainRobot.gallery(Pictures.plain(app.getCacheDir(), 7000, 600));
        try (ActivityController<CompareActivity> c = open(panorama)) {
            c.get().findViewById(R.id.start).performClick();
            Screen.waitFor(c.get(), R.id.compared);
        }
        assertEquals(Arrays.asList(600, 600), fake.shortSides);
    }

    private static String headline(CompareActivity screen, int side) {
        View result = screen.findViewById(side);
        return ((TextView) result.findViewById(R.id.headline)).getText().toString();
    }

    @Test
    @NeedsEngine
    public void bothAnswersDriftAndTimesAreShown() throws Exception {
        app.push("fp32");
        try (ActivityController<CompareActivity> c = open()) {
            assertTrue(Screen.shown(c.get(), R.id.picture));
            c.get().findViewById(R.id.start).performClick();
            Screen.waitFor(c.get(), R.id.compared);
            assertEquals("5", headline(c.get(), R.id.left_result));
            assertEquals("5", headline(c.get(), R.id.right_result));
            assertEquals("Both say the same.", Screen.text(c.get(), R.id.verdict));
            String apart = Screen.text(c.get(), R.id.apart);
            assertTrue(apart, apart.matches(
                    "Their scores for this picture are alike to (0\\.99\\d\\d|1\\.0000) of 1 \\(cosine\\)\\.\n"
                            + "deit_tiny-digits-(fp32|int8)-arm is [\\d.]+ times as fast\\."));
            String facts = Screen.text(c.get(), R.id.left_facts);
            assertTrue(facts, facts.matches(
                    "(?s)deit_tiny-digits-fp32-arm\nFP32 · .*\n[\\d.]+ ms in the network \\(median of 10\\)"));
            assertTrue(Screen.text(c.get(), R.id.right_facts).startsWith("deit_tiny-digits-int8-arm\nINT8 · "));
            assertEquals("one network at a time, each opened once", 2, app.opened.get());
            Screen.turn(c, "land");
            assertEquals(apart, Screen.text(c.get(), R.id.apart));
            assertEquals(2, app.opened.get());
        }
    }

    @Test
    public void otherAnswersAreSaidSo() throws Exception {
        app.push("fp32");
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier() {
            @Override
            public Classification classify(Bitmap bitmap, int topK) {
                return result(folder.getName(), new Times(0, 1, 2));
            }

            @Override
            public float[] logits() {
                return new float[folder.getName().contains("fp32") ? 2 : 3];
            }

            @Override
            public double[] bench(int warmup, int repeats, BooleanSupplier cancelled) {
                return new double[] {folder.getName().contains("fp32") ? 30 : 10};
            }
        };
        try (ActivityController<CompareActivity> c = open()) {
            c.get().findViewById(R.id.start).performClick();
            Screen.waitFor(c.get(), R.id.compared);
            assertEquals("They say different things.", Screen.text(c.get(), R.id.verdict));
            assertEquals(
                    "no cosine of other classes",
                    "deit_tiny-digits-int8-arm is 3.00 times as fast.",
                    Screen.text(c.get(), R.id.apart));
        }
    }

    @Test
    public void asManyClassesOfOtherNamesHaveNoCosine() throws Exception {
        File pushed = app.push("fp32");
        StringBuilder letters = new StringBuilder();
        for (char letter = 'a'; letter <= 'j'; letter++) letters.append(letter).append('\n');
        TestApplication.replace(new File(pushed, "labels.txt"), letters.toString());
        JSONObject manifest = new JSONObject(TestApplication.text(new File(pushed, "manifest.json")));
        manifest.getJSONObject("files").put("labels.txt", new JSONObject().put("bytes", 20).put("sha256", JSONObject.NULL));
        TestApplication.replace(new File(pushed, "manifest.json"), manifest.toString());
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier() {
            @Override
            public double[] bench(int warmup, int repeats, BooleanSupplier cancelled) {
                return new double[] {10};
            }
        };
        try (ActivityController<CompareActivity> c = open()) {
            c.get().findViewById(R.id.start).performClick();
            Screen.waitFor(c.get(), R.id.compared);
            String apart = Screen.text(c.get(), R.id.apart);
            assertFalse(apart, apart.contains("cosine"));
        }
    }

    @Test
    @NeedsEngine
    public void theMainScreenHasTheUsersBundleAgainAfterwards() throws Exception {
        app.push("fp32");
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            user.controller.pause().stop();
            try (ActivityController<CompareActivity> c = open()) {
                ((Spinner) c.get().findViewById(R.id.left)).setSelection(1);
                Screen.settle();
                c.get().findViewById(R.id.start).performClick();
                Screen.waitFor(c.get(), R.id.compared);
            }
            user.controller.restart().start().resume();
            user.pick(TestApplication.golden()).waitForResult();
            assertEquals("deit_tiny-digits-fp32-arm", user.detail(R.id.bundle));
        }
    }

    @Test
    public void withOneBundleItSaysHowToGetAnother() {
        try (ActivityController<CompareActivity> c = Robolectric.buildActivity(CompareActivity.class).setup()) {
            String one = c.get().getString(R.string.compare_one);
            Screen.until("the bundles", () -> one.equals(Screen.text(c.get(), R.id.status)));
            assertFalse(Screen.shown(c.get(), R.id.start));
        }
    }

    @Test
    public void aBundleThatFailsIsSaidSoAndCanBeTriedAgain() throws Exception {
        app.push("fp32");
        app.opener = FakeClassifier.failing(ClassifierException.Code.ENGINE, "NaN");
        try (ActivityController<CompareActivity> c = open()) {
            c.get().findViewById(R.id.start).performClick();
            Screen.waitFor(c.get(), R.id.problem);
            assertEquals("The engine failed.", Screen.text(c.get(), R.id.problem_sentence));
            assertTrue(c.get().findViewById(R.id.start).isEnabled());
        }
    }
}

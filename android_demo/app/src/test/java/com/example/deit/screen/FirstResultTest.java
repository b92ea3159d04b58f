package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import android.graphics.drawable.BitmapDrawable;
import android.view.View;
import android.widget.ImageView;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import com.example.deit.NeedsEngine;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** The app as it is meant: started, given a picture, it says what it is of. Real engine, real bundle. */
@RunWith(RobolectricTestRunner.class)
public class FirstResultTest {
    @Test
    @NeedsEngine
    public void fromLaunchToTheFirstResult() {
        long start = System.nanoTime();
        try (MainRobot user = MainRobot.launch()) {
            double launched = (System.nanoTime() - start) / 1e6;
            user.pick(TestApplication.golden()).waitForResult();
            double answered = (System.nanoTime() - start) / 1e6;
            assertEquals("5", user.text(R.id.headline));
            System.out.printf(
                    "From launch to the first result on Robolectric: %.0f ms, of which the screen %.0f ms%n",
                    answered, launched);
        }
    }

    @Test
    @NeedsEngine
    public void theGoldenPictureHasTheLogitsOfTheBundle() {
        try (MainRobot user = MainRobot.launch()) {
            user.pick(TestApplication.golden()).waitForResult();
            // What `deit --host --image golden.png` says.
            assertEquals(List.of("5", "6", "4", "1", "8"), user.labels());
            List<ProgressBar> bars =
                    Screen.all(user.screen().findViewById(R.id.result), ProgressBar.class, b -> true);
            assertEquals(5, bars.size());
            assertEquals(892, bars.get(0).getProgress(), 2);
            assertEquals(26, bars.get(1).getProgress(), 2);
            assertNull(user.text(R.id.problem_sentence));
        }
    }

    @Test
    @NeedsEngine
    public void bundlePrecisionDriftAndLatencyAreShown() {
        try (MainRobot user = MainRobot.launch()) {
            user.pick(TestApplication.golden()).waitForResult();
            assertEquals(TestApplication.bundle("int8").getName(), user.detail(R.id.bundle));
            String facts = user.detail(R.id.facts);
            assertTrue(facts, facts.startsWith("INT8: it counts with whole numbers of 8 bits"));
            assertTrue(facts, facts.matches("(?s).*\nDrift: on [\\d.]+ % of the test pictures .* alike to [01]\\.\\d{4} of 1 \\(cosine\\)\\."));
            Matcher times =
                    Pattern.compile("It took ([\\d.]+) ms: ([\\d.]+) to prepare the picture, ([\\d.]+) in the network\\.")
                            .matcher(user.detail(R.id.latency));
            assertTrue(user.detail(R.id.latency), times.matches());
            double inference = Double.parseDouble(times.group(3));
            assertTrue(user.detail(R.id.latency), inference > 0);
            assertTrue(Double.parseDouble(times.group(1)) >= inference);
        }
    }

    @Test
    @NeedsEngine
    public void thePictureIsOnTheScreen() {
        try (MainRobot user = MainRobot.launch()) {
            assertFalse(Screen.shown(user.screen(), R.id.picture));
            assertEquals("What is in the picture?", user.screen().getString(R.string.empty_title));
            assertTrue(Screen.shown(user.screen(), R.id.empty));
            user.pick(TestApplication.golden()).waitForResult();
            ImageView view = user.screen().findViewById(R.id.picture);
            Bitmap shown = ((BitmapDrawable) view.getDrawable()).getBitmap();
            assertTrue(shown.getWidth() >= 224);
            assertFalse(Screen.shown(user.screen(), R.id.empty));
        }
    }

    @Test
    @NeedsEngine
    public void samplesThatSuitTheBundleAreOfferedAndOneTapClassifiesThem() {
        try (MainRobot user = MainRobot.launch()) {
            Screen.waitFor(user.screen(), R.id.samples_group);
            LinearLayout samples = user.screen().findViewById(R.id.samples);
            assertEquals("the golden picture and four digits", 5, samples.getChildCount());
            assertEquals("Sample picture 2", samples.getChildAt(1).getContentDescription().toString());
            String[] digits = {"5", "2", "7", "8", "0"};
            for (int i = 0; i < digits.length; i++) {
                samples.getChildAt(i).performClick();
                assertFalse("no result of another", digits[i].equals(user.text(R.id.headline)));
                user.waitForResult();
                assertEquals(digits[i], user.text(R.id.headline));
                assertFalse(Screen.shown(user.screen(), R.id.samples_group));
            }
        }
    }

    @Test
    @NeedsEngine
    public void whatThereIsToKnowIsOneTapAwayAndStaysOpenInARotation() {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            assertNull("not before", user.text(R.id.facts));
            View toggle = user.screen().findViewById(R.id.details_toggle);
            assertEquals("How it was answered, Hidden", toggle.getContentDescription().toString());
            toggle.performClick();
            assertEquals("How it was answered, Shown", toggle.getContentDescription().toString());
            assertTrue(Screen.shown(user.screen(), R.id.facts));
            Screen.turn(user.controller, "land");
            assertTrue(Screen.shown(user.screen(), R.id.facts));
        }
    }
}

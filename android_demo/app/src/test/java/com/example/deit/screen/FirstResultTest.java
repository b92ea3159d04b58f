package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.drawable.BitmapDrawable;
import android.widget.ImageView;
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
                    Screen.all(user.screen().findViewById(R.id.guesses), ProgressBar.class, b -> true);
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
            assertTrue(facts, facts.startsWith("INT8. Against the fp32 network: cosine 0.99"));
            Matcher times =
                    Pattern.compile("Preprocessing ([\\d.]+) ms, inference ([\\d.]+) ms, total ([\\d.]+) ms")
                            .matcher(user.detail(R.id.latency));
            assertTrue(user.detail(R.id.latency), times.matches());
            double inference = Double.parseDouble(times.group(2));
            assertTrue(user.detail(R.id.latency), inference > 0);
            assertTrue(Double.parseDouble(times.group(3)) >= inference);
        }
    }

    @Test
    @NeedsEngine
    public void thePictureIsOnTheScreen() {
        try (MainRobot user = MainRobot.launch()) {
            assertFalse(Screen.shown(user.screen(), R.id.picture));
            assertEquals(user.screen().getString(R.string.empty), user.text(R.id.empty));
            user.pick(TestApplication.golden()).waitForResult();
            ImageView view = user.screen().findViewById(R.id.picture);
            Bitmap shown = ((BitmapDrawable) view.getDrawable()).getBitmap();
            assertTrue(shown.getWidth() >= 224);
            assertNull(user.text(R.id.empty));
        }
    }

    @Test
    public void onlyPicturesAreAskedFor() {
        try (MainRobot user = MainRobot.launch()) {
            user.screen().findViewById(R.id.pick).performClick();
            Intent asked = shadowOf(user.screen()).getNextStartedActivityForResult().intent;
            assertEquals(Intent.ACTION_OPEN_DOCUMENT, asked.getAction());
            assertEquals("image/*", asked.getType());
            assertTrue(asked.hasCategory(Intent.CATEGORY_OPENABLE));
        }
    }
}

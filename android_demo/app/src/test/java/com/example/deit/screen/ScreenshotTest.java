package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Color;
import android.graphics.Paint;
import android.graphics.drawable.BitmapDrawable;
import android.view.View;
import android.widget.EditText;
import android.widget.ImageView;
import android.widget.ProgressBar;
import android.widget.TextView;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.camera.PictureFrames;
import com.example.deit.classify.ClassifierException;
import java.util.List;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** The screens as they are drawn, kept as pictures and looked at: texts whole, colours right, pictures in place. */
@RunWith(RobolectricTestRunner.class)
public class ScreenshotTest {
    private final TestApplication app = TestApplication.get();

    @Before
    public void aPhone() {
        RuntimeEnvironment.setQualifiers("en-rUS-w360dp-h780dp-notnight-xhdpi");
    }

    private static Bitmap main(String name) throws Exception {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            Bitmap shot = Screen.shot(user.controller, name);
            Screen.assertWholeTexts(user.screen());
            assertPictureIsDrawn(shot, user.screen().findViewById(R.id.picture));
            assertTextIsDrawn(shot, user.screen().findViewById(R.id.headline));
            assertTextIsDrawn(shot, user.screen().findViewById(R.id.bundle));
            assertBarsAreDrawn(shot, user.screen());
            return shot;
        }
    }

    private static int background(Bitmap shot) {
        return shot.getPixel(4, shot.getHeight() - 4);
    }

    private static int[] place(View view) {
        int[] place = new int[2];
        view.getLocationInWindow(place);
        return place;
    }

    private static boolean near(int one, int other) {
        return Math.abs(Color.red(one) - Color.red(other)) < 24
                && Math.abs(Color.green(one) - Color.green(other)) < 24
                && Math.abs(Color.blue(one) - Color.blue(other)) < 24;
    }

    /** Points of the bitmap are on the screen where the view's matrix puts them. */
    private static void assertPictureIsDrawn(Bitmap shot, ImageView view) {
        Bitmap bitmap = ((BitmapDrawable) view.getDrawable()).getBitmap();
        int[] place = place(view);
        int same = 0;
        for (int row = 1; row < 12; row++) {
            for (int column = 1; column < 12; column++) {
                float[] point = {bitmap.getWidth() * column / 12f, bitmap.getHeight() * row / 12f};
                int expected = bitmap.getPixel((int) point[0], (int) point[1]);
                view.getImageMatrix().mapPoints(point);
                int x = place[0] + view.getPaddingLeft() + Math.round(point[0]);
                int y = place[1] + view.getPaddingTop() + Math.round(point[1]);
                if (near(shot.getPixel(x, y), expected)) same++;
            }
        }
        assertTrue(same + " of 121 points are the picture's", same > 110);
    }

    /** There is ink, and paper between. */
    private static void assertTextIsDrawn(Bitmap shot, TextView view) {
        int[] place = place(view);
        int paper = shot.getPixel(place[0], place[1]);
        int ink = 0;
        for (int y = place[1]; y < place[1] + view.getHeight(); y++) {
            for (int x = place[0]; x < place[0] + view.getWidth(); x++) {
                if (!near(shot.getPixel(x, y), paper)) ink++;
            }
        }
        int area = view.getWidth() * view.getHeight();
        assertTrue(view.getText() + ": " + ink + " of " + area, ink > 20 && ink < area / 2);
    }

    /** The first bar, of 89 %, is longer than the second, of 3 %. */
    private static void assertBarsAreDrawn(Bitmap shot, Activity screen) {
        List<ProgressBar> bars =
                Screen.all(screen.findViewById(R.id.guesses), ProgressBar.class, b -> true);
        int accent = screen.getColor(R.color.accent);
        int[] lengths = new int[2];
        for (int i = 0; i < 2; i++) {
            int[] place = place(bars.get(i));
            int y = place[1] + bars.get(i).getHeight() / 2;
            for (int x = place[0]; x < place[0] + bars.get(i).getWidth(); x++) {
                if (near(shot.getPixel(x, y), accent)) lengths[i]++;
            }
        }
        int width = bars.get(0).getWidth();
        assertEquals(0.89, (double) lengths[0] / width, 0.03);
        assertEquals(0.03, (double) lengths[1] / width, 0.02);
    }

    @Test
    @NeedsEngine
    public void mainInTheLight() throws Exception {
        Bitmap shot = main("main.png");
        assertTrue(Color.luminance(background(shot)) > 0.85);
    }

    @Test
    @NeedsEngine
    public void mainInTheDark() throws Exception {
        RuntimeEnvironment.setQualifiers("+night");
        Bitmap shot = main("main-dark.png");
        assertTrue(Color.luminance(background(shot)) < 0.1);
    }

    @Test
    @NeedsEngine
    public void mainInChinese() throws Exception {
        RuntimeEnvironment.setQualifiers("+zh-rCN");
        assertTrue("there is a font for it", new Paint().hasGlyph("择"));
        main("main-chinese.png");
        assertEquals("选择图片", app.getString(R.string.pick));
    }

    @Test
    @NeedsEngine
    public void mainInLargeLetters() throws Exception {
        RuntimeEnvironment.setFontScale(2f);
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            Screen.shot(user.controller, "main-large.png");
            Screen.assertWholeTexts(user.screen());
            TextView headline = user.screen().findViewById(R.id.headline);
            assertTrue("from API 34 on large text grows less than small", headline.getTextSize() > 1.5 * 2 * 22);
            View content = ((android.view.ViewGroup) Screen.content(user.screen())).getChildAt(0);
            assertTrue("what does not fit is scrolled to", content.canScrollVertically(1));
        }
    }

    @Test
    @NeedsEngine
    public void live() throws Exception {
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        PictureFrames frames =
                new PictureFrames(app, BitmapFactory.decodeFile(TestApplication.golden().getPath()));
        app.frames = frames;
        try (ActivityController<LiveActivity> c = Robolectric.buildActivity(LiveActivity.class).setup()) {
            for (int i = 1; i <= 3; i++) {
                String median = "Median of the last " + i + ":";
                frames.frame();
                Screen.until(
                        median,
                        () -> {
                            String latency = Screen.text(c.get(), R.id.latency);
                            return latency != null && latency.startsWith(median);
                        });
            }
            Bitmap shot = Screen.shot(c, "live.png");
            Screen.assertWholeTexts(c.get());
            assertPictureIsDrawn(shot, (ImageView) frames.view());
            assertTextIsDrawn(shot, c.get().findViewById(R.id.headline));
        }
    }

    @Test
    @NeedsEngine
    public void benchmark() throws Exception {
        try (ActivityController<BenchmarkActivity> c =
                Robolectric.buildActivity(BenchmarkActivity.class).setup()) {
            ((EditText) c.get().findViewById(R.id.warmup)).setText("2");
            ((EditText) c.get().findViewById(R.id.repeats)).setText("10");
            c.get().findViewById(R.id.start).performClick();
            Screen.waitFor(c.get(), R.id.numbers);
            Bitmap shot = Screen.shot(c, "benchmark.png");
            Screen.assertWholeTexts(c.get());
            assertTextIsDrawn(shot, c.get().findViewById(R.id.numbers));
        }
    }

    @Test
    public void settings() throws Exception {
        app.push("fp32");
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            Screen.settle();
            Screen.shot(c, "settings.png");
            Screen.assertWholeTexts(c.get());
        }
    }

    @Test
    public void aProblem() throws Exception {
        for (String night : new String[] {"notnight", "night"}) {
            RuntimeEnvironment.setQualifiers("+" + night);
            app.opener =
                    FakeClassifier.failing(
                            ClassifierException.Code.MODEL,
                            "model.nb is cut short: 7414678 bytes announced, 4096 there");
            try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForProblem()) {
                Bitmap shot = Screen.shot(user.controller, night.equals("night") ? "problem-dark.png" : "problem.png");
                Screen.assertWholeTexts(user.screen());
                View problem = user.screen().findViewById(R.id.problem);
                int[] place = place(problem);
                assertTrue(near(
                        shot.getPixel(place[0] + 4, place[1] + 4), user.screen().getColor(R.color.problem_background)));
                assertTextIsDrawn(shot, user.screen().findViewById(R.id.problem_sentence));
            }
        }
    }

    @Test
    public void everyScreenIsWholeInLargeChineseAndEnglish() throws Exception {
        RuntimeEnvironment.setFontScale(2f);
        for (String language : new String[] {"zh-rCN", "en-rUS"}) {
            RuntimeEnvironment.setQualifiers("+" + language);
            for (Class<? extends Activity> kind :
                    List.of(SettingsActivity.class, BenchmarkActivity.class, LiveActivity.class, MainActivity.class)) {
                app.opener = FakeClassifier.failing(ClassifierException.Code.ABI, "libdeit_jni.so");
                shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
                app.frames = new PictureFrames(app, Bitmap.createBitmap(48, 64, Bitmap.Config.ARGB_8888));
                try (ActivityController<? extends Activity> c = Robolectric.buildActivity(kind).setup()) {
                    if (kind == LiveActivity.class) ((PictureFrames) app.frames).frame();
                    if (kind == BenchmarkActivity.class) c.get().findViewById(R.id.start).performClick();
                    Screen.settle();
                    Screen.assertWholeTexts(c.get());
                }
            }
        }
    }
}

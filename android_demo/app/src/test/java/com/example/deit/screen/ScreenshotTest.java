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
import com.example.deit.classify.Classification;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Guess;
import com.example.deit.classify.Times;
import java.io.File;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.ArrayList;
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

    private static final String PHONE = "w360dp-h780dp-xhdpi";
    private static final String LARGE_PHONE = "w412dp-h915dp-xhdpi";
    private static final String TABLET = "sw800dp-w800dp-h1280dp-mdpi";

    private static void device(String size, String... more) {
        RuntimeEnvironment.setQualifiers("en-rUS-" + size.replaceFirst("-([a-z]*dpi)$", "-notnight-$1"));
        for (String qualifier : more) RuntimeEnvironment.setQualifiers("+" + qualifier);
    }

    @Before
    public void aPhone() {
        device(PHONE);
    }

    private static Bitmap main(String name) throws Exception {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            Bitmap shot = Screen.shot(user.controller, name);
            Screen.assertWholeTexts(user.screen());
            assertPictureIsDrawn(shot, user.screen().findViewById(R.id.picture));
            assertTextIsDrawn(shot, user.screen().findViewById(R.id.headline));
            assertTextIsDrawn(shot, user.screen().findViewById(R.id.details_toggle));
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
        List<ProgressBar> bars = Screen.all(screen.findViewById(R.id.result), ProgressBar.class, b -> true);
        int accent = screen.getColor(R.color.primary);
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
        assertTrue(Color.luminance(background(main("main.png"))) > 0.75);
        device(LARGE_PHONE);
        main("main-412.png");
        device(TABLET);
        main("main-tablet.png");
    }

    @Test
    @NeedsEngine
    public void mainInTheDark() throws Exception {
        device(PHONE, "night");
        assertTrue(Color.luminance(background(main("main-dark.png"))) < 0.1);
    }

    @Test
    @NeedsEngine
    public void mainAcross() throws Exception {
        device("w780dp-h360dp-land-xhdpi");
        main("main-land.png");
        device("sw800dp-w1280dp-h800dp-land-mdpi");
        main("main-tablet-land.png");
    }

    @Test
    @NeedsEngine
    public void mainInChinese() throws Exception {
        device(PHONE, "zh-rCN");
        assertTrue("there is a font for it", new Paint().hasGlyph("择"));
        main("main-chinese.png");
        assertEquals("选图", app.getString(R.string.pick));
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
            user.detail(R.id.facts);
            user.controller.visible();
            Screen.assertWholeTexts(user.screen());
            View scroll = user.screen().findViewById(R.id.scroll);
            assertTrue("what does not fit is scrolled to", scroll.canScrollVertically(1));
        }
    }

    /** What there is to know, one tap away. */
    @Test
    @NeedsEngine
    public void details() throws Exception {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            user.detail(R.id.facts);
            user.controller.visible();
            user.screen().findViewById(R.id.scroll).scrollBy(0, 10_000);
            Screen.shot(user.controller, "details.png");
            Screen.assertWholeTexts(user.screen());
        }
    }

    @Test
    @NeedsEngine
    public void theBeginning() throws Exception {
        for (String size : new String[] {PHONE, LARGE_PHONE, TABLET}) {
            device(size);
            try (MainRobot user = MainRobot.launch()) {
                Screen.waitFor(user.screen(), R.id.samples_group);
                Screen.shot(user.controller, "empty" + suffix(size));
                Screen.assertWholeTexts(user.screen());
            }
        }
    }

    private static String suffix(String size) {
        return (size.equals(PHONE) ? "" : size.equals(TABLET) ? "-tablet" : "-412") + ".png";
    }

    /** Labels as ImageNet has them, which are lists of names; the classifier is made up, the photograph is the app's. */
    @Test
    public void aPhotographWithLongLabels() throws Exception {
        String[] labels = {"Egyptian cat", "tabby, tabby cat", "lynx, catamount", "tiger cat", "Persian cat"};
        double[] shares = {0.7312, 0.1391, 0.0525, 0.0311, 0.0102};
        List<Guess> guesses = new ArrayList<>();
        for (int i = 0; i < 5; i++) guesses.add(new Guess(i, labels[i], 5 - i, shares[i]));
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier() {
            @Override
            public Classification classify(Bitmap bitmap, int topK) {
                return new Classification(guesses, new Times(0, 3.1, 41.7));
            }
        };
        File cat = new File(app.getCacheDir(), "cat.jpg");
        try (InputStream in = app.getResources().openRawResource(R.raw.sample_cat)) {
            Files.copy(in, cat.toPath());
        }
        for (String size : new String[] {PHONE, LARGE_PHONE, TABLET}) {
            device(size);
            try (MainRobot user = MainRobot.launch().pick(cat).waitForResult()) {
                Bitmap shot = Screen.shot(user.controller, "photograph" + suffix(size));
                Screen.assertWholeTexts(user.screen());
                assertPictureIsDrawn(shot, user.screen().findViewById(R.id.picture));
            }
        }
    }

    private void live(String name) throws Exception {
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        PictureFrames frames =
                new PictureFrames(app, BitmapFactory.decodeFile(TestApplication.golden().getPath()));
        frames.light = true;
        frames.another = true;
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
            Bitmap shot = Screen.shot(c, name);
            Screen.assertWholeTexts(c.get());
            View preview = frames.view();
            assertEquals("the preview is as wide as the screen", shot.getWidth(), preview.getWidth());
            assertEquals("and as high", shot.getHeight(), preview.getHeight());
            assertWhiteIsDrawn(shot, c.get().findViewById(R.id.headline));
        }
    }

    /** On a picture there is no paper of one colour: letters are what is white. */
    private static void assertWhiteIsDrawn(Bitmap shot, TextView view) {
        int[] place = place(view);
        int white = 0;
        for (int y = place[1]; y < place[1] + view.getHeight(); y++) {
            for (int x = place[0]; x < place[0] + view.getWidth(); x++) {
                if (near(shot.getPixel(x, y), Color.WHITE)) white++;
            }
        }
        assertTrue(view.getText() + ": " + white, white > 20 && white < view.getWidth() * view.getHeight() / 4);
    }

    @Test
    @NeedsEngine
    public void live() throws Exception {
        live("live.png");
        device(LARGE_PHONE);
        live("live-412.png");
        device(TABLET);
        live("live-tablet.png");
        device("w780dp-h360dp-land-xhdpi");
        live("live-land.png");
    }

    @Test
    @NeedsEngine
    public void benchmark() throws Exception {
        for (String size : new String[] {PHONE, LARGE_PHONE, TABLET}) {
            device(size);
            try (ActivityController<BenchmarkActivity> c =
                    Robolectric.buildActivity(BenchmarkActivity.class).setup()) {
                ((EditText) c.get().findViewById(R.id.warmup)).setText("2");
                ((EditText) c.get().findViewById(R.id.repeats)).setText("30");
                c.get().findViewById(R.id.start).performClick();
                Screen.waitFor(c.get(), R.id.numbers);
                Bitmap shot = Screen.shot(c, "benchmark" + suffix(size));
                Screen.assertWholeTexts(c.get());
                assertTextIsDrawn(shot, c.get().findViewById(R.id.finished));
                assertPlotIsDrawn(shot, c.get().findViewById(R.id.plot));
            }
        }
    }

    /** In each of the plot's four quarters from left to right there is something in the colour of the runs. */
    private static void assertPlotIsDrawn(Bitmap shot, View plot) {
        int[] place = place(plot);
        int colour = plot.getContext().getColor(R.color.primary);
        for (int quarter = 0; quarter < 4; quarter++) {
            int ink = 0;
            for (int x = plot.getWidth() * quarter / 4; x < plot.getWidth() * (quarter + 1) / 4; x++) {
                for (int y = 0; y < plot.getHeight() && place[1] + y < shot.getHeight(); y++) {
                    if (near(shot.getPixel(place[0] + x, place[1] + y), colour)) ink++;
                }
            }
            assertTrue("quarter " + quarter, ink > 20);
        }
    }

    @Test
    public void settings() throws Exception {
        app.push("fp32");
        File broken = app.push("int8");
        TestApplication.replace(new File(broken, com.example.deit.bundle.BundleFiles.network()), "half");
        for (String size : new String[] {PHONE, LARGE_PHONE, TABLET}) {
            device(size);
            try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
                Screen.settle();
                Screen.shot(c, "settings" + suffix(size));
                Screen.assertWholeTexts(c.get());
                c.get().findViewById(R.id.content).scrollBy(0, 10_000);
                Screen.shot(c, "settings-end" + suffix(size));
            }
        }
        device(PHONE, "night");
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            Screen.settle();
            Screen.shot(c, "settings-dark.png");
        }
    }

    @Test
    @NeedsEngine
    public void comparing() throws Exception {
        app.push("fp32");
        for (String size : new String[] {PHONE, LARGE_PHONE, TABLET}) {
            device(size);
            try (ActivityController<CompareActivity> c = Robolectric.buildActivity(CompareActivity.class).setup()) {
                Screen.waitFor(c.get(), R.id.start);
                c.get().findViewById(R.id.start).performClick();
                Screen.waitFor(c.get(), R.id.verdict);
                Screen.shot(c, "compare" + suffix(size));
                Screen.assertWholeTexts(c.get());
            }
        }
    }

    @Test
    @NeedsEngine
    public void severalPictures() throws Exception {
        File broken = new File(app.getCacheDir(), "broken.jpg");
        TestApplication.replace(broken, "no picture");
        List<android.net.Uri> uris = new ArrayList<>();
        uris.add(MainRobot.gallery(TestApplication.golden()));
        for (int id : new int[] {R.raw.sample_digit_2, R.raw.sample_digit_7, R.raw.sample_digit_8, R.raw.sample_digit_0}) {
            File file = new File(app.getCacheDir(), id + ".png");
            try (InputStream in = app.getResources().openRawResource(id)) {
                Files.copy(in, file.toPath());
            }
            uris.add(MainRobot.gallery(file));
        }
        uris.add(MainRobot.gallery(broken));
        for (String size : new String[] {PHONE, LARGE_PHONE, TABLET}) {
            device(size);
            try (ActivityController<SeveralActivity> c =
                    Robolectric.buildActivity(SeveralActivity.class, Incoming.several(app, uris)).setup()) {
                Screen.until("all", () -> "6 of 6 classified".equals(Screen.text(c.get(), R.id.status)));
                Screen.shot(c, "several" + suffix(size));
                Screen.assertWholeTexts(c.get());
            }
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
                        shot.getPixel(place[0] + 30, place[1] + 8), user.screen().getColor(R.color.error_container)));
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
                    List.of(
                            SettingsActivity.class,
                            BenchmarkActivity.class,
                            LiveActivity.class,
                            MainActivity.class,
                            CompareActivity.class)) {
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

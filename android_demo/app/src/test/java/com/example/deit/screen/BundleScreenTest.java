package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Context;
import android.view.View;
import android.widget.RadioButton;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.Processors;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.bundle.BundleFiles;
import java.io.File;
import java.nio.file.Files;
import java.util.List;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;

/** Bundles that are missing, broken, pushed later, chosen or gone, as the main screen tells of them. */
@RunWith(RobolectricTestRunner.class)
@Config(application = TestApplication.WithoutBundle.class)
public class BundleScreenTest {
    @Rule public final Processors processors = new Processors();

    private final TestApplication app = TestApplication.get();

    private static void retry(MainRobot user) {
        user.screen().findViewById(R.id.problem_remedy).performClick();
    }

    @Test
    @NeedsEngine
    public void withoutABundleTheScreenSaysHowToPushOne() throws Exception {
        try (MainRobot user = MainRobot.launch().waitForProblem()) {
            String folder = app.getExternalFilesDir("bundles").getPath();
            assertEquals(
                    "There is no bundle on this device. Make one with tools/opt.py on a computer and push it: "
                            + "adb push build/bundles/NAME " + folder + "/",
                    user.text(R.id.problem_sentence));
            app.push("int8");
            assertEquals("Try again", user.text(R.id.problem_remedy));
            retry(user);
            Screen.until("the bundle", () -> Screen.shown(user.screen(), R.id.details_toggle));
            assertEquals(TestApplication.bundle("int8").getName(), user.detail(R.id.bundle));
            user.pick(TestApplication.golden()).waitForResult();
            assertEquals("5", user.text(R.id.headline));
        }
    }

    @Test
    public void aBrokenBundleIsSaidWhichAndWhy() throws Exception {
        File bundle = app.push("int8");
        TestApplication.replace(new File(bundle, BundleFiles.network()), "the first half");
        try (MainRobot user = MainRobot.launch().waitForProblem()) {
            assertEquals(
                    BundleFiles.network()
                            + " in the bundle has the wrong size: its copy stopped midway. Push it again.",
                    user.text(R.id.problem_sentence));
            String detail = user.text(R.id.problem_detail);
            assertTrue(detail, detail.startsWith(bundle.getName() + ": 14 / "));
            assertEquals("Settings", user.text(R.id.problem_remedy));
            retry(user);
            assertEquals(
                    SettingsActivity.class.getName(),
                    shadowOf(user.screen()).getNextStartedActivity().getComponent().getClassName());
        }
    }

    /** On a phone with such a processor the core would say so, too; the app does before anything is opened. */
    @Test
    @Config(qualifiers = "zh-rCN")
    public void aBundleInHalfPrecisionIsRefusedBeforeItIsOpened() throws Exception {
        File bundle = app.pushHalf("int8");
        processors.are(Processors.A53);
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        try (MainRobot user = MainRobot.launch().waitForProblem()) {
            assertEquals(
                    "该模型包使用半精度（FP16）计算，而此设备的处理器并非所有核心都支持。请选择 INT8 或 FP32 模型包。",
                    user.text(R.id.problem_sentence));
            assertEquals(bundle.getName(), user.text(R.id.problem_detail));
            assertEquals(0, app.opened.get());
        }
    }

    @Test
    public void aPictureIsShownThoughThereIsNoBundle() {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForProblem()) {
            assertTrue(Screen.shown(user.screen(), R.id.picture));
            assertFalse(Screen.shown(user.screen(), R.id.result));
        }
    }

    @Test
    @NeedsEngine
    public void aFileOfTheRightSizeWithSomethingElseInItIsNamed() throws Exception {
        File bundle = app.push("int8");
        File network = new File(bundle, "host.nb");
        byte[] bytes = Files.readAllBytes(network.toPath());
        for (int i = 0; i < 64; i++) bytes[i] = 0;
        Files.delete(network.toPath());
        Files.write(network.toPath(), bytes);
        try (MainRobot user = MainRobot.launch().waitForProblem()) {
            assertEquals(
                    "host.nb in the bundle is damaged, or of another bundle. Push the bundle again; one of the app's own: "
                            + "install the app again.",
                    user.text(R.id.problem_sentence));
            assertEquals(0, app.opened.get());
        }
    }

    /** The process ends while the engine opens the first bundle; what is left is the note on the disk. */
    @Test
    public void theBundleWithWhichTheAppEndedIsNotOpenedAgain() throws Exception {
        File bundle = app.push("int8");
        File other = app.push("fp32");
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        long stamp = new File(bundle, "manifest.json").lastModified();
        app.getSharedPreferences("crashes", Context.MODE_PRIVATE)
                .edit()
                .putString("at_work", stamp + " pushed/" + bundle.getName())
                .commit();
        app.startAgain();
        app.save(app.settings().withBundle("pushed/" + bundle.getName()));
        try (MainRobot user = MainRobot.launch().waitForProblem()) {
            assertEquals(
                    "The app ended when it opened the bundle " + bundle.getName() + ", so it is not opened again. "
                            + "Choose another one in the settings, or this one to try again.",
                    user.text(R.id.problem_sentence));
            assertEquals("Settings", user.text(R.id.problem_remedy));
            assertEquals(0, app.opened.get());
            choose(other);
            user.controller.pause().stop().restart().start().resume();
            Screen.until("the other bundle", () -> other.getName().equals(user.detail(R.id.bundle)));
            choose(bundle);
            user.controller.pause().stop().restart().start().resume();
            Screen.until("this one after all", () -> bundle.getName().equals(user.detail(R.id.bundle)));
            assertEquals(2, app.opened.get());
        }
    }

    /** Chooses a bundle on the settings screen. */
    private static void choose(File bundle) {
        try (ActivityController<SettingsActivity> settings = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            View content = Screen.content(settings.get());
            Screen.until("the bundles", () -> !buttons(content, bundle).isEmpty());
            buttons(content, bundle).get(0).performClick();
        }
    }

    private static List<RadioButton> buttons(View content, File bundle) {
        return Screen.all(content, RadioButton.class, b -> ("pushed/" + bundle.getName()).equals(b.getTag()));
    }

    @Test
    @NeedsEngine
    public void theChosenBundleIsUsedAndAnotherAfterTheSettingsChange() throws Exception {
        File int8 = app.push("int8");
        File fp32 = app.push("fp32");
        app.save(app.settings().withBundle("pushed/" + int8.getName()));
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            assertEquals(int8.getName(), user.detail(R.id.bundle));
            user.controller.pause().stop();
            app.save(app.settings().withBundle("pushed/" + fp32.getName()));
            user.controller.restart().start().resume();
            Screen.until("the other bundle", () -> fp32.getName().equals(user.detail(R.id.bundle)));
            assertTrue(user.detail(R.id.facts), user.detail(R.id.facts).startsWith("FP32:"));
            assertEquals("the same picture, classified anew", "5", user.text(R.id.headline));
            assertEquals(2, app.opened.get());
        }
    }

    @Test
    public void aChosenBundleThatIsGoneIsNotReplacedByAnother() throws Exception {
        app.push("int8");
        app.save(app.settings().withBundle("pushed/mine"));
        try (MainRobot user = MainRobot.launch().waitForProblem()) {
            assertEquals(
                    "The bundle mine, chosen in the settings, is not there any more. Choose another one.",
                    user.text(R.id.problem_sentence));
            assertNull(user.detail(R.id.bundle));
        }
    }

    @Test
    @NeedsEngine
    public void aBundlePushedOverTheOpenOneIsOpened() throws Exception {
        File bundle = app.push("int8");
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            File manifest = new File(bundle, "manifest.json");
            String text = TestApplication.text(manifest).replaceFirst("\"cosine_mean\": [0-9.]+", "\"cosine_mean\": 0.5555");
            TestApplication.replace(manifest, text);
            assertTrue(manifest.setLastModified(1_000_000_000_000L));
            user.pick(TestApplication.golden()).waitForResult();
            assertTrue(user.detail(R.id.facts), user.detail(R.id.facts).contains("alike to 0.5555 of 1"));
            assertEquals(2, app.opened.get());
        }
    }
}

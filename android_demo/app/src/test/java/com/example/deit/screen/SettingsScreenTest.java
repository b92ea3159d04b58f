package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.widget.RadioButton;
import android.widget.RadioGroup;
import android.widget.Spinner;
import com.example.deit.Processors;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.bundle.BundleFiles;
import com.example.deit.classify.Engine;
import com.example.deit.classify.PowerMode;
import com.example.deit.engine.EngineSettings;
import java.io.File;
import java.util.List;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.util.ReflectionHelpers;

/** Choosing a bundle and how it runs. */
@RunWith(RobolectricTestRunner.class)
public class SettingsScreenTest {
    @Rule public final Processors processors = new Processors();

    private final TestApplication app = TestApplication.get();

    private static List<RadioButton> bundles(SettingsActivity screen) {
        RadioGroup group = screen.findViewById(R.id.bundles);
        Screen.until("the bundles", () -> group.getChildCount() > 0);
        return Screen.all(group, RadioButton.class, b -> true);
    }

    @Test
    public void bundlesAreListedWithWhatTheyAreOrWhatIsWrong() throws Exception {
        app.push("fp32");
        File broken = app.push("int8");
        TestApplication.replace(new File(broken, BundleFiles.network()), "half");
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            List<RadioButton> buttons = bundles(c.get());
            assertEquals(4, buttons.size());
            assertTrue("none chosen yet", buttons.get(0).isChecked());
            RadioButton fp32 = buttons.get(1);
            String what = fp32.getText().toString();
            assertTrue(what, what.startsWith("deit_tiny-digits-fp32-arm\nPushed by adb · FP32 · processor · agrees with the original on "));
            assertTrue(fp32.isEnabled());
            assertFalse(buttons.get(2).isEnabled());
            String wrong = buttons.get(2).getText().toString();
            assertTrue(wrong, wrong.contains(BundleFiles.network() + " in the bundle has the wrong size"));
            assertTrue(buttons.get(3).getText().toString().startsWith(broken.getName() + "\nIn the app · INT8 · "));
            fp32.performClick();
            assertEquals("pushed/deit_tiny-digits-fp32-arm", app.settings().bundle);
            buttons.get(0).performClick();
            assertNull(app.settings().bundle);
        }
    }

    @Test
    public void thePushCommandNamesTheFolder() {
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            String folder = app.getExternalFilesDir("bundles").getPath();
            assertTrue(Screen.text(c.get(), R.id.push_hint).endsWith("adb push build/bundles/NAME " + folder + "/"));
        }
    }

    @Test
    public void eachChoiceIsSavedAtOnceAndSurvivesRotation() {
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            c.get().findViewById(R.id.engine_java).performClick();
            c.get().findViewById(R.id.threads_4).performClick();
            Spinner power = c.get().findViewById(R.id.power_mode);
            assertEquals(PowerMode.values().length, power.getCount());
            power.setSelection(PowerMode.NO_BIND.ordinal());
            Screen.until("the choice", () -> app.settings().powerMode == PowerMode.NO_BIND);
            assertEquals(Engine.JAVA, app.settings().engine);
            assertEquals(4, app.settings().threads);
            Screen.turn(c, "land");
            Screen.settle();
            assertTrue(((RadioButton) c.get().findViewById(R.id.threads_4)).isChecked());
            assertTrue(((RadioButton) c.get().findViewById(R.id.engine_java)).isChecked());
            Spinner after = c.get().findViewById(R.id.power_mode);
            assertEquals(PowerMode.NO_BIND.ordinal(), after.getSelectedItemPosition());
            assertEquals(new EngineSettings(null, Engine.JAVA, 4, PowerMode.NO_BIND), app.settings());
        }
    }

    @Test
    public void howMuchOfAnAnswerIsShownIsSavedAtOnce() {
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            assertTrue(((RadioButton) c.get().findViewById(R.id.classes_5)).isChecked());
            assertTrue(((RadioButton) c.get().findViewById(R.id.threshold_0)).isChecked());
            c.get().findViewById(R.id.classes_10).performClick();
            c.get().findViewById(R.id.threshold_50).performClick();
            assertEquals(10, app.results().classes);
            assertEquals(0.5, app.results().share(), 0);
        }
    }

    @Test
    public void theLanguageLeadsToTheSystemsPageForThisApp() {
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            c.get().findViewById(R.id.language).performClick();
            Intent page = shadowOf(c.get()).getNextStartedActivity();
            assertEquals(android.provider.Settings.ACTION_APP_LOCALE_SETTINGS, page.getAction());
            assertEquals("package:com.example.deit", page.getDataString());
        }
    }

    @Test
    public void aBundleInHalfPrecisionThatCannotRunSaysWhy() throws Exception {
        app.pushHalf("fp32");
        processors.are(Processors.A53, Processors.A55);
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            RadioButton button = bundles(c.get()).get(1);
            String text = button.getText().toString();
            assertTrue(text, text.contains(
                    "The bundle computes in half precision (FP16), and not every core of this device's processor can. "
                            + "Choose an INT8 or FP32 bundle."));
            assertFalse(button.isEnabled());
        }
    }

    /** This computer has no OpenCL for apps, as some phones. */
    @Test
    public void aBundleForTheGpuThatCannotRunSaysWhy() throws Exception {
        File gpu = app.push("fp32");
        File manifest = new File(gpu, "manifest.json");
        ReflectionHelpers.setStaticField(android.os.Build.class, "SUPPORTED_ABIS", new String[] {"arm64-v8a"});
        TestApplication.replace(manifest, TestApplication.text(manifest).replaceFirst("\"target\": \"arm\"", "\"target\": \"opencl\""));
        try (ActivityController<SettingsActivity> c = Robolectric.buildActivity(SettingsActivity.class).setup()) {
            RadioButton button = bundles(c.get()).get(1);
            String text = button.getText().toString();
            assertTrue(text, text.contains("The bundle is for the GPU, and this device gives apps no OpenCL."));
            assertFalse(button.isEnabled());
            assertTrue(Screen.text(c.get(), R.id.gpu).startsWith("This device gives apps no OpenCL"));
        }
    }
}

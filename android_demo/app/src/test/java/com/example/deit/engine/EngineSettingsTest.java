package com.example.deit.engine;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertNull;

import android.content.SharedPreferences;
import com.example.deit.TestApplication;
import com.example.deit.classify.Engine;
import com.example.deit.classify.PowerMode;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** What is remembered. */
@RunWith(RobolectricTestRunner.class)
public class EngineSettingsTest {
    private final SharedPreferences preferences = TestApplication.get().getSharedPreferences("test", 0);

    @Test
    public void atFirstThereAreDefaults() {
        EngineSettings settings = EngineSettings.load(preferences);
        assertNull(settings.bundle);
        assertEquals(Engine.NATIVE, settings.engine);
        assertEquals(2, settings.threads);
        assertEquals(PowerMode.HIGH, settings.powerMode);
    }

    @Test
    public void whatIsSavedIsLoaded() {
        EngineSettings saved = new EngineSettings("pushed/mine", Engine.JAVA, 4, PowerMode.RAND_LOW);
        saved.save(preferences);
        assertEquals(saved, EngineSettings.load(preferences));
        assertEquals(saved.hashCode(), EngineSettings.load(preferences).hashCode());
        assertNotEquals(saved, saved.withBundle(null));
        assertNotEquals(saved, saved.withEngine(Engine.NATIVE));
        assertNotEquals(saved, saved.withThreads(1));
        assertNotEquals(saved, saved.withPowerMode(PowerMode.LOW));
    }

    @Test
    public void whatAnotherVersionSavedIsTheDefault() {
        preferences.edit().putString("engine", "NPU").putString("power_mode", "").putInt("threads", -1).apply();
        EngineSettings settings = EngineSettings.load(preferences);
        assertEquals(Engine.NATIVE, settings.engine);
        assertEquals(PowerMode.HIGH, settings.powerMode);
        assertEquals(1, settings.threads);
    }
}

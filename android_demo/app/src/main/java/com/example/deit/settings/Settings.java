package com.example.deit.settings;

import android.content.SharedPreferences;
import com.example.deit.classify.Engine;
import com.example.deit.classify.PowerMode;
import java.util.Objects;

/** What the user chose: the bundle and how the engine runs it. A change opens the engine anew. */
public final class Settings {
    private static final String BUNDLE = "bundle";
    private static final String ENGINE = "engine";
    private static final String THREADS = "threads";
    private static final String POWER_MODE = "power_mode";

    private final String bundle;
    private final Engine engine;
    private final int threads;
    private final PowerMode powerMode;

    /** @param bundle {@link com.example.deit.bundle.Bundle#key}; null: the first that can be used */
    public Settings(String bundle, Engine engine, int threads, PowerMode powerMode) {
        this.bundle = bundle;
        this.engine = engine;
        this.threads = threads;
        this.powerMode = powerMode;
    }

    /** What was saved last; what another version of the app saved and this one does not know is the default's. */
    public static Settings load(SharedPreferences preferences) {
        return new Settings(
                preferences.getString(BUNDLE, null),
                known(Engine.class, preferences.getString(ENGINE, null), Engine.NATIVE),
                Math.max(1, preferences.getInt(THREADS, 2)),
                known(PowerMode.class, preferences.getString(POWER_MODE, null), PowerMode.HIGH));
    }

    public void save(SharedPreferences preferences) {
        preferences
                .edit()
                .putString(BUNDLE, bundle)
                .putString(ENGINE, engine.name())
                .putInt(THREADS, threads)
                .putString(POWER_MODE, powerMode.name())
                .apply();
    }

    private static <E extends Enum<E>> E known(Class<E> type, String name, E otherwise) {
        for (E value : type.getEnumConstants()) {
            if (value.name().equals(name)) return value;
        }
        return otherwise;
    }

    public String bundle() {
        return bundle;
    }

    public Engine engine() {
        return engine;
    }

    public int threads() {
        return threads;
    }

    public PowerMode powerMode() {
        return powerMode;
    }

    public Settings withBundle(String key) {
        return new Settings(key, engine, threads, powerMode);
    }

    public Settings withEngine(Engine other) {
        return new Settings(bundle, other, threads, powerMode);
    }

    public Settings withThreads(int count) {
        return new Settings(bundle, engine, count, powerMode);
    }

    public Settings withPowerMode(PowerMode mode) {
        return new Settings(bundle, engine, threads, mode);
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Settings)) return false;
        Settings that = (Settings) other;
        return Objects.equals(bundle, that.bundle)
                && engine == that.engine
                && threads == that.threads
                && powerMode == that.powerMode;
    }

    @Override
    public int hashCode() {
        return Objects.hash(bundle, engine, threads, powerMode);
    }
}

package com.example.deit.engine;

import android.content.SharedPreferences;
import com.example.deit.classify.Engine;
import com.example.deit.classify.PowerMode;
import java.util.Objects;

/** What the user chose: the bundle and how the engine runs it. A change opens the engine anew. */
public final class EngineSettings {
    private static final String BUNDLE = "bundle";
    private static final String ENGINE = "engine";
    private static final String THREADS = "threads";
    private static final String POWER_MODE = "power_mode";

    /** {@link com.example.deit.bundle.ModelBundle#key}; null: the first that can be used. */
    public final String bundle;
    public final Engine engine;
    public final int threads;
    public final PowerMode powerMode;

    public EngineSettings(String bundle, Engine engine, int threads, PowerMode powerMode) {
        this.bundle = bundle;
        this.engine = engine;
        this.threads = threads;
        this.powerMode = powerMode;
    }

    /** What was saved last; what another version of the app saved and this one does not know is the default's. */
    public static EngineSettings load(SharedPreferences preferences) {
        return new EngineSettings(
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

    public EngineSettings withBundle(String key) {
        return new EngineSettings(key, engine, threads, powerMode);
    }

    public EngineSettings withEngine(Engine other) {
        return new EngineSettings(bundle, other, threads, powerMode);
    }

    public EngineSettings withThreads(int count) {
        return new EngineSettings(bundle, engine, count, powerMode);
    }

    public EngineSettings withPowerMode(PowerMode mode) {
        return new EngineSettings(bundle, engine, threads, mode);
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof EngineSettings)) return false;
        EngineSettings that = (EngineSettings) other;
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

package com.example.deit;

import android.app.Application;
import android.content.ComponentCallbacks2;
import android.content.Context;
import android.content.SharedPreferences;
import com.example.deit.bundle.BundleStore;
import com.example.deit.bundle.FileDigests;
import com.example.deit.camera.CameraFrames;
import com.example.deit.camera.FrameSource;
import com.example.deit.classify.Engine;
import com.example.deit.engine.CrashGuard;
import com.example.deit.engine.EngineSettings;
import com.example.deit.engine.EngineThread;
import com.example.deit.engine.OpenEngine;
import com.example.deit.engine.ResultSettings;
import java.io.File;

/** What all screens share, and what outlives them: the engine, the bundles, the settings. */
public class DemoApplication extends Application {
    private static final String BUNDLES = "bundles";
    private static final String PREFERENCES = "settings";
    private static final String CRASHES = "crashes";
    private static final String DIGESTS = "digests";

    private EngineThread engine;
    private BundleStore bundles;
    private CrashGuard crashes;

    public static DemoApplication of(Context context) {
        return (DemoApplication) context.getApplicationContext();
    }

    @Override
    public void onCreate() {
        super.onCreate();
        bundles =
                new BundleStore(
                        getAssets(),
                        assetFolder(),
                        new File(getNoBackupFilesDir(), BUNDLES),
                        getExternalFilesDir(BUNDLES));
        crashes = new CrashGuard(getSharedPreferences(CRASHES, MODE_PRIVATE));
        FileDigests digests = new FileDigests(getSharedPreferences(DIGESTS, MODE_PRIVATE));
        engine = new EngineThread(new OpenEngine(opener(), bundles, digests, crashes, this::settings));
    }

    public EngineThread engine() {
        return engine;
    }

    public BundleStore bundles() {
        return bundles;
    }

    public CrashGuard crashes() {
        return crashes;
    }

    public EngineSettings settings() {
        return EngineSettings.load(preferences());
    }

    public void save(EngineSettings settings) {
        settings.save(preferences());
    }

    public ResultSettings results() {
        return ResultSettings.load(preferences());
    }

    public void save(ResultSettings settings) {
        settings.save(preferences());
    }

    private SharedPreferences preferences() {
        return getSharedPreferences(PREFERENCES, MODE_PRIVATE);
    }

    /** The folder of the assets that holds bundles. */
    protected String assetFolder() {
        return BUNDLES;
    }

    /** What opens classifiers; tests let it fail. */
    protected OpenEngine.Opener opener() {
        return Engine::open;
    }

    /** Where the live screen's frames come from; in tests a picture. */
    public FrameSource frames(Context context) {
        return new CameraFrames(context);
    }

    /** A network takes tens of MB: given back when memory is short, but not each time the app is left for a moment. */
    @Override
    public void onTrimMemory(int level) {
        super.onTrimMemory(level);
        boolean running = level < ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN;
        if (running ? level >= ComponentCallbacks2.TRIM_MEMORY_RUNNING_LOW
                : level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND) {
            engine.release();
        }
    }

    @Override
    public void onLowMemory() {
        super.onLowMemory();
        engine.release();
    }
}

package com.example.deit;

import android.content.Context;
import androidx.test.core.app.ApplicationProvider;
import com.example.deit.camera.FrameSource;
import com.example.deit.classify.Engine;
import com.example.deit.engine.OpenEngine;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.concurrent.atomic.AtomicInteger;
import org.json.JSONException;
import org.json.JSONObject;
import org.robolectric.TestLifecycleApplication;

/** The app as it is, with the real engine; a test can put something else in the engine's and in the camera's place. */
public class TestApplication extends DemoApplication implements TestLifecycleApplication {
    /** How often a classifier was opened. */
    public final AtomicInteger opened = new AtomicInteger();

    /** What opens classifiers. */
    public volatile OpenEngine.Opener opener = Engine::open;

    /** Where live frames come from; null: the camera. */
    public FrameSource frames;

    /** The app without a bundle in its assets. */
    public static final class WithoutBundle extends TestApplication {
        @Override
        protected String assetFolder() {
            return "no-bundles";
        }
    }

    public static TestApplication get() {
        return ApplicationProvider.getApplicationContext();
    }

    @Override
    public void beforeTest(Method test) {
        Given.engine(test);
    }

    @Override
    public void prepareTest(Object tests) {}

    @Override
    public void afterTest(Method test) {}

    @Override
    protected OpenEngine.Opener opener() {
        return (engine, folder, threads, mode) -> {
            opened.incrementAndGet();
            return opener.open(engine, folder, threads, mode);
        };
    }

    @Override
    public FrameSource frames(Context context) {
        return frames == null ? super.frames(context) : frames;
    }

    /** What the start of a new process does. */
    public void startAgain() {
        engine().shutdown();
        onCreate();
    }

    /** Robolectric calls it after each test. */
    @Override
    public void onTerminate() {
        engine().shutdown();
        super.onTerminate();
    }

    /** The bundle on this computer that the build was told of: int8 or fp32. */
    public static File bundle(String precision) {
        return Given.bundle(precision);
    }

    /** What adb push does, whole: links in place of copies. */
    public File push(String precision) throws IOException {
        File from = bundle(precision);
        File to = new File(bundles().pushFolder(), from.getName());
        Files.createDirectories(to.toPath());
        for (File file : from.listFiles()) {
            Files.createSymbolicLink(new File(to, file.getName()).toPath(), file.getAbsoluteFile().toPath());
        }
        return to;
    }

    /** The same with a manifest that says it computes in half precision on ARM. */
    public File pushHalf(String precision) throws IOException, JSONException {
        File folder = push(precision);
        File manifest = new File(folder, "manifest.json");
        JSONObject requires = new JSONObject().put("cpu", "asimdhp").put("release", "arm82_fp16");
        replace(manifest, new JSONObject(text(manifest)).put("requires", requires).toString());
        return folder;
    }

    /** The same with a network that has pictures resized to another short side. */
    public void pushResizing(String precision, int shortSide) throws IOException, JSONException {
        File manifest = new File(push(precision), "manifest.json");
        JSONObject edited = new JSONObject(text(manifest));
        edited.getJSONObject("input").put("resize_short", shortSide);
        replace(manifest, edited.toString());
    }

    /** Puts a file in a link's place. */
    public static void replace(File file, String text) throws IOException {
        Files.deleteIfExists(file.toPath());
        Files.write(file.toPath(), text.getBytes(StandardCharsets.UTF_8));
    }

    public static String text(File file) throws IOException {
        return new String(Files.readAllBytes(file.toPath()), StandardCharsets.UTF_8);
    }

    /** The picture of a five that comes with a bundle. */
    public static File golden() {
        return new File(bundle("int8"), "golden.png");
    }
}

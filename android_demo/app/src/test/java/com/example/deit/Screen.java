package com.example.deit;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Activity;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.os.Looper;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;
import com.example.deit.engine.EngineThread;
import com.example.deit.words.Problem;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** What a test sees of a screen. */
public final class Screen {
    private static final long PATIENCE_MS = 600_000;

    private Screen() {}

    /** Lets the main thread work until something is so: the engine thread is a real one. */
    public static void until(String what, BooleanSupplier so) {
        long end = System.currentTimeMillis() + PATIENCE_MS;
        while (true) {
            shadowOf(Looper.getMainLooper()).idle();
            if (so.getAsBoolean()) return;
            assertTrue("waited in vain for " + what, System.currentTimeMillis() < end);
            try {
                Thread.sleep(2);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** Lets the engine thread end all that it was given, and the main thread hear of it. */
    public static void settle() {
        boolean[] done = new boolean[1];
        TestApplication.get()
                .engine()
                .run(
                        (open, task) -> null,
                        new EngineThread.Callback<Object>() {
                            @Override
                            public void onDone(Object nothing) {
                                done[0] = true;
                            }

                            @Override
                            public void onProblem(Problem problem) {
                                throw new AssertionError(problem);
                            }
                        });
        until("the engine thread", () -> done[0]);
    }

    /** Turns the device: the activity ends, and another one takes its place. */
    public static void turn(ActivityController<? extends Activity> controller, String qualifier) {
        RuntimeEnvironment.setQualifiers("+" + qualifier);
        controller.configurationChange().visible();
    }

    public static boolean shown(Activity activity, int id) {
        View view = activity.findViewById(id);
        return view != null && view.isShown();
    }

    /** The text of a view that is on the screen; null if it is not. */
    public static String text(Activity activity, int id) {
        return shown(activity, id) ? ((TextView) activity.findViewById(id)).getText().toString() : null;
    }

    public static void waitFor(Activity activity, int id) {
        until(activity.getResources().getResourceEntryName(id), () -> shown(activity, id));
    }

    /** All views on the screen that are of a kind. */
    public static <V extends View> List<V> all(View root, Class<V> kind, Predicate<V> which) {
        List<V> found = new ArrayList<>();
        if (root.getVisibility() != View.VISIBLE) return found;
        if (kind.isInstance(root) && which.test(kind.cast(root))) found.add(kind.cast(root));
        if (root instanceof ViewGroup) {
            ViewGroup group = (ViewGroup) root;
            for (int i = 0; i < group.getChildCount(); i++) found.addAll(all(group.getChildAt(i), kind, which));
        }
        return found;
    }

    public static View content(Activity activity) {
        return activity.findViewById(android.R.id.content);
    }

    /** Draws the screen, with all animations at their ends, and keeps it as a PNG. */
    public static Bitmap shot(ActivityController<? extends Activity> controller, String name) throws IOException {
        View decor = controller.visible().get().getWindow().getDecorView();
        shadowOf(Looper.getMainLooper()).idle();
        for (View view : all(decor, View.class, v -> true)) view.jumpDrawablesToCurrentState();
        Bitmap bitmap = Bitmap.createBitmap(decor.getWidth(), decor.getHeight(), Bitmap.Config.ARGB_8888);
        decor.draw(new Canvas(bitmap));
        File folder = new File(System.getProperty("screenshot.dir", "build/screenshots"));
        assertTrue(folder.isDirectory() || folder.mkdirs());
        try (FileOutputStream out = new FileOutputStream(new File(folder, name))) {
            assertTrue(bitmap.compress(Bitmap.CompressFormat.PNG, 100, out));
        }
        return bitmap;
    }

    /** No text is cut off: by dots, by its own box, or by the screen's edges. */
    public static void assertWholeTexts(Activity activity) {
        View content = content(activity);
        List<TextView> texts = all(content, TextView.class, t -> t.length() > 0);
        assertTrue("there is text", texts.size() > 0);
        for (TextView view : texts) {
            String text = view.getText().toString();
            for (int line = 0; line < view.getLineCount(); line++) {
                assertEquals("dots in: " + text, 0, view.getLayout().getEllipsisCount(line));
            }
            int room = view.getHeight() - view.getCompoundPaddingTop() - view.getCompoundPaddingBottom();
            assertTrue("too low: " + text, view.getLayout().getHeight() <= room);
            int across = view.getWidth() - view.getCompoundPaddingLeft() - view.getCompoundPaddingRight();
            for (int line = 0; line < view.getLineCount(); line++) {
                assertTrue("too wide: " + text, view.getLayout().getLineMax(line) <= across + 1);
            }
            int[] place = new int[2];
            view.getLocationInWindow(place);
            assertTrue("beyond the edge: " + text, place[0] >= 0 && place[0] + view.getWidth() <= content.getWidth());
        }
    }
}

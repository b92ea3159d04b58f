package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Rect;
import android.view.View;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.camera.PictureFrames;
import com.example.deit.classify.Classification;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Times;
import com.example.deit.words.Problem;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** The live screen with a picture as the camera's frame. */
@RunWith(RobolectricTestRunner.class)
public class LiveScreenTest {
    private final TestApplication app = TestApplication.get();
    private final PictureFrames frames =
            new PictureFrames(app, BitmapFactory.decodeFile(TestApplication.golden().getPath()));

    @Before
    public void aPictureIsTheCamera() {
        app.frames = frames;
    }

    private void grant() {
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
    }

    private static ActivityController<LiveActivity> open() {
        return Robolectric.buildActivity(LiveActivity.class).setup();
    }

    /** Classifiers that take as long as they are told, and one permit each. */
    private final class Paced extends FakeClassifier {
        final Semaphore permits = new Semaphore(0);
        final List<Bitmap> seen = new CopyOnWriteArrayList<>();

        @Override
        public Classification classify(Bitmap bitmap, int topK) throws ClassifierException {
            seen.add(bitmap);
            permits.acquireUninterruptibly();
            return result("frame " + seen.size(), new Times(0, 1, seen.size()));
        }
    }

    private Paced paced() {
        Paced paced = new Paced();
        app.opener = (engine, folder, threads, mode) -> paced;
        return paced;
    }

    @Test
    @NeedsEngine
    public void theFrameIsClassifiedByTheRealEngine() {
        grant();
        try (ActivityController<LiveActivity> c = open()) {
            frames.frame();
            Screen.waitFor(c.get(), R.id.result);
            assertEquals("5", Screen.text(c.get(), R.id.headline));
            assertEquals(TestApplication.bundle("int8").getName(), Screen.text(c.get(), R.id.bundle));
            for (int i = 2; i <= 4; i++) {
                frames.frame();
                String last = "Median of the last " + i + ":";
                Screen.until(last, () -> Screen.text(c.get(), R.id.latency).startsWith(last));
            }
            assertEquals("one predictor", 1, app.opened.get());
        }
    }

    @Test
    public void theMedianIsOfTheLast30() {
        grant();
        Paced paced = paced();
        paced.permits.release(1000);
        try (ActivityController<LiveActivity> c = open()) {
            // Inference takes 1, 2, 3, … ms: after 40 frames the last 30 are 11 to 40, their median 25.5.
            for (int i = 1; i <= 40; i++) {
                int frame = i;
                frames.frame();
                Screen.until("frame " + i, () -> ("frame " + frame).equals(Screen.text(c.get(), R.id.headline)));
                if (i == 3) {
                    assertEquals(
                            "Median of the last 3: 3.0 ms (preparing 1.0, network 2.0)",
                            Screen.text(c.get(), R.id.latency));
                }
            }
            assertEquals(
                    "Median of the last 30: 26.5 ms (preparing 1.0, network 25.5)",
                    Screen.text(c.get(), R.id.latency));
        }
    }

    @Test
    public void theLatestFrameWinsAndNoneIsQueued() {
        grant();
        Paced paced = paced();
        try (ActivityController<LiveActivity> c = open()) {
            frames.frame();
            Screen.until("the engine has the first", () -> paced.seen.size() == 1);
            for (int i = 0; i < 20; i++) frames.frame();
            Bitmap latest = Bitmap.createBitmap(8, 8, Bitmap.Config.ARGB_8888);
            frames.picture = latest;
            assertEquals("no frame is fetched while the engine works", 1, frames.asked);
            paced.permits.release();
            Screen.until("the engine has another", () -> paced.seen.size() == 2);
            assertSame(latest, paced.seen.get(1));
            paced.permits.release();
            Screen.until("its result", () -> "frame 2".equals(Screen.text(c.get(), R.id.headline)));
            Screen.settle();
            assertEquals("of 21 frames two were classified", 2, paced.seen.size());
            assertEquals(2, frames.asked);
        }
    }

    @Test
    public void inTheBackgroundTheCameraIsGivenBackAndWorkStops() {
        grant();
        Paced paced = paced();
        try (ActivityController<LiveActivity> c = open()) {
            frames.frame();
            Screen.until("the engine has one", () -> paced.seen.size() == 1);
            frames.frame();
            c.pause().stop();
            assertEquals(1, frames.closed);
            assertNull(frames.listener);
            paced.permits.release(10);
            Screen.settle();
            assertEquals(1, paced.seen.size());
            assertFalse(Screen.shown(c.get(), R.id.result));
            c.restart().start().resume();
            assertNotNull("open again", frames.listener);
            frames.frame();
            Screen.until("its result", () -> "frame 2".equals(Screen.text(c.get(), R.id.headline)));
            assertEquals(1, app.opened.get());
        }
    }

    @Test
    @NeedsEngine
    public void aRotationLoadsNothingAgain() {
        grant();
        try (ActivityController<LiveActivity> c = open()) {
            frames.frame();
            Screen.waitFor(c.get(), R.id.result);
            app.frames = new PictureFrames(app, frames.picture);
            c.recreate().visible();
            assertEquals(1, frames.closed);
            ((PictureFrames) app.frames).frame();
            Screen.waitFor(c.get(), R.id.result);
            assertEquals("5", Screen.text(c.get(), R.id.headline));
            assertEquals(1, app.opened.get());
        }
    }

    @Test
    public void anEngineThatFailsStopsTheCameraAndIsTriedAgain() {
        grant();
        app.opener = FakeClassifier.failing(ClassifierException.Code.ENGINE, "NaN");
        try (ActivityController<LiveActivity> c = open()) {
            frames.frame();
            Screen.waitFor(c.get(), R.id.problem);
            assertEquals("The engine failed.", Screen.text(c.get(), R.id.problem_sentence));
            assertEquals("NaN", Screen.text(c.get(), R.id.problem_detail));
            assertNull(frames.listener);
            app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
            c.get().findViewById(R.id.problem_remedy).performClick();
            frames.frame();
            Screen.waitFor(c.get(), R.id.result);
            assertFalse(Screen.shown(c.get(), R.id.problem));
        }
    }

    @Test
    @NeedsEngine
    public void aCameraThatFailsLaterTakesTheResultFromTheScreen() {
        grant();
        try (ActivityController<LiveActivity> c = open()) {
            frames.frame();
            Screen.waitFor(c.get(), R.id.result);
            frames.fail(new Problem(R.string.problem_camera_in_use, null, null, Problem.Remedy.RETRY));
            assertFalse(Screen.shown(c.get(), R.id.result));
            assertEquals(
                    "Another app uses the camera. Close it, and try again.",
                    Screen.text(c.get(), R.id.problem_sentence));
        }
    }

    @Test
    public void framesAreReadOnTheEnginesThread() {
        grant();
        String[] thread = new String[1];
        PictureFrames slow = new PictureFrames(app, frames.picture) {
            @Override
            public Bitmap latest(Bitmap reuse) {
                thread[0] = Thread.currentThread().getName();
                return super.latest(reuse);
            }
        };
        app.frames = slow;
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        try (ActivityController<LiveActivity> c = open()) {
            slow.frame();
            Screen.waitFor(c.get(), R.id.result);
            assertEquals("engine", thread[0]);
        }
    }

    @Test
    public void nothingMovesWithTheAnswers() {
        for (float scale : new float[] {1, 2}) {
            RuntimeEnvironment.setFontScale(scale);
            grant();
            Paced paced = paced();
            paced.permits.release(100);
            app.frames = new PictureFrames(app, frames.picture);
            try (ActivityController<LiveActivity> c = open()) {
                View panel = c.get().findViewById(R.id.panel);
                Rect before = bounds(panel);
                assertEquals("Looking…", Screen.text(c.get(), R.id.looking));
                for (int i = 1; i <= 12; i++) {
                    String headline = "frame " + i;
                    ((PictureFrames) app.frames).frame();
                    Screen.until(headline, () -> headline.equals(Screen.text(c.get(), R.id.headline)));
                    c.visible();
                    assertEquals("answer " + i, before, bounds(panel));
                }
                assertNull(Screen.text(c.get(), R.id.looking));
            }
            app.onLowMemory();
            Screen.settle();
        }
    }

    private static Rect bounds(View view) {
        int[] place = new int[2];
        view.getLocationInWindow(place);
        return new Rect(place[0], place[1], place[0] + view.getWidth(), place[1] + view.getHeight());
    }

    @Test
    public void framesASecondAreShownFromTheSecondAnswerOn() {
        grant();
        Paced paced = paced();
        paced.permits.release(3);
        try (ActivityController<LiveActivity> c = open()) {
            frames.frame();
            Screen.waitFor(c.get(), R.id.result);
            assertNull(Screen.text(c.get(), R.id.fps));
            frames.frame();
            Screen.until("the second", () -> Screen.text(c.get(), R.id.fps) != null);
            assertTrue(Screen.text(c.get(), R.id.fps).matches("[\\d.]+ frames a second"));
        }
    }

    @Test
    public void lightAndOtherCameraAreOfferedWhereTheyAre() {
        grant();
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        try (ActivityController<LiveActivity> c = open()) {
            assertFalse(Screen.shown(c.get(), R.id.torch));
            assertFalse(Screen.shown(c.get(), R.id.switch_camera));
        }
        PictureFrames both = new PictureFrames(app, frames.picture);
        both.light = true;
        both.another = true;
        app.frames = both;
        try (ActivityController<LiveActivity> c = open()) {
            View torch = c.get().findViewById(R.id.torch);
            torch.performClick();
            assertTrue(both.torch() && torch.isActivated());
            assertEquals("Light, on", torch.getContentDescription().toString());
            torch.performClick();
            assertFalse(both.torch() || torch.isActivated());
            assertEquals("Light, off", torch.getContentDescription().toString());
            torch.performClick();
            c.get().findViewById(R.id.switch_camera).performClick();
            assertEquals("front", both.camera());
            assertFalse("another camera begins in the dark", torch.isActivated());
            PictureFrames after = new PictureFrames(app, frames.picture);
            app.frames = after;
            c.recreate().visible();
            assertEquals("the same camera after a rotation", "front", after.camera());
        }
    }

    @Test
    public void theArrowLeavesTheScreen() {
        grant();
        try (ActivityController<LiveActivity> c = open()) {
            c.get().findViewById(R.id.back).performClick();
            assertTrue(c.get().isFinishing());
        }
    }
}

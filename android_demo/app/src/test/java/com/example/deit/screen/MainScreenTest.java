package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.ComponentCallbacks2;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.drawable.BitmapDrawable;
import android.net.Uri;
import android.os.Bundle;
import android.widget.ImageView;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.Pictures;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.classify.Classification;
import com.example.deit.classify.ClassifierException;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.util.concurrent.CountDownLatch;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;

/** What happens to a phone's apps, and the main screen carries on. */
@RunWith(RobolectricTestRunner.class)
public class MainScreenTest {
    private final TestApplication app = TestApplication.get();

    private static Bitmap picture(MainRobot user) {
        ImageView view = user.screen().findViewById(R.id.picture);
        return view.getDrawable() == null ? null : ((BitmapDrawable) view.getDrawable()).getBitmap();
    }

    @Test
    @NeedsEngine
    public void rotationKeepsPictureAndResultAndLoadsNothing() {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            MainActivity before = user.screen();
            Bitmap picture = picture(user);
            Screen.turn(user.controller, "land");
            assertTrue("another screen", before != user.screen());
            assertEquals("5", user.text(R.id.headline));
            assertEquals(5, user.labels().size());
            assertSame(picture, picture(user));
            Screen.settle();
            assertEquals(1, app.opened.get());
        }
    }

    @Test
    public void aResultThatComesAfterTheRotationIsShown() {
        CountDownLatch rotated = new CountDownLatch(1);
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier() {
            @Override
            public Classification classify(Bitmap bitmap, int topK) throws ClassifierException {
                await(rotated);
                return super.classify(bitmap, topK);
            }
        };
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden())) {
            assertEquals("Working…", user.text(R.id.working));
            Screen.turn(user.controller, "land");
            assertEquals("Working…", user.text(R.id.working));
            rotated.countDown();
            user.waitForResult();
            assertEquals("fake", user.text(R.id.headline));
            assertEquals(1, app.opened.get());
        }
    }

    @Test
    public void nothingIsToldToAScreenThatIsGone() {
        CountDownLatch gone = new CountDownLatch(1);
        app.opener = (engine, folder, threads, mode) -> {
            await(gone);
            return new FakeClassifier();
        };
        MainRobot user = MainRobot.launch().pick(TestApplication.golden());
        user.screen().finish();
        user.close();
        gone.countDown();
        Screen.settle();
        assertEquals(null, user.text(R.id.headline));
    }

    @Test
    @NeedsEngine
    public void theBackgroundKeepsTheResult() {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            user.controller.pause().stop();
            app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_UI_HIDDEN);
            user.controller.restart().start().resume();
            Screen.settle();
            assertEquals("5", user.text(R.id.headline));
            assertEquals("left for a moment: still open", 1, app.opened.get());
        }
    }

    @Test
    public void lowMemoryClosesTheEngineAndTheNextPictureOpensIt() {
        for (Runnable trim : new Runnable[] {
            () -> app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND),
            () -> app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_RUNNING_CRITICAL),
            app::onLowMemory
        }) {
            app.opened.set(0);
            FakeClassifier[] last = new FakeClassifier[1];
            app.opener = (engine, folder, threads, mode) -> last[0] = new FakeClassifier();
            try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
                FakeClassifier first = last[0];
                trim.run();
                Screen.settle();
                assertTrue("closed", first.closed);
                assertEquals("the result stays", "fake", user.text(R.id.headline));
                user.pick(TestApplication.golden()).waitForResult();
                assertEquals("fake", user.text(R.id.headline));
                assertEquals(2, app.opened.get());
                app.onLowMemory();
                Screen.settle();
            }
        }
    }

    @Test
    @NeedsEngine
    public void memoryThatIsNotShortYetLeavesTheEngineOpen() {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            app.onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_RUNNING_MODERATE);
            user.pick(TestApplication.golden()).waitForResult();
            assertEquals(1, app.opened.get());
        }
    }

    @Test
    @NeedsEngine
    public void afterTheProcessEndedThePictureIsClassifiedAgain() {
        Bundle saved = new Bundle();
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            user.controller.saveInstanceState(saved);
        }
        try (ActivityController<MainActivity> again = Robolectric.buildActivity(MainActivity.class)) {
            again.create(saved).start().restoreInstanceState(saved).resume().visible();
            Screen.waitFor(again.get(), R.id.result);
            assertEquals("5", Screen.text(again.get(), R.id.headline));
        }
    }

    @Test
    @NeedsEngine
    public void aSecondPictureTakesThePlaceOfTheFirst() throws Exception {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            Bitmap first = picture(user);
            user.pick(Pictures.plain(app.getCacheDir(), 300, 200));
            assertFalse("the old result goes with the old picture", Screen.shown(user.screen(), R.id.result));
            user.waitForResult();
            assertTrue(first != picture(user));
            assertEquals(300, picture(user).getWidth());
        }
    }

    @Test
    @NeedsEngine
    public void aPictureThatCannotBeReadIsSaidSo() throws Exception {
        java.io.File broken = new java.io.File(app.getCacheDir(), "broken.jpg");
        TestApplication.replace(broken, "no picture");
        try (MainRobot user = MainRobot.launch().pick(broken).waitForProblem()) {
            assertEquals("The picture cannot be read. Choose another one.", user.text(R.id.problem_sentence));
            assertNull(user.text(R.id.problem_remedy));
            user.pick(TestApplication.golden()).waitForResult();
            assertEquals("5", user.text(R.id.headline));
            assertNull(user.text(R.id.problem_sentence));
        }
    }

    @Test
    public void outOfMemoryIsSaidSoAndCanBeTriedAgain() {
        boolean[] enough = new boolean[1];
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier() {
            @Override
            public Classification classify(Bitmap bitmap, int topK) throws ClassifierException {
                if (!enough[0]) throw new OutOfMemoryError();
                return super.classify(bitmap, topK);
            }
        };
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForProblem()) {
            assertTrue(user.text(R.id.problem_sentence).startsWith("There is not enough memory."));
            enough[0] = true;
            assertEquals("Try again", user.text(R.id.problem_remedy));
            user.screen().findViewById(R.id.problem_remedy).performClick();
            user.waitForResult();
            assertEquals("fake", user.text(R.id.headline));
        }
    }

    @Test
    public void memoryThatIsShortWhileThePictureIsReadIsTriedAgainToo() {
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        Uri uri = Uri.parse("content://gallery/large.png");
        boolean[] enough = new boolean[1];
        shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, () -> {
            if (!enough[0]) throw new OutOfMemoryError();
            try {
                return new FileInputStream(TestApplication.golden());
            } catch (FileNotFoundException e) {
                throw new AssertionError(e);
            }
        });
        Intent share = new Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, uri);
        for (boolean byButton : new boolean[] {true, false}) {
            enough[0] = false;
            try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class, share).setup()) {
                Screen.waitFor(c.get(), R.id.problem);
                assertTrue(Screen.text(c.get(), R.id.problem_sentence).startsWith("There is not enough memory."));
                enough[0] = true;
                if (byButton) c.get().findViewById(R.id.problem_remedy).performClick();
                else c.pause().stop().restart().start().resume();
                Screen.waitFor(c.get(), R.id.result);
                assertTrue(Screen.shown(c.get(), R.id.picture));
            }
        }
    }

    static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}

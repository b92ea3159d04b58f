package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.content.pm.PackageManager;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.camera.PictureFrames;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadows.ShadowActivity;

/** The live screen and the permission it cannot be without: granted, denied, denied for ever. */
@RunWith(RobolectricTestRunner.class)
public class LivePermissionTest {
    private final TestApplication app = TestApplication.get();
    private final PictureFrames frames = new PictureFrames(app, null);

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

    private static ShadowActivity.PermissionsRequest asked(LiveActivity screen) {
        return shadowOf(screen).getLastRequestedPermission();
    }

    private static void answer(LiveActivity screen, int... results) {
        screen.onRequestPermissionsResult(asked(screen).requestCode, asked(screen).requestedPermissions, results);
    }

    @Test
    public void thePermissionIsAskedForHereAndNotBefore() {
        try (ActivityController<LiveActivity> c = open()) {
            assertEquals(Manifest.permission.CAMERA, asked(c.get()).requestedPermissions[0]);
            assertNull("no camera yet", frames.listener);
            grant();
            answer(c.get(), PackageManager.PERMISSION_GRANTED);
            assertNotNull(frames.listener);
        }
    }

    @Test
    public void deniedOnceItSaysWhyAndAsksAgainOnDemand() {
        shadowOf(app.getPackageManager()).setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, true);
        try (ActivityController<LiveActivity> c = open()) {
            answer(c.get(), PackageManager.PERMISSION_DENIED);
            assertTrue(Screen.text(c.get(), R.id.problem_sentence).startsWith("Without the camera permission"));
            c.pause().stop().restart().start().resume();
            assertTrue("not asked again by itself", Screen.shown(c.get(), R.id.problem));
            PictureFrames later = new PictureFrames(app, null);
            app.frames = later;
            c.recreate().visible();
            assertTrue("nor after a rotation", Screen.shown(c.get(), R.id.problem));
            c.get().findViewById(R.id.problem_remedy).performClick();
            grant();
            answer(c.get(), PackageManager.PERMISSION_GRANTED);
            assertFalse(Screen.shown(c.get(), R.id.problem));
            assertNotNull(later.listener);
        }
    }

    @Test
    public void aFirstQuestionThatWasLeftIsNotForEver() {
        try (ActivityController<LiveActivity> c = open()) {
            answer(c.get(), PackageManager.PERMISSION_DENIED);
            assertTrue(Screen.text(c.get(), R.id.problem_sentence).startsWith("Without the camera permission"));
            assertEquals("Try again", Screen.text(c.get(), R.id.problem_remedy));
        }
    }

    @Test
    public void deniedForEverItShowsTheWayAndBeginsOnceGranted() {
        try (ActivityController<LiveActivity> c = open()) {
            answer(c.get(), PackageManager.PERMISSION_DENIED);
            c.get().findViewById(R.id.problem_remedy).performClick();
            answer(c.get(), PackageManager.PERMISSION_DENIED);
            assertTrue(Screen.text(c.get(), R.id.problem_sentence).contains("may not ask again"));
            assertEquals("Permissions", Screen.text(c.get(), R.id.problem_remedy));
            c.get().findViewById(R.id.problem_remedy).performClick();
            assertEquals(
                    android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS,
                    shadowOf(c.get()).getNextStartedActivity().getAction());
            c.pause().stop();
            grant();
            c.restart().start().resume();
            assertFalse(Screen.shown(c.get(), R.id.problem));
            assertNotNull(frames.listener);
        }
    }

    @Test
    public void aQuestionThatWasInterruptedIsNoAnswer() {
        try (ActivityController<LiveActivity> c = open()) {
            answer(c.get());
            assertFalse(Screen.shown(c.get(), R.id.problem));
        }
    }
}

package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.content.ContentResolver;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.database.Cursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.MediaStore;
import com.example.deit.NeedsEngine;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.picture.PictureProvider;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadows.ShadowActivity;

/** Taking a picture: the permission, the camera app, the file it writes to. */
@RunWith(RobolectricTestRunner.class)
public class TakePictureTest {
    private final TestApplication app = TestApplication.get();
    private final ContentResolver resolver = app.getContentResolver();

    private static void answer(Activity screen, int result) {
        ShadowActivity.PermissionsRequest asked = shadowOf(screen).getLastRequestedPermission();
        assertEquals(Manifest.permission.CAMERA, asked.requestedPermissions[0]);
        assertEquals(1, asked.requestedPermissions.length);
        if (result == PackageManager.PERMISSION_GRANTED) {
            shadowOf(TestApplication.get()).grantPermissions(Manifest.permission.CAMERA);
        }
        screen.onRequestPermissionsResult(asked.requestCode, asked.requestedPermissions, new int[] {result});
    }

    /** What the camera app is asked; the question for the permission is an intent, too. */
    private static Intent asked(Activity screen) {
        while (true) {
            Intent intent = shadowOf(screen).getNextStartedActivityForResult().intent;
            if (MediaStore.ACTION_IMAGE_CAPTURE.equals(intent.getAction())) return intent;
        }
    }

    private void write(Uri uri, byte[] bytes) throws IOException {
        // Not by openOutputStream: what closes it is Android's own, and not for the JVM's file descriptors.
        ParcelFileDescriptor file = resolver.openFileDescriptor(uri, "w");
        try (OutputStream out = new FileOutputStream(file.getFileDescriptor())) {
            out.write(bytes);
        }
    }

    @Test
    @NeedsEngine
    public void thePictureTakenIsClassified() throws Exception {
        try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity screen = c.get();
            assertNull("no permission before it is needed", shadowOf(screen).getLastRequestedPermission());
            screen.findViewById(R.id.take).performClick();
            answer(screen, PackageManager.PERMISSION_GRANTED);

            Intent asked = asked(screen);
            assertTrue((asked.getFlags() & Intent.FLAG_GRANT_WRITE_URI_PERMISSION) != 0);
            Uri uri = asked.getClipData().getItemAt(0).getUri();
            // The camera app writes through our provider.
            write(uri, Files.readAllBytes(TestApplication.golden().toPath()));
            shadowOf(screen).receiveResult(asked, Activity.RESULT_OK, null);
            Screen.waitFor(screen, R.id.result);
            assertEquals("5", Screen.text(screen, R.id.headline));
        }
    }

    @Test
    @NeedsEngine
    public void leavingTheCameraAppChangesNothing() {
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class).setup()) {
            c.get().findViewById(R.id.take).performClick();
            Intent asked = asked(c.get());
            shadowOf(c.get()).receiveResult(asked, Activity.RESULT_CANCELED, null);
            Screen.settle();
            assertTrue(Screen.shown(c.get(), R.id.empty));
        }
    }

    @Test
    public void deniedOnceItCanBeAskedAgain() {
        try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity screen = c.get();
            shadowOf(screen.getPackageManager())
                    .setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, true);
            screen.findViewById(R.id.take).performClick();
            answer(screen, PackageManager.PERMISSION_DENIED);
            assertTrue(Screen.text(screen, R.id.problem_sentence).startsWith("Without the camera permission"));
            assertEquals("Try again", Screen.text(screen, R.id.problem_remedy));
            screen.findViewById(R.id.problem_remedy).performClick();
            answer(screen, PackageManager.PERMISSION_GRANTED);
            assertNotNull(asked(screen));
        }
    }

    @Test
    public void deniedForEverTheWayToTheSystemsPageIsShown() {
        try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class).setup()) {
            MainActivity screen = c.get();
            screen.findViewById(R.id.take).performClick();
            answer(screen, PackageManager.PERMISSION_DENIED);
            screen.findViewById(R.id.problem_remedy).performClick();
            answer(screen, PackageManager.PERMISSION_DENIED);
            assertTrue(Screen.text(screen, R.id.problem_sentence).contains("may not ask again"));
            screen.findViewById(R.id.problem_remedy).performClick();
            Intent page = shadowOf(screen).getNextStartedActivity();
            assertEquals(android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS, page.getAction());
            assertEquals("package:com.example.deit", page.getDataString());
        }
    }

    @Test
    public void withoutAnAppForItTheScreenSaysSo() {
        shadowOf(app).checkActivities(true);
        shadowOf(app).grantPermissions(Manifest.permission.CAMERA);
        try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class).setup()) {
            Screen.settle();
            c.get().findViewById(R.id.take).performClick();
            String sentence = Screen.text(c.get(), R.id.problem_sentence);
            assertTrue(sentence, sentence.startsWith("No app on this device can take pictures"));
            c.get().findViewById(R.id.pick).performClick();
            assertEquals(
                    "No app on this device can choose pictures.", Screen.text(c.get(), R.id.problem_sentence));
        }
    }

    @Test
    public void theProviderGivesNothingElse() {
        Uri ours = PictureProvider.uri(app);
        for (String path : new String[] {"other.jpg", "taken.jpg/x", "../databases/x", "..%2Fsettings.xml", ""}) {
            Uri other = Uri.parse("content://" + ours.getAuthority() + "/" + path);
            assertThrows(path, FileNotFoundException.class, () -> resolver.openFileDescriptor(other, "r"));
        }
    }

    @Test
    public void theProviderTellsNameAndSize() throws Exception {
        Uri uri = PictureProvider.uri(app);
        write(uri, new byte[7]);
        try (Cursor cursor = resolver.query(uri, null, null, null, null)) {
            assertTrue(cursor.moveToFirst());
            assertEquals("taken.jpg", cursor.getString(0));
            assertEquals(7, cursor.getLong(1));
        }
        assertEquals("image/jpeg", resolver.getType(uri));
    }
}

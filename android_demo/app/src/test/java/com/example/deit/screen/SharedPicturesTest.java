package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Activity;
import android.content.ClipData;
import android.content.ComponentName;
import android.content.Intent;
import android.content.IntentFilter;
import android.graphics.Rect;
import android.net.Uri;
import android.provider.MediaStore;
import android.view.Menu;
import android.widget.Toolbar;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.Pictures;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;

/** Pictures from the photo picker and from other apps, and results for them. */
@RunWith(RobolectricTestRunner.class)
public class SharedPicturesTest {
    private final TestApplication app = TestApplication.get();

    private static Intent send(Uri uri) {
        return new Intent(Intent.ACTION_SEND).setType("image/png").putExtra(Intent.EXTRA_STREAM, uri);
    }

    private static ActivityController<MainActivity> open(Intent intent) {
        return Robolectric.buildActivity(MainActivity.class, intent).setup();
    }

    private ArrayList<Uri> two() throws Exception {
        ArrayList<Uri> uris = new ArrayList<>();
        uris.add(MainRobot.gallery(TestApplication.golden()));
        uris.add(MainRobot.gallery(Pictures.plain(app.getCacheDir(), 300, 200)));
        return uris;
    }

    private static List<Uri> list(Activity screen) {
        Intent started = shadowOf(screen).getNextStartedActivity();
        assertEquals(SeveralActivity.class.getName(), started.getComponent().getClassName());
        // To grant what one may not read oneself is a SecurityException; the app's own screens need no grant.
        assertEquals(0, started.getFlags() & Intent.FLAG_GRANT_READ_URI_PERMISSION);
        return Incoming.of(started);
    }

    @Test
    @NeedsEngine
    public void aSharedPictureIsClassified() {
        try (ActivityController<MainActivity> c = open(send(MainRobot.gallery(TestApplication.golden())))) {
            Screen.waitFor(c.get(), R.id.result);
            assertEquals("5", Screen.text(c.get(), R.id.headline));
            // It is not classified again each time the screen is made anew.
            Screen.turn(c, "land");
            assertEquals("5", Screen.text(c.get(), R.id.headline));
        }
    }

    @Test
    @NeedsEngine
    public void oneThatIsSharedWhileTheScreenIsThereTakesThePlaceOfTheOther() throws Exception {
        Uri plain = MainRobot.gallery(Pictures.plain(app.getCacheDir(), 300, 200));
        try (ActivityController<MainActivity> c = open(send(plain))) {
            Screen.waitFor(c.get(), R.id.result);
            c.newIntent(send(MainRobot.gallery(TestApplication.golden())));
            Screen.until("the other", () -> "5".equals(Screen.text(c.get(), R.id.headline)));
        }
    }

    @Test
    public void severalSharedPicturesBecomeAList() throws Exception {
        ArrayList<Uri> uris = two();
        Intent intent = new Intent(Intent.ACTION_SEND_MULTIPLE).setType("image/*");
        intent.putParcelableArrayListExtra(Intent.EXTRA_STREAM, uris);
        try (ActivityController<MainActivity> c = open(intent)) {
            assertEquals(uris, list(c.get()));
        }
    }

    @Test
    public void aShareWithoutAPictureIsSaidSo() {
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        Intent[] empty = {
            new Intent(Intent.ACTION_SEND).setType("image/*"),
            // Not by our own right: what other apps share comes by content providers.
            send(Uri.fromFile(new File(app.getDataDir(), "shared_prefs/settings.xml"))),
            // Of a type that it should not have.
            new Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, new Rect()),
            new Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, "content://gallery/a.png"),
            new Intent(Intent.ACTION_SEND_MULTIPLE).putStringArrayListExtra(
                    Intent.EXTRA_STREAM, new ArrayList<>(List.of("a.png", "b.png"))),
            new Intent(Intent.ACTION_SEND_MULTIPLE).putExtra(Intent.EXTRA_STREAM, new Rect()),
        };
        for (Intent intent : empty) {
            try (ActivityController<MainActivity> c = open(intent)) {
                assertEquals(
                        "What was shared holds no picture. Share a picture, or choose one here.",
                        Screen.text(c.get(), R.id.problem_sentence));
                assertFalse(Screen.shown(c.get(), R.id.picture));
            }
        }
    }

    @Test
    public void whileTheScreenIsThereItIsSaidAtOnce() {
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        try (ActivityController<MainActivity> c = open(new Intent())) {
            Screen.settle();
            c.newIntent(new Intent(Intent.ACTION_SEND).setType("image/*"));
            assertTrue(Screen.text(c.get(), R.id.problem_sentence).startsWith("What was shared holds no picture."));
            // Or as soon as it is there again.
            c.pause().stop();
            c.newIntent(new Intent(Intent.ACTION_SEND).setType("image/*"));
            c.restart().start().resume();
            assertTrue(Screen.text(c.get(), R.id.problem_sentence).startsWith("What was shared holds no picture."));
        }
    }

    @Test
    public void theSystemsPhotoPickerIsAsked() {
        try (MainRobot user = MainRobot.launch()) {
            user.screen().findViewById(R.id.pick).performClick();
            Intent asked = shadowOf(user.screen()).getNextStartedActivityForResult().intent;
            assertEquals(MediaStore.ACTION_PICK_IMAGES, asked.getAction());
            assertEquals("image/*", asked.getType());
            assertTrue(asked.getIntExtra(MediaStore.EXTRA_PICK_IMAGES_MAX, 0) > 1);
        }
    }

    @Test
    public void whereThereIsNoneDocumentsAreAsked() {
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier();
        shadowOf(app).checkActivities(true);
        ComponentName files = new ComponentName("files", "files.Documents");
        shadowOf(app.getPackageManager()).addActivityIfNotPresent(files);
        IntentFilter filter = new IntentFilter(Intent.ACTION_OPEN_DOCUMENT);
        filter.addCategory(Intent.CATEGORY_DEFAULT);
        filter.addCategory(Intent.CATEGORY_OPENABLE);
        try {
            filter.addDataType("image/*");
            shadowOf(app.getPackageManager()).addIntentFilterForActivity(files, filter);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
        try (MainRobot user = MainRobot.launch()) {
            user.screen().findViewById(R.id.pick).performClick();
            assertNull(user.text(R.id.problem_sentence));
            Intent asked = shadowOf(user.screen()).getNextStartedActivityForResult().intent;
            assertEquals(Intent.ACTION_OPEN_DOCUMENT, asked.getAction());
            assertEquals("image/*", asked.getType());
            assertTrue(asked.hasCategory(Intent.CATEGORY_OPENABLE));
            assertTrue(asked.getBooleanExtra(Intent.EXTRA_ALLOW_MULTIPLE, false));
        }
    }

    @Test
    public void severalChosenPicturesBecomeAList() throws Exception {
        ArrayList<Uri> uris = two();
        try (MainRobot user = MainRobot.launch()) {
            user.screen().findViewById(R.id.pick).performClick();
            Intent asked = shadowOf(user.screen()).getNextStartedActivityForResult().intent;
            ClipData clip = ClipData.newRawUri(null, uris.get(0));
            clip.addItem(new ClipData.Item(uris.get(1)));
            Intent answer = new Intent();
            answer.setClipData(clip);
            shadowOf(user.screen()).receiveResult(asked, Activity.RESULT_OK, answer);
            // Behind the question of the picker.
            assertEquals(uris, list(user.screen()));
        }
    }

    @Test
    @NeedsEngine
    public void aResultIsSharedAsText() {
        try (MainRobot user = MainRobot.launch()) {
            Menu menu = user.screen().<Toolbar>findViewById(R.id.app_bar).getMenu();
            user.controller.visible();
            assertFalse("nothing to share yet", menu.findItem(R.id.share_result).isVisible());
            user.pick(TestApplication.golden()).waitForResult();
            user.controller.visible();
            assertTrue(menu.findItem(R.id.share_result).isVisible());
            assertTrue(user.screen().onOptionsItemSelected(menu.findItem(R.id.share_result)));
            Intent chooser = shadowOf(user.screen()).getNextStartedActivity();
            while (!Intent.ACTION_CHOOSER.equals(chooser.getAction())) {
                chooser = shadowOf(user.screen()).getNextStartedActivity(); // the picker came before
            }
            Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT, Intent.class);
            assertEquals(Intent.ACTION_SEND, send.getAction());
            String text = send.getStringExtra(Intent.EXTRA_TEXT);
            String bundle = TestApplication.bundle("int8").getName();
            assertTrue(text, text.matches("(?s)5  89\\.\\d%\n6  \\d\\.\\d%\n.*\n" + bundle + ", \\d+ ms, by DeiT demo"));
        }
    }
}

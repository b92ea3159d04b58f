package com.example.deit.bundle;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import android.content.SharedPreferences;
import com.example.deit.TestApplication;
import com.example.deit.bundle.BundleException.Reason;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** A bundle's files against the manifest's SHA-256, each read once. */
@RunWith(RobolectricTestRunner.class)
public class FileDigestsTest {
    private static final long LONG_AGO = 1_000_000_000_000L;

    private final TestApplication app = TestApplication.get();
    private final SharedPreferences notes = app.getSharedPreferences("test", Context.MODE_PRIVATE);
    private final FileDigests digests = new FileDigests(notes);

    private ModelBundle pushed() {
        return app.bundles().list().stream().filter(b -> b.origin == ModelBundle.Origin.PUSHED).findFirst().get();
    }

    /** A pushed bundle of files of its own, as old as those of a phone are. */
    private File push() throws IOException {
        File folder = app.push("int8");
        for (File link : folder.listFiles()) {
            File copy = new File(folder, link.getName() + ".copy");
            Files.copy(link.toPath(), copy.toPath());
            Files.move(copy.toPath(), link.toPath(), StandardCopyOption.REPLACE_EXISTING);
            assertTrue(link.setLastModified(LONG_AGO));
        }
        return folder;
    }

    private static void flip(File file) throws IOException {
        byte[] bytes = Files.readAllBytes(file.toPath());
        bytes[bytes.length / 2] ^= 1;
        Files.write(file.toPath(), bytes);
    }

    @Test
    public void oneFlippedBitOfAnyFileIsNamed() throws Exception {
        File folder = push();
        digests.check(pushed());
        for (String name : new String[] {BundleFiles.network(), BundleFiles.LABELS, BundleFiles.GOLDEN}) {
            flip(new File(folder, name));
            BundleException e = assertThrows(BundleException.class, () -> digests.check(pushed()));
            assertEquals(Reason.DAMAGED, e.reason);
            assertEquals(name, e.argument);
            flip(new File(folder, name));
            digests.check(pushed());
        }
    }

    @Test
    public void labelsOfAnotherBundleOfAsManyBytesAreSeen() throws Exception {
        File labels = new File(push(), BundleFiles.LABELS);
        StringBuilder other = new StringBuilder(TestApplication.text(labels).trim()).reverse();
        Files.write(labels.toPath(), (other + "\n").getBytes(StandardCharsets.UTF_8));
        assertTrue(pushed().usable());
        BundleException e = assertThrows(BundleException.class, () -> digests.check(pushed()));
        assertEquals(Reason.DAMAGED, e.reason);
    }

    @Test
    public void aFileOfThisMomentIsReadAgainAndAnOldOneIsNot() throws Exception {
        File network = new File(push(), BundleFiles.network());
        ModelBundle bundle = pushed();
        // It may be written again in the same second, unseen.
        assertTrue(network.setLastModified(System.currentTimeMillis()));
        digests.check(bundle);
        assertFalse(notes.getAll().containsKey(network.getPath()));
        long end = System.currentTimeMillis() + 60_000;
        while (!notes.getAll().containsKey(network.getPath())) {
            assertTrue("never remembered", System.currentTimeMillis() < end);
            Thread.sleep(100);
            digests.check(bundle);
        }
        // What is remembered is believed, so the file is not read again.
        String known = notes.getString(network.getPath(), null);
        notes.edit().putString(network.getPath(), known.replaceFirst("[0-9a-f]{64}$", "0".repeat(64))).commit();
        assertThrows(BundleException.class, () -> digests.check(bundle));
        // Another size or time: it is read.
        assertTrue(network.setLastModified(LONG_AGO + 5000));
        digests.check(bundle);
    }

    @Test
    public void anOlderBundleWithoutDigestsIsUsed() throws Exception {
        File folder = push();
        File manifest = new File(folder, BundleManifest.FILE);
        JSONObject document = new JSONObject(TestApplication.text(manifest));
        JSONObject files = document.getJSONObject("files");
        for (int i = 0; i < files.names().length(); i++) {
            files.getJSONObject(files.names().getString(i)).remove("sha256");
        }
        TestApplication.replace(manifest, document.toString());
        flip(new File(folder, BundleFiles.GOLDEN));
        digests.check(pushed());
        assertFalse(pushed().manifest.knowsDigests());
    }
}

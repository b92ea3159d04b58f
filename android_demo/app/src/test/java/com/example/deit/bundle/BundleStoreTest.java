package com.example.deit.bundle;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.os.Build;
import com.example.deit.Processors;
import com.example.deit.TestApplication;
import com.example.deit.bundle.BundleException.Reason;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import org.json.JSONObject;
import org.junit.Rule;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.util.ReflectionHelpers;

/** What bundles there are: those in the app, which are unpacked once, and those pushed. */
@RunWith(RobolectricTestRunner.class)
public class BundleStoreTest {
    @Rule public final Processors processors = new Processors();

    private final TestApplication app = TestApplication.get();
    private final BundleStore store = app.bundles();
    private final String name = inTheApp();
    private final File copy = new File(app.getNoBackupFilesDir(), "bundles/" + name);

    /** The bundle that the build put into the app; Robolectric lists what is in its folder. */
    private String inTheApp() {
        try {
            return app.getAssets().list("bundles")[0].split("/")[0];
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private byte[] asset(String file) throws IOException {
        try (InputStream in = app.getAssets().open("bundles/" + name + "/" + file)) {
            return in.readAllBytes();
        }
    }

    private ModelBundle pushed() {
        return store.list().stream().filter(b -> b.origin == ModelBundle.Origin.PUSHED).findFirst().get();
    }

    private Reason reason() {
        return pushed().problem.reason;
    }

    private static String changed(File manifest, String from, String to) throws Exception {
        String text = TestApplication.text(manifest);
        assertTrue(from, text.contains(from));
        return text.replace(from, to);
    }

    @Test
    public void theBundleInTheAppIsUnpackedWholeAndOnce() throws Exception {
        ModelBundle bundle = store.choose(null);
        assertEquals(ModelBundle.Origin.ASSETS, bundle.origin);
        assertEquals(copy, bundle.folder);
        JSONObject manifest = new JSONObject(new String(asset("manifest.json"), StandardCharsets.UTF_8));
        assertEquals(manifest.getString("precision"), bundle.manifest.precision);
        assertEquals(manifest.getJSONObject("input").getInt("resize_short"), bundle.manifest.resizeShort);
        File network = new File(copy, BundleFiles.network());
        assertArrayEquals(asset(BundleFiles.network()), Files.readAllBytes(network.toPath()));
        assertTrue(network.setLastModified(1_000_000_000_000L));
        store.list();
        assertEquals("not written again", 1_000_000_000_000L, network.lastModified());
    }

    @Test
    public void oneThatThisDeviceCannotRunIsNotUnpackedAgain() throws Exception {
        store.list();
        File network = new File(copy, BundleFiles.network());
        assertTrue(network.setLastModified(1_000_000_000_000L));
        ReflectionHelpers.setStaticField(Build.class, "SUPPORTED_ABIS", new String[] {"x86_64", "x86"});
        assertEquals(Reason.OTHER_TARGET, store.list().get(0).problem.reason);
        assertEquals("not written again", 1_000_000_000_000L, network.lastModified());
    }

    @Test
    public void aCopyThatWasCutShortIsMadeAgain() throws Exception {
        store.list();
        TestApplication.replace(new File(copy, BundleFiles.network()), "the first half");
        assertTrue(store.choose(null).usable());
        assertTrue(new File(copy, BundleFiles.network()).length() > 1 << 20);
    }

    @Test
    public void anUpdateOfTheAppReplacesTheCopyAndWhatItNoLongerBrings() throws Exception {
        store.list();
        TestApplication.replace(new File(copy, "manifest.json"), "{}");
        File old = new File(copy.getParentFile(), "an-older-bundle");
        File half = new File(copy.getParentFile(), ".tmp-" + name);
        assertTrue(old.mkdirs() && half.mkdirs());
        assertEquals(1, store.list().size());
        assertTrue(store.choose(null).usable());
        assertFalse(old.exists());
        assertFalse(half.exists());
    }

    @Test
    public void aCopyThatCannotBeWrittenIsSaidSo() throws Exception {
        File file = new File(app.getCacheDir(), "no-folder");
        TestApplication.replace(file, "");
        BundleStore full = new BundleStore(app.getAssets(), "bundles", new File(file, "bundles"), null);
        BundleException e = assertThrows(BundleException.class, () -> full.choose(null));
        assertEquals(Reason.NOT_UNPACKED, e.reason);
        assertEquals(name, e.argument);
    }

    @Test
    public void aPushedBundleIsUsedWhereItLiesAndBeforeTheOneInTheApp() throws Exception {
        File folder = app.push("fp32");
        ModelBundle bundle = store.choose(null);
        assertEquals(folder, bundle.folder);
        assertEquals("pushed/" + folder.getName(), bundle.key());
        assertEquals("assets/" + name, store.choose("assets/" + name).key());
    }

    @Test
    public void aBrokenOneIsListedAndTheNextIsUsed() throws Exception {
        TestApplication.replace(new File(app.push("int8"), "labels.txt"), "");
        List<ModelBundle> all = store.list();
        assertEquals(2, all.size());
        assertFalse(all.get(0).usable());
        assertNull(all.get(0).manifest);
        assertEquals(ModelBundle.Origin.ASSETS, store.choose(null).origin);
    }

    @Test
    public void withoutAManifestItsCopyHasNotEnded() throws Exception {
        Files.delete(new File(app.push("int8"), "manifest.json").toPath());
        assertEquals(Reason.NO_MANIFEST, reason());
    }

    @Test
    public void aManifestThatIsNoneIsSaidSo() throws Exception {
        File manifest = new File(app.push("int8"), "manifest.json");
        String whole = TestApplication.text(manifest);
        for (String text : List.of("", "{", "[]", "{}", whole.substring(0, whole.length() / 2),
                whole.replace("\"schema\": 1", "\"schema\": 2"), whole.replace("\"precision\"", "\"p\""),
                whole.replace("\"bicubic\"", "\"nearest\""))) {
            TestApplication.replace(manifest, text);
            assertEquals(text, Reason.BAD_MANIFEST, reason());
        }
    }

    @Test
    public void aFileThatIsMissingOrHalfCopiedIsNamed() throws Exception {
        File network = new File(app.push("int8"), BundleFiles.network());
        TestApplication.replace(network, "the first half");
        assertEquals(Reason.HALF_COPIED, reason());
        assertEquals(BundleFiles.network(), pushed().problem.argument);
        Files.delete(network.toPath());
        assertEquals(Reason.NO_FILE, reason());
        assertEquals(BundleFiles.network(), pushed().problem.argument);
    }

    @Test
    public void aBundleForAnotherProcessorIsSaidSo() throws Exception {
        File manifest = new File(app.push("int8"), "manifest.json");
        ReflectionHelpers.setStaticField(Build.class, "SUPPORTED_ABIS", new String[] {"x86_64", "x86"});
        assertEquals(Reason.OTHER_TARGET, reason());
        assertEquals("arm", pushed().problem.argument);
        TestApplication.replace(manifest, changed(manifest, "\"target\": \"arm\"", "\"target\": \"x86\"")
                .replaceFirst("\"target\": \"arm\"", "\"target\": \"x86\""));
        assertTrue(pushed().usable());
        ReflectionHelpers.setStaticField(Build.class, "SUPPORTED_ABIS", new String[] {"arm64-v8a"});
        assertEquals(Reason.OTHER_TARGET, reason());
    }

    @Test
    public void aBundleInHalfPrecisionNeedsCoresThatAllHaveIt() throws Exception {
        app.pushHalf("int8");
        processors.are(Processors.A55, Processors.A55);
        assertTrue(pushed().usable());
        assertTrue(pushed().manifest.armFp16);
        processors.are(Processors.A55, Processors.A53);
        assertEquals(Reason.NO_FP16, reason());
        assertTrue("the one in the app is used", store.choose(null).origin == ModelBundle.Origin.ASSETS);
        BundleException refused = assertThrows(BundleException.class, () -> store.choose(pushed().key()));
        assertEquals(Reason.NO_FP16, refused.reason);
        // A kernel that does not tell, as that of a computer: opening it will.
        processors.are();
        assertTrue(pushed().usable());
    }

    @Test
    public void otherBundlesNeedNone() throws Exception {
        app.push("int8");
        processors.are(Processors.A53);
        assertTrue(pushed().usable());
        assertFalse(pushed().manifest.armFp16);
    }

    @Test
    public void withoutDriftTheManifestSaysSo() throws Exception {
        File manifest = new File(app.push("int8"), "manifest.json");
        JSONObject without = new JSONObject(TestApplication.text(manifest)).put("drift", JSONObject.NULL);
        TestApplication.replace(manifest, without.toString(1));
        assertNull(pushed().manifest.cosineMean);
        assertNull(pushed().manifest.top1Agreement);
    }

    @Test
    public void withoutStorageThereAreTheAppsOwn() throws Exception {
        BundleStore alone = new BundleStore(app.getAssets(), "bundles", copy.getParentFile(), null);
        assertTrue(alone.choose(null).usable());
        BundleStore none = new BundleStore(app.getAssets(), "no-bundles", copy.getParentFile(), null);
        BundleException e = assertThrows(BundleException.class, () -> none.choose(null));
        assertEquals(Reason.NONE, e.reason);
        assertNull(e.argument);
    }
}

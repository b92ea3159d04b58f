package com.example.deit.engine;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.Context;
import android.content.SharedPreferences;
import com.example.deit.TestApplication;
import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.BundleException.Reason;
import com.example.deit.bundle.BundleManifest;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.classify.ClassifierException;
import java.io.File;
import java.util.HashMap;
import java.util.Map;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** The bundle with which the app ended is not opened again by itself. */
@RunWith(RobolectricTestRunner.class)
public class CrashGuardTest {
    private final TestApplication app = TestApplication.get();
    private final SharedPreferences notes = app.getSharedPreferences("test", Context.MODE_PRIVATE);

    private ModelBundle pushed() {
        return app.bundles().list().stream().filter(b -> b.origin == ModelBundle.Origin.PUSHED).findFirst().get();
    }

    /** Ends the process in the middle of it, as far as the disk knows. */
    private void crash(ModelBundle bundle) throws Exception {
        Map<String, String> onDisk = new HashMap<>();
        new CrashGuard(notes).guard(bundle, () -> {
            notes.getAll().forEach((key, value) -> onDisk.put(key, value.toString()));
            return null;
        });
        assertTrue(onDisk.get("at_work"), onDisk.get("at_work").endsWith(bundle.key()));
        notes.edit().putString("at_work", onDisk.get("at_work")).commit();
    }

    @Test
    public void theNextStartRefusesItUntilItIsChosenAgain() throws Exception {
        app.push("int8");
        ModelBundle bundle = pushed();
        crash(bundle);
        CrashGuard next = new CrashGuard(notes);
        assertTrue(next.refuses(bundle));
        BundleException e = assertThrows(BundleException.class, () -> next.check(bundle));
        assertEquals(Reason.CRASHED, e.reason);
        assertEquals(bundle.name(), e.argument);
        // And the one after it.
        CrashGuard later = new CrashGuard(notes);
        assertTrue(later.refuses(bundle));
        later.forgive("pushed/another");
        assertTrue(later.refuses(bundle));
        later.forgive(bundle.key());
        later.check(bundle);
        assertFalse(new CrashGuard(notes).refuses(bundle));
    }

    @Test
    public void anotherBundlePushedOverItIsTried() throws Exception {
        File folder = app.push("int8");
        crash(pushed());
        File manifest = new File(folder, BundleManifest.FILE);
        TestApplication.replace(manifest, TestApplication.text(manifest));
        assertTrue(manifest.setLastModified(1_000_000_000_000L));
        new CrashGuard(notes).check(pushed());
    }

    @Test
    public void whatEndsByItselfLeavesNoNote() throws Exception {
        app.push("int8");
        ModelBundle bundle = pushed();
        CrashGuard guard = new CrashGuard(notes);
        assertEquals("done", guard.guard(bundle, () -> "done"));
        assertThrows(
                ClassifierException.class,
                () -> guard.guard(bundle, () -> {
                    throw new ClassifierException(ClassifierException.Code.MODEL, "is damaged");
                }));
        assertThrows(
                OutOfMemoryError.class,
                () -> guard.guard(bundle, () -> {
                    throw new OutOfMemoryError();
                }));
        assertTrue(notes.getAll().isEmpty());
        new CrashGuard(notes).check(bundle);
    }
}

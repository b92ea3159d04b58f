package com.example.deit.engine;

import android.annotation.SuppressLint;
import android.content.SharedPreferences;
import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.BundleException.Reason;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.classify.ClassifierException;
import java.util.HashSet;
import java.util.Set;

/**
 * Keeps the app from crashing again and again: the engine ends the whole process on a network that it cannot bear, and
 * the next start would open the same one. A bundle is noted on the disk before it is opened and before its first run,
 * and the note is taken away after each. One that is still there when the app starts is of a bundle with which it
 * ended; that one is refused until the user chooses it again or another is pushed over it.
 */
@SuppressLint("ApplySharedPref")
public final class CrashGuard {
    private static final String AT_WORK = "at_work";
    private static final String REFUSED = "refused";

    /** What may end the process. */
    interface Risk<T> {
        T run() throws ClassifierException;
    }

    private final SharedPreferences notes;

    public CrashGuard(SharedPreferences notes) {
        this.notes = notes;
        String left = notes.getString(AT_WORK, null);
        if (left == null) return;
        Set<String> refused = refused();
        refused.add(left);
        notes.edit().remove(AT_WORK).putStringSet(REFUSED, refused).commit();
    }

    /** Runs what may end the process with this bundle. */
    <T> T guard(ModelBundle bundle, Risk<T> risk) throws ClassifierException {
        // On the disk before the risk, so not apply().
        notes.edit().putString(AT_WORK, id(bundle)).commit();
        try {
            return risk.run();
        } finally {
            notes.edit().remove(AT_WORK).commit();
        }
    }

    /**
     * Whether it may be opened.
     *
     * @throws BundleException with CRASHED if the app ended when it was opened last
     */
    void check(ModelBundle bundle) throws BundleException {
        if (refuses(bundle)) throw new BundleException(Reason.CRASHED, bundle.name(), null);
    }

    /** Whether the app ended when this bundle was opened last. */
    public boolean refuses(ModelBundle bundle) {
        return refused().contains(id(bundle));
    }

    /** The user wants to try it again: everything of a bundle's key is forgotten. */
    public void forgive(String key) {
        Set<String> refused = refused();
        if (refused.removeIf(id -> id.substring(id.indexOf(' ') + 1).equals(key))) {
            notes.edit().putStringSet(REFUSED, refused).apply();
        }
    }

    private Set<String> refused() {
        return new HashSet<>(notes.getStringSet(REFUSED, new HashSet<>()));
    }

    private static String id(ModelBundle bundle) {
        return bundle.stamp() + " " + bundle.key();
    }
}

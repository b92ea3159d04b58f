package com.example.deit.bundle;

import android.content.SharedPreferences;
import android.system.ErrnoException;
import android.system.Os;
import android.system.StructStat;
import com.example.deit.bundle.BundleException.Reason;
import java.io.File;
import java.io.IOException;

/**
 * Compares a bundle's files with the SHA-256 of its manifest. Each file is read once: what is remembered of it holds
 * for as long as its size, times and inode stay the same.
 */
public final class FileDigests {
    /** A file that was written this moment may be written again in the same second. */
    private static final long YOUNG_S = 3;

    private final SharedPreferences remembered;

    public FileDigests(SharedPreferences remembered) {
        this.remembered = remembered;
    }

    /**
     * Compares all that the app reads of a bundle, and its golden picture if it is there. Not for the main thread.
     *
     * @throws BundleException with HALF_COPIED or DAMAGED and the file's name
     */
    public void check(ModelBundle bundle) throws BundleException {
        for (String name : ModelBundle.files()) check(bundle, name);
        if (new File(bundle.folder, BundleFiles.GOLDEN).isFile()) check(bundle, BundleFiles.GOLDEN);
    }

    private void check(ModelBundle bundle, String name) throws BundleException {
        BundleManifest.Entry entry = bundle.manifest.files.get(name);
        // An older manifest does not say: Words tells of it.
        if (entry == null || entry.sha256 == null) return;
        File file = new File(bundle.folder, name);
        try {
            if (!sha256(file).equals(entry.sha256)) throw new BundleException(Reason.DAMAGED, name, bundle.name());
        } catch (IOException | ErrnoException e) {
            throw new BundleException(Reason.NO_FILE, name, bundle.name() + ": " + e.getMessage());
        }
    }

    private String sha256(File file) throws IOException, ErrnoException {
        String key = file.getPath();
        StructStat stat = Os.stat(key);
        String now = stat.st_size + " " + stat.st_mtime + " " + stat.st_ctime + " " + stat.st_ino;
        String known = remembered.getString(key, "");
        if (known.startsWith(now + " ")) return known.substring(now.length() + 1);
        String sha256 = BundleFiles.sha256(file);
        SharedPreferences.Editor editor = remembered.edit();
        // Of bundles that were deleted.
        for (String other : remembered.getAll().keySet()) {
            if (!new File(other).exists()) editor.remove(other);
        }
        boolean young = System.currentTimeMillis() / 1000 - Math.max(stat.st_mtime, stat.st_ctime) < YOUNG_S;
        if (young) editor.remove(key);
        else editor.putString(key, now + " " + sha256);
        editor.apply();
        return sha256;
    }
}

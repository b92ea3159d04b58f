package com.example.deit.bundle;

import android.os.Build;
import com.example.deit.bundle.BundleException.Reason;
import com.example.deit.classify.ModelFile;
import java.io.File;
import java.io.IOException;
import org.json.JSONException;

/** Whether a folder is a bundle that this device can use: quick, by names and sizes; the engine checks the rest. */
final class BundleCheck {
    private static final long MAX_MANIFEST_BYTES = 16L << 20;

    private BundleCheck() {}

    /** The files that the app reads, without the manifest; a bundle holds more, for computers. */
    static String[] files() {
        return new String[] {"labels.txt", ModelFile.name()};
    }

    /** @throws BundleException saying why not */
    static Manifest check(File folder) throws BundleException {
        Manifest manifest = manifest(folder);
        for (String name : files()) {
            Manifest.Entry entry = manifest.files().get(name);
            File file = new File(folder, name);
            if (entry == null || !file.isFile()) throw new BundleException(Reason.NO_FILE, name, null);
            if (file.length() != entry.bytes) {
                throw new BundleException(Reason.HALF_COPIED, name, file.length() + " / " + entry.bytes + " B");
            }
        }
        if (!runsHere(manifest.target())) {
            throw new BundleException(Reason.OTHER_TARGET, manifest.target(), null);
        }
        return manifest;
    }

    private static Manifest manifest(File folder) throws BundleException {
        File file = new File(folder, Manifest.FILE);
        if (!file.isFile()) throw new BundleException(Reason.NO_MANIFEST, null, null);
        try {
            if (file.length() > MAX_MANIFEST_BYTES) throw new IOException(file.length() + " B");
            return Manifest.parse(Files.text(file));
        } catch (IOException | JSONException e) {
            throw new BundleException(Reason.BAD_MANIFEST, null, e.getMessage());
        }
    }

    private static boolean runsHere(String target) {
        boolean x86 = Build.SUPPORTED_ABIS.length > 0 && Build.SUPPORTED_ABIS[0].startsWith("x86");
        return x86 == target.equals("x86");
    }
}

package com.example.deit.bundle;

import android.content.res.AssetManager;
import com.example.deit.bundle.BundleException.Reason;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.json.JSONException;

/**
 * The bundles in the app's assets. The engine reads files only, so each is unpacked once: under a temporary name,
 * then renamed, so that a folder with a bundle's name is whole.
 */
final class AssetBundles {
    private static final String TEMPORARY = ".tmp-";

    private final AssetManager assets;
    private final String root;
    private final File copies;

    AssetBundles(AssetManager assets, String root, File copies) {
        this.assets = assets;
        this.root = root;
        this.copies = copies;
    }

    List<Bundle> list() {
        Set<String> names = names();
        deleteAllBut(names);
        List<Bundle> bundles = new ArrayList<>();
        for (String name : names) {
            File folder = new File(copies, name);
            try {
                bundles.add(new Bundle(Bundle.Origin.ASSETS, folder, unpacked(name, folder)));
            } catch (BundleException e) {
                bundles.add(new Bundle(Bundle.Origin.ASSETS, folder, e));
            }
        }
        return bundles;
    }

    private Set<String> names() {
        Set<String> names = new TreeSet<>();
        try {
            String[] there = assets.list(root);
            // Phones list folders, Robolectric what is in them: folder/file.
            if (there != null) for (String name : there) names.add(name.split("/", 2)[0]);
        } catch (IOException e) {
            // No such folder in the assets.
        }
        return names;
    }

    /** What an older version of the app brought, and copies that were cut short. */
    private void deleteAllBut(Set<String> names) {
        File[] there = copies.listFiles();
        if (there == null) return;
        for (File folder : there) {
            if (!names.contains(folder.getName())) Files.delete(folder);
        }
    }

    private Manifest unpacked(String name, File folder) throws BundleException {
        String text = manifestText(name);
        try {
            // An update of the app may bring another bundle of the same name.
            if (Files.text(new File(folder, Manifest.FILE)).equals(text)) return BundleCheck.check(folder);
        } catch (IOException | BundleException e) {
            // Not there yet, or not whole any more: unpack it.
        }
        unpack(name, text, folder);
        return BundleCheck.check(folder);
    }

    private String manifestText(String name) throws BundleException {
        try (InputStream in = assets.open(root + "/" + name + "/" + Manifest.FILE)) {
            return Files.text(in);
        } catch (IOException e) {
            throw new BundleException(Reason.NO_MANIFEST, null, null);
        }
    }

    private void unpack(String name, String text, File folder) throws BundleException {
        File temporary = new File(copies, TEMPORARY + name);
        Files.delete(temporary);
        try {
            Manifest manifest = Manifest.parse(text);
            if (!temporary.mkdirs()) throw new IOException(temporary.getPath());
            Files.write(
                    new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
                    new File(temporary, Manifest.FILE));
            for (String file : BundleCheck.files()) copy(name, file, manifest, temporary);
            Files.delete(folder);
            if (!temporary.renameTo(folder)) throw new IOException(folder.getPath());
        } catch (JSONException e) {
            throw new BundleException(Reason.BAD_MANIFEST, null, e.getMessage());
        } catch (IOException e) {
            throw new BundleException(Reason.NOT_UNPACKED, name, e.getMessage());
        } finally {
            Files.delete(temporary);
        }
    }

    private void copy(String name, String file, Manifest manifest, File to) throws IOException, BundleException {
        Manifest.Entry entry = manifest.files().get(file);
        if (entry == null) throw new BundleException(Reason.NO_FILE, file, null);
        try (InputStream in = assets.open(root + "/" + name + "/" + file)) {
            if (!Files.write(in, new File(to, file)).equals(entry.sha256)) {
                throw new BundleException(Reason.DAMAGED, file, null);
            }
        } catch (FileNotFoundException e) {
            throw new BundleException(Reason.NO_FILE, file, null);
        }
    }
}

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

    List<ModelBundle> list() {
        Set<String> names = names();
        deleteAllBut(names);
        List<ModelBundle> bundles = new ArrayList<>();
        for (String name : names) bundles.add(unpacked(name));
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
            if (!names.contains(folder.getName())) BundleFiles.delete(folder);
        }
    }

    private ModelBundle unpacked(String name) {
        File folder = new File(copies, name);
        try {
            String text = manifestText(name);
            // An update of the app may bring another bundle of the same name.
            if (!ModelBundle.isWhole(folder, text)) unpack(name, text, folder);
            return ModelBundle.of(ModelBundle.Origin.ASSETS, folder);
        } catch (BundleException e) {
            return new ModelBundle(ModelBundle.Origin.ASSETS, folder, e);
        }
    }

    private String manifestText(String name) throws BundleException {
        try (InputStream in = assets.open(root + "/" + name + "/" + BundleManifest.FILE)) {
            return BundleFiles.text(in);
        } catch (FileNotFoundException e) {
            throw new BundleException(Reason.NO_MANIFEST, null, null);
        } catch (IOException e) {
            throw new BundleException(Reason.BAD_MANIFEST, null, e.getMessage());
        }
    }

    private void unpack(String name, String text, File folder) throws BundleException {
        File temporary = new File(copies, TEMPORARY + name);
        BundleFiles.delete(temporary);
        try {
            BundleManifest manifest = BundleManifest.parse(text);
            if (!temporary.mkdirs()) throw new IOException(temporary.getPath());
            BundleFiles.write(
                    new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)),
                    new File(temporary, BundleManifest.FILE));
            for (String file : ModelBundle.files()) copy(name, file, manifest, temporary);
            if (hasGolden(name, manifest)) copy(name, BundleFiles.GOLDEN, manifest, temporary);
            BundleFiles.delete(folder);
            if (!temporary.renameTo(folder)) throw new IOException(folder.getPath());
        } catch (IOException e) {
            throw new BundleException(Reason.NOT_UNPACKED, name, e.getMessage());
        } finally {
            BundleFiles.delete(temporary);
        }
    }

    /** The picture to try the bundle with; the app works without. */
    private boolean hasGolden(String name, BundleManifest manifest) {
        if (!manifest.files.containsKey(BundleFiles.GOLDEN)) return false;
        try {
            assets.open(root + "/" + name + "/" + BundleFiles.GOLDEN).close();
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private void copy(String name, String file, BundleManifest manifest, File to) throws IOException, BundleException {
        BundleManifest.Entry entry = manifest.files.get(file);
        if (entry == null) throw new BundleException(Reason.NO_FILE, file, null);
        try (InputStream in = assets.open(root + "/" + name + "/" + file)) {
            String sha256 = BundleFiles.write(in, new File(to, file));
            if (entry.sha256 != null && !sha256.equals(entry.sha256)) {
                throw new BundleException(Reason.DAMAGED, file, null);
            }
        } catch (FileNotFoundException e) {
            throw new BundleException(Reason.NO_FILE, file, null);
        }
    }
}

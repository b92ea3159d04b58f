package com.example.deit.bundle;

import com.example.deit.Shown;
import com.example.deit.bundle.BundleException.Reason;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.json.JSONException;

/**
 * A bundle's manifest.json, checked: what the bundle says of itself, and what its network wants as input. The C++ core
 * reads the file itself, by the same rules (cpp/src/manifest.cpp), and Python has them all (lite/manifest.py).
 */
public final class BundleManifest {
    public static final String FILE = "manifest.json";
    private static final int SCHEMA = 1;
    private static final int MOST_SIDE = 4096;
    private static final int MOST_CLASSES = 10_000_000;
    private static final int MOST_QUOTED = 200;

    /** Size and SHA-256 (64 hexadecimal digits, lower case; null in older bundles) of one file of the bundle. */
    public static final class Entry {
        public final long bytes;
        public final String sha256;

        private Entry(JsonField file) throws JSONException {
            bytes = file.get("bytes").whole(0, Long.MAX_VALUE);
            JsonField known = file.getOrNull("sha256");
            sha256 = known == null ? null : known.sha256();
        }
    }

    /** The file, as it is. */
    final String text;
    /** Such as deit_tiny. */
    public final String model;
    /** fp32, fp16, int8 or int8-fp16. */
    public final String precision;
    /** What the bundle's model.nb is for: arm, opencl or x86. */
    public final String target;
    /** Whether model.nb needs half precision of an ARM processor, and Paddle Lite's kernels for it. */
    public final boolean armFp16;
    /** Logits of the network, at least 1. */
    public final int classes;
    /** Name of the quantization recipe; null where nothing was quantized. */
    public final String recipe;
    /** Drift: mean cosine of the logits with the fp32 network's; null if it was not measured. */
    public final Double cosineMean;
    /** Drift: share of pictures with the fp32 network's first class, 0 to 1; null if it was not measured. */
    public final Double top1Agreement;
    /** What the kernels of model.nb are for, in alphabetical order. */
    public final Set<String> kernelTargets;
    /** By name; plain names, of this folder. */
    public final Map<String, Entry> files;
    /** Pixels of a picture's short side after resizing, before the centre is cut out: {@code crop} to four times it. */
    public final int resizeShort;
    /** Pixels of the centre square's side, at least 1. */
    public final int crop;
    /** Of red, green and blue on the 0-1 scale, 0 to 1. */
    public final float[] mean;
    /** The same, 0.001 to 1. */
    public final float[] std;

    private BundleManifest(String text) throws JSONException {
        this.text = text;
        JsonField json = JsonField.parse(text);
        long schema = json.get("schema").whole(0, Integer.MAX_VALUE);
        if (schema != SCHEMA) throw new JSONException("it is of schema " + schema + ", this app reads " + SCHEMA);
        model = json.get("model").text();
        precision = json.get("precision").oneOf("fp32", "fp16", "int8", "int8-fp16");
        target = json.get("target").oneOf("arm", "opencl", "x86");
        JsonField requires = json.getOrNull("requires");
        if (requires != null) checkRequires(requires);
        // Bundles made before it have none.
        armFp16 = requires != null || precision.endsWith("fp16") && target.equals("arm");
        classes = (int) json.get("weights").get("classes").whole(1, MOST_CLASSES);
        json.get("recipe");
        JsonField recipe = json.getOrNull("recipe");
        this.recipe = recipe == null ? null : recipe.get("name").text();
        json.get("drift");
        JsonField drift = json.getOrNull("drift");
        cosineMean = drift == null ? null : (Double) drift.get("cosine_mean").number();
        top1Agreement = drift == null ? null : (Double) drift.get("top1_agreement").number();
        kernelTargets = kernelTargets(json.get("kernels"));
        files = entries(json.get("files"));
        JsonField input = json.get("input");
        resizeShort = (int) input.get("resize_short").whole(1, MOST_SIDE);
        // What is left of the picture is a good part of it.
        crop = (int) input.get("crop").whole((resizeShort + 3) / 4, resizeShort);
        List<JsonField> shape = input.get("shape").array(4);
        int[] expected = {1, 3, crop, crop};
        for (int i = 0; i < expected.length; i++) shape.get(i).whole(expected[i], expected[i]);
        input.get("layout").oneOf("NCHW");
        input.get("colour").oneOf("RGB");
        input.get("interpolation").oneOf("bicubic");
        mean = rgb(input.get("mean"), 0, "0");
        std = rgb(input.get("std"), 0.001, "0.001");
    }

    /**
     * Reads {@code folder}/manifest.json.
     *
     * @throws BundleException with NO_MANIFEST, or with BAD_MANIFEST and what is wrong with it
     */
    public static BundleManifest read(File folder) throws BundleException {
        File file = new File(folder, FILE);
        if (!file.isFile()) throw new BundleException(Reason.NO_MANIFEST, null, null);
        try {
            return parse(BundleFiles.text(file));
        } catch (IOException e) {
            throw new BundleException(Reason.BAD_MANIFEST, null, e.getMessage());
        }
    }

    /** The same of the file's text. */
    static BundleManifest parse(String text) throws BundleException {
        try {
            return new BundleManifest(text);
        } catch (JSONException e) {
            // It may quote the whole file.
            String what = Shown.shortened(String.valueOf(e.getMessage()), MOST_QUOTED);
            throw new BundleException(Reason.BAD_MANIFEST, null, what);
        }
    }

    /** Why a file of the bundle is not the manifest's, in words for behind its name; null if it is, as far as known. */
    public String difference(File file) throws IOException {
        Entry entry = files.get(file.getName());
        if (entry == null) return null;
        if (file.length() != entry.bytes) {
            return "has " + file.length() + " bytes where the manifest says " + entry.bytes
                    + ": copy the bundle again";
        }
        if (entry.sha256 == null || BundleFiles.sha256(file).equals(entry.sha256)) return null;
        return "is not the file of its manifest (SHA-256 differs): copy the bundle again";
    }

    /** Whether it has the SHA-256 of all that the app reads; older ones do not. */
    public boolean knowsDigests() {
        for (String name : ModelBundle.files()) {
            Entry entry = files.get(name);
            if (entry == null || entry.sha256 == null) return false;
        }
        return true;
    }

    /** That it names all that it can name until now, and nothing else. */
    private static void checkRequires(JsonField requires) throws JSONException {
        String[][] known = {{"cpu", CpuFeatures.ASIMDHP}, {"release", "arm82_fp16"}};
        List<String> unknown = new ArrayList<>(requires.keys());
        for (String[] one : known) {
            String value = requires.get(one[0]).text();
            if (!value.equals(one[1])) {
                throw newer("requires/" + one[0] + ": must be " + one[1] + ", is '" + value + "'");
            }
            unknown.remove(one[0]);
        }
        if (!unknown.isEmpty()) throw newer("requires: has '" + unknown.get(0) + "'");
    }

    private static JSONException newer(String what) {
        return new JSONException(what + ", which this app does not know: the bundle is newer than the app");
    }

    private static Set<String> kernelTargets(JsonField kernels) throws JSONException {
        Set<String> targets = new TreeSet<>();
        for (JsonField kernel : kernels.array()) targets.add(kernel.get("target").text());
        return Collections.unmodifiableSet(targets);
    }

    private static Map<String, Entry> entries(JsonField files) throws JSONException {
        Map<String, Entry> entries = new TreeMap<>();
        for (String name : files.keys()) {
            // It must not lead out of the folder.
            if (!name.matches("[A-Za-z0-9_][A-Za-z0-9._-]*")) {
                throw new JSONException("files: has a name that is no plain file name");
            }
            entries.put(name, new Entry(files.get(name)));
        }
        return Collections.unmodifiableMap(entries);
    }

    private static float[] rgb(JsonField values, double least, String words) throws JSONException {
        float[] channels = new float[3];
        List<JsonField> fields = values.array(3);
        for (int c = 0; c < channels.length; c++) channels[c] = (float) fields.get(c).share(least, words);
        return channels;
    }
}

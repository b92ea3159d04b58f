package com.example.deit.bundle;

import com.example.deit.bundle.BundleException.Reason;
import java.io.File;
import java.io.IOException;
import java.util.Collections;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * A bundle's manifest.json, checked: what the bundle says of itself, and what its network wants as input. The C++ core
 * reads the file itself, by the same rules (cpp/src/manifest.cpp).
 */
public final class BundleManifest {
    public static final String FILE = "manifest.json";
    private static final int SCHEMA = 1;
    private static final int MOST_SIDE = 4096;
    private static final int MOST_CLASSES = 10_000_000;

    /** Size and SHA-256 (64 hexadecimal digits, lower case) of one file of the bundle. */
    public static final class Entry {
        public final long bytes;
        public final String sha256;

        private Entry(JSONObject file) throws JSONException {
            bytes = file.getLong("bytes");
            sha256 = file.getString("sha256");
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
    /** Pixels of a picture's short side after resizing, before the centre is cut out: {@code crop} to 4096. */
    public final int resizeShort;
    /** Pixels of the centre square's side, at least 1. */
    public final int crop;
    /** Of red, green and blue on the 0-1 scale. */
    public final float[] mean;
    /** The same, all above 0. */
    public final float[] std;

    private BundleManifest(String text) throws JSONException {
        this.text = text;
        JSONObject json = new JSONObject(text);
        int schema = json.getInt("schema");
        require(schema == SCHEMA, "it is of schema " + schema + ", this app reads " + SCHEMA);
        model = json.getString("model");
        precision = json.getString("precision");
        target = json.getString("target");
        classes = json.getJSONObject("weights").getInt("classes");
        require(classes >= 1 && classes <= MOST_CLASSES, "weights/classes is " + classes);
        recipe = json.isNull("recipe") ? null : json.getJSONObject("recipe").getString("name");
        JSONObject drift = json.isNull("drift") ? null : json.getJSONObject("drift");
        cosineMean = drift == null ? null : drift.getDouble("cosine_mean");
        top1Agreement = drift == null ? null : drift.getDouble("top1_agreement");
        kernelTargets = kernelTargets(json.getJSONArray("kernels"));
        files = entries(json.getJSONObject("files"));
        JSONObject input = json.getJSONObject("input");
        resizeShort = input.getInt("resize_short");
        crop = input.getInt("crop");
        require(crop >= 1 && crop <= resizeShort && resizeShort <= MOST_SIDE, "input/crop is " + crop);
        int[] shape = {1, 3, crop, crop};
        for (int i = 0; i < shape.length; i++) {
            require(input.getJSONArray("shape").getInt(i) == shape[i], "input/shape is not [1, 3, crop, crop]");
        }
        require(input.getString("layout").equals("NCHW"), "input/layout is not NCHW");
        require(input.getString("colour").equals("RGB"), "input/colour is not RGB");
        require(input.getString("interpolation").equals("bicubic"), "input/interpolation is not bicubic");
        mean = rgb(input.getJSONArray("mean"));
        std = rgb(input.getJSONArray("std"));
        for (float one : std) require(one > 0, "input/std is not above 0");
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
            // It may quote the file, over many lines.
            throw new BundleException(Reason.BAD_MANIFEST, null, String.valueOf(e.getMessage()).split("\n", 2)[0]);
        }
    }

    private static Set<String> kernelTargets(JSONArray kernels) throws JSONException {
        Set<String> targets = new TreeSet<>();
        for (int i = 0; i < kernels.length(); i++) targets.add(kernels.getJSONObject(i).getString("target"));
        return Collections.unmodifiableSet(targets);
    }

    private static Map<String, Entry> entries(JSONObject files) throws JSONException {
        Map<String, Entry> entries = new TreeMap<>();
        for (Iterator<String> names = files.keys(); names.hasNext(); ) {
            String name = names.next();
            entries.put(name, new Entry(files.getJSONObject(name)));
        }
        return Collections.unmodifiableMap(entries);
    }

    private static float[] rgb(JSONArray values) throws JSONException {
        float[] channels = new float[3];
        for (int c = 0; c < channels.length; c++) {
            channels[c] = (float) values.getDouble(c);
            require(!Float.isNaN(channels[c]) && !Float.isInfinite(channels[c]), "input/mean or std is not finite");
        }
        return channels;
    }

    private static void require(boolean holds, String otherwise) throws JSONException {
        if (!holds) throw new JSONException(otherwise);
    }
}

package com.example.deit.classify;

import com.example.deit.classify.ClassifierException.Code;
import java.io.File;
import java.util.HashSet;
import java.util.Set;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** What {@link JavaClassifier} needs of a bundle's manifest.json, checked as cpp/src/manifest.cpp does. */
final class BundleManifest {
    private static final int SCHEMA = 1;
    private static final int LIMIT = 16 << 20;
    private static final int MOST_SIDE = 4096;
    private static final int MOST_CLASSES = 10_000_000;

    final String model;
    final String precision;
    final String target;
    final int classes;
    /** Name of the recipe; null for none. */
    final String recipe;
    /** As it is in the file; null for none. */
    final JSONObject drift;
    /** What the kernels of model.nb are for. */
    final Set<String> kernelTargets = new HashSet<>();
    final int resizeShort;
    final int crop;
    final float[] mean;
    final float[] std;
    private final JSONObject files;

    private BundleManifest(JSONObject json) throws JSONException {
        int schema = json.getInt("schema");
        require(schema == SCHEMA, "it is of schema " + schema + ", this app reads " + SCHEMA);
        model = json.getString("model");
        precision = json.getString("precision");
        target = json.getString("target");
        classes = json.getJSONObject("weights").getInt("classes");
        require(classes >= 1 && classes <= MOST_CLASSES, "weights/classes is " + classes);
        recipe = json.isNull("recipe") ? null : json.getJSONObject("recipe").getString("name");
        drift = json.isNull("drift") ? null : json.getJSONObject("drift");
        if (drift != null) {
            drift.getDouble("cosine_mean");
            drift.getDouble("top1_agreement");
        }
        JSONArray kernels = json.getJSONArray("kernels");
        for (int i = 0; i < kernels.length(); i++) kernelTargets.add(kernels.getJSONObject(i).getString("target"));
        files = json.getJSONObject("files");
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

    /** Reads {@code folder}/manifest.json, or throws {@code BUNDLE}. */
    static BundleManifest read(File folder) throws ClassifierException {
        File file = new File(folder, "manifest.json");
        if (!file.exists()) {
            String why = folder.isDirectory() ? "it has no manifest.json" : "there is no such folder";
            throw new ClassifierException(
                    Code.BUNDLE, folder + " is not a bundle: " + why + "; make one with tools/opt.py");
        }
        try {
            return new BundleManifest(new JSONObject(TextFile.read(file, LIMIT)));
        } catch (JSONException wrong) {
            String why = String.valueOf(wrong.getMessage()).split("\n", 2)[0];
            throw new ClassifierException(
                    Code.BUNDLE,
                    file + " cannot be used: " + why + "; it was edited or is no manifest: make the bundle again",
                    wrong);
        }
    }

    /** The entry of one of the bundle's files, with bytes and sha256; null if it is not listed. */
    JSONObject file(String name) {
        return files.optJSONObject(name);
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

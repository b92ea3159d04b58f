package com.example.deit.bundle;

import java.util.Collections;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import org.json.JSONException;
import org.json.JSONObject;

/** What the screens need of a bundle's manifest.json. The engine reads the file itself, and checks all of it. */
public final class Manifest {
    static final String FILE = "manifest.json";
    private static final int SCHEMA = 1;

    /** Size and SHA-256 (64 hexadecimal digits, lower case) of one file of the bundle. */
    static final class Entry {
        final long bytes;
        final String sha256;

        Entry(long bytes, String sha256) {
            this.bytes = bytes;
            this.sha256 = sha256;
        }
    }

    private final String model;
    private final String precision;
    private final String target;
    private final int shortSide;
    private final Double cosineMean;
    private final Double top1Agreement;
    private final Map<String, Entry> files;

    private Manifest(JSONObject top) throws JSONException {
        if (top.getInt("schema") != SCHEMA) throw new JSONException("schema is not " + SCHEMA);
        model = top.getString("model");
        precision = top.getString("precision");
        target = top.getString("target");
        shortSide = top.getJSONObject("input").getInt("resize_short");
        JSONObject drift = top.isNull("drift") ? null : top.getJSONObject("drift");
        cosineMean = drift == null ? null : drift.getDouble("cosine_mean");
        top1Agreement = drift == null ? null : drift.getDouble("top1_agreement");
        files = entries(top.getJSONObject("files"));
    }

    /** @throws JSONException for what is no manifest of this schema version, in English */
    static Manifest parse(String json) throws JSONException {
        return new Manifest(new JSONObject(json));
    }

    private static Map<String, Entry> entries(JSONObject files) throws JSONException {
        Map<String, Entry> entries = new TreeMap<>();
        for (Iterator<String> names = files.keys(); names.hasNext(); ) {
            String name = names.next();
            JSONObject file = files.getJSONObject(name);
            entries.put(name, new Entry(file.getLong("bytes"), file.getString("sha256")));
        }
        return Collections.unmodifiableMap(entries);
    }

    /** Such as deit_tiny. */
    public String model() {
        return model;
    }

    /** fp32, fp16 or int8. */
    public String precision() {
        return precision;
    }

    /** What the bundle's model.nb is for: arm, opencl or x86. */
    public String target() {
        return target;
    }

    /** Pixels of a picture's short side after resizing, before the centre is cut out. */
    public int shortSide() {
        return shortSide;
    }

    /** Drift: mean cosine of the logits with the fp32 network's; null if it was not measured. */
    public Double cosineMean() {
        return cosineMean;
    }

    /** Drift: share of pictures with the fp32 network's first class, 0 to 1; null if it was not measured. */
    public Double top1Agreement() {
        return top1Agreement;
    }

    Map<String, Entry> files() {
        return files;
    }
}

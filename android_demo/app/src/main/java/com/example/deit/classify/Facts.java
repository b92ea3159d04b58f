package com.example.deit.classify;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** What a {@link Classifier} has loaded, and how: from the bundle's manifest, the .nb and the engine. */
public final class Facts {
    /** Such as deit_tiny. */
    public final String model;
    /** fp32, int8, int8-fp16 or fp16. */
    public final String precision;
    /** What the bundle's model.nb is for, such as arm. */
    public final String target;
    /** Name of the quantization recipe; null where nothing was quantized. */
    public final String recipe;
    /** Version of Paddle Lite, such as v2.13-rc. */
    public final String engine;
    /** Version of the optimizer that made the .nb. */
    public final String opt;
    /** As {@link PowerMode#text}, and as the engine has it: one for x86 has none but no-bind. */
    public final String powerMode;
    public final int classes;
    /** As the engine has them: on ARM no more than there are cores. */
    public final int threads;
    /** Of the .nb. */
    public final long bytes;
    /** Milliseconds that reading, checking and loading the .nb took. */
    public final double loadMs;
    /** What the kernels of the .nb are for, in alphabetical order, such as arm and host. */
    public final List<String> kernelTargets;

    /**
     * From the JSON object of deit_facts in the core's c_api.h.
     *
     * @throws JSONException if a field is missing or of another type
     */
    public Facts(JSONObject facts) throws JSONException {
        model = facts.getString("model");
        precision = facts.getString("precision");
        target = facts.getString("target");
        recipe = facts.isNull("recipe") ? null : facts.getString("recipe");
        engine = facts.getString("engine");
        opt = facts.getString("opt");
        powerMode = facts.getString("power_mode");
        classes = facts.getInt("classes");
        threads = facts.getInt("threads");
        bytes = facts.getLong("bytes");
        loadMs = facts.getDouble("load_ms");
        List<String> targets = new ArrayList<>();
        JSONArray found = facts.getJSONArray("kernel_targets");
        for (int i = 0; i < found.length(); i++) targets.add(found.getString(i));
        kernelTargets = Collections.unmodifiableList(targets);
    }
}

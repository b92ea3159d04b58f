package com.example.deit.bench;

import com.example.deit.classify.Facts;
import com.example.deit.classify.Guess;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** A measurement as JSON: the document that `deit --bench` writes (cpp/schema/output.schema.json). */
public final class BenchDocument {
    private static final int SCHEMA = 1;

    private BenchDocument() {}

    /** One line. @param version of this app */
    public static String of(Measurement measured, String version) {
        try {
            Facts facts = measured.facts;
            return new JSONObject()
                    .put("schema", SCHEMA)
                    .put("versions", versions(measured, version))
                    .put("model", facts.model)
                    .put("file", measured.file.getPath())
                    .put("bytes", facts.bytes)
                    .put("precision", facts.precision)
                    .put("target", facts.target)
                    .put("recipe", orNull(facts.recipe))
                    .put("kernel_targets", new JSONArray(facts.kernelTargets))
                    .put("threads", facts.threads)
                    .put("power_mode", facts.powerMode)
                    .put("cpu_mask", measured.cpuMask)
                    .put("load_ms", facts.loadMs)
                    .put("peak_rss_kib", orNull(measured.peakKib))
                    .put("pictures", new JSONArray().put(picture(measured)))
                    .put("bench", bench(measured))
                    .toString()
                    .replace("\\/", "/"); // Android's org.json escapes it, which is allowed and helps nobody
        } catch (JSONException e) {
            throw new AssertionError(e); // for NaN only, which no time is
        }
    }

    private static JSONObject versions(Measurement measured, String version) throws JSONException {
        return new JSONObject()
                .put("deit", version)
                .put("engine", measured.facts.engine)
                .put("opt", measured.facts.opt);
    }

    private static JSONObject picture(Measurement measured) throws JSONException {
        JSONArray classes = new JSONArray();
        for (Guess guess : measured.first.guesses) {
            classes.put(
                    new JSONObject()
                            .put("index", guess.index)
                            .put("class", guess.label)
                            .put("logit", guess.logit)
                            .put("probability", guess.probability));
        }
        return new JSONObject()
                .put("picture", measured.picture)
                .put("error", JSONObject.NULL)
                .put("warning", JSONObject.NULL)
                .put("classes", classes)
                .put("logits", JSONObject.NULL)
                .put("decode_ms", orNull(measured.decodeMs))
                .put("preprocess_ms", measured.first.times.preprocessMs)
                .put("inference_ms", measured.first.times.inferenceMs);
    }

    private static JSONObject bench(Measurement measured) throws JSONException {
        JSONArray latencies = new JSONArray();
        for (double latency : measured.latencies) latencies.put(latency);
        Statistics values = measured.statistics;
        return new JSONObject()
                .put("first_run_ms", measured.first.times.inferenceMs)
                .put("warmup", measured.warmup)
                .put("partial", false) // one that is cancelled is not shown
                .put("repeats", measured.latencies.length)
                .put("latencies_ms", latencies)
                .put("began_s", JSONObject.NULL)
                .put("clocks", new JSONArray())
                .put(
                        "statistics",
                        new JSONObject()
                                .put("mean", values.mean)
                                .put("p50", values.p50)
                                .put("p90", values.p90)
                                .put("p99", values.p99)
                                .put("min", values.min)
                                .put("max", values.max)
                                .put("stddev", values.stddev));
    }

    private static Object orNull(Object value) {
        return value == null ? JSONObject.NULL : value;
    }
}

package com.example.deit;

import android.graphics.Bitmap;
import com.example.deit.classify.Classification;
import com.example.deit.classify.Classifier;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Facts;
import com.example.deit.classify.Guess;
import com.example.deit.classify.Times;
import com.example.deit.engine.OpenEngine;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** For what the real engine does not do when a test wants it: fail, be slow, take exactly so long. */
public class FakeClassifier implements Classifier {
    public boolean closed;
    /** The short sides of the pictures that it was given, in pixels. */
    public final List<Integer> shortSides = new ArrayList<>();

    public static OpenEngine.Opener failing(ClassifierException.Code code, String message) {
        return (engine, folder, threads, mode) -> {
            throw new ClassifierException(code, message);
        };
    }

    public static Classification result(String label, Times times) {
        return new Classification(Collections.singletonList(new Guess(0, label, 1, 1)), times);
    }

    @Override
    public Facts facts() {
        try {
            return new Facts(
                    new JSONObject()
                            .put("model", "fake")
                            .put("precision", "fp32")
                            .put("target", "arm")
                            .put("engine", "v0")
                            .put("opt", "v0")
                            .put("power_mode", "no-bind")
                            .put("classes", 1)
                            .put("threads", 1)
                            .put("bytes", 1)
                            .put("load_ms", 0)
                            .put("kernel_targets", new JSONArray().put("host")));
        } catch (JSONException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public Classification classify(Bitmap bitmap, int topK) throws ClassifierException {
        shortSides.add(Math.min(bitmap.getWidth(), bitmap.getHeight()));
        return result("fake", new Times(0, 1, 2));
    }

    @Override
    public float[] logits() {
        return new float[] {1};
    }

    @Override
    public double[] bench(int warmup, int repeats, BooleanSupplier cancelled) throws ClassifierException {
        throw new AssertionError("not asked for");
    }

    @Override
    public void close() {
        closed = true;
    }
}

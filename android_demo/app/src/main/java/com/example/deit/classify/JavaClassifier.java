package com.example.deit.classify;

import android.graphics.Bitmap;
import com.baidu.paddle.lite.MobileConfig;
import com.baidu.paddle.lite.PaddlePredictor;
import com.baidu.paddle.lite.Tensor;
import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.BundleFiles;
import com.example.deit.bundle.BundleManifest;
import com.example.deit.classify.ClassifierException.Code;
import java.io.File;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** A network over Paddle Lite's own Java interface, PaddlePredictor.jar, with pictures prepared in Java. */
public final class JavaClassifier implements Classifier {
    private static final int MOST_THREADS = 256;
    private static final int MOST_RUNS = 1_000_000;
    // Several threads may add in another order; what goes wrong in memory moves logits further than that.
    private static final float TOLERANCE = 1e-3f;

    private final BitmapPixels pixels = new BitmapPixels();
    private final BundleManifest manifest;
    private final String[] labels;
    private final Preprocessor preprocessor;
    private final Facts facts;
    private Predictor predictor;
    private Tensor input;
    private Tensor output;

    /** PaddlePredictor frees its memory when garbage is collected, or by a method for classes that extend it. */
    private static final class Predictor extends PaddlePredictor {
        Predictor(MobileConfig config) {
            super(config);
        }

        void free() {
            clear();
        }
    }

    private JavaClassifier(File folder, String modelFile, int threads, PowerMode mode)
            throws ClassifierException, JSONException {
        manifest = manifest(folder);
        labels = Labels.read(new File(folder, BundleFiles.LABELS), manifest);
        preprocessor = new Preprocessor(manifest.resizeShort, manifest.crop, manifest.mean, manifest.std);
        double start = Times.nowMs();
        CheckedModel model = new CheckedModel(folder, modelFile, manifest);
        MobileConfig config = new MobileConfig();
        config.setModelFromFile(model.file.getPath());
        config.setThreads(threads);
        config.setPowerMode(com.baidu.paddle.lite.PowerMode.valueOf("LITE_POWER_" + mode.name()));
        predictor = new Predictor(config);
        try {
            input = predictor.getInput(0);
            if (input == null) throw engine("gave no predictor for " + model.file);
            check(input.resize(new long[] {1, 3, manifest.crop, manifest.crop}), "take the manifest's shape");
            check(input.setData(new float[3 * manifest.crop * manifest.crop]), "take the manifest's shape");
            String version = predictor.getVersion();
            if (!version.equals(model.opt)) {
                throw new ClassifierException(
                        Code.MODEL,
                        model.file + " was made by opt " + model.opt + " but this engine is " + version
                                + ": convert it again with that version, or use its engine");
            }
            facts = facts(model, version, threads, mode, Times.nowMs() - start);
        } catch (ClassifierException | JSONException | RuntimeException error) {
            predictor.free();
            throw error;
        }
    }

    /**
     * Loads the network of a bundle, whose file must be the manifest's to the last bit.
     *
     * @param folder the bundle: manifest.json, labels.txt and {@code modelFile}
     * @throws ClassifierException as {@link Engine#open}
     */
    public static JavaClassifier open(File folder, String modelFile, int threads, PowerMode mode)
            throws ClassifierException {
        if (threads < 1 || threads > MOST_THREADS) {
            throw new ClassifierException(Code.USAGE, threads + " threads: give 1 to " + MOST_THREADS);
        }
        try {
            return new JavaClassifier(folder, modelFile, threads, mode);
        } catch (JSONException | RuntimeException error) {
            throw engine("could not load " + new File(folder, modelFile) + ": " + error.getMessage());
        } catch (LinkageError error) {
            throw ClassifierException.missing("paddle_lite_jni", error);
        }
    }

    private static BundleManifest manifest(File folder) throws ClassifierException {
        try {
            return BundleManifest.read(folder);
        } catch (BundleException wrong) {
            String words;
            if (wrong.reason == BundleException.Reason.NO_MANIFEST) {
                String why = folder.isDirectory() ? "it has no manifest.json" : "there is no such folder";
                words = folder + " is not a bundle: " + why + "; make one with tools/opt.py";
            } else {
                words = new File(folder, BundleManifest.FILE) + " cannot be used: " + wrong.getMessage()
                        + "; it was edited, is no manifest or of another version: make the bundle again with the app's version";
            }
            throw new ClassifierException(Code.BUNDLE, words, wrong);
        }
    }

    private Facts facts(CheckedModel model, String version, int threads, PowerMode mode, double loadMs)
            throws JSONException {
        boolean arm = CheckedModel.isArm();
        return new Facts(
                new JSONObject()
                        .put("model", manifest.model)
                        .put("precision", manifest.precision)
                        .put("target", manifest.target)
                        .put("recipe", manifest.recipe == null ? JSONObject.NULL : manifest.recipe)
                        .put("classes", manifest.classes)
                        .put("engine", version)
                        .put("opt", model.opt)
                        .put("kernel_targets", new JSONArray(model.kernelTargets))
                        .put("bytes", model.bytes)
                        // What the engine makes of them, which this interface does not tell.
                        .put("threads", arm ? Math.min(threads, Runtime.getRuntime().availableProcessors()) : threads)
                        .put("power_mode", arm ? mode.text() : PowerMode.NO_BIND.text())
                        .put("load_ms", loadMs));
    }

    @Override
    public Facts facts() {
        return facts;
    }

    @Override
    public synchronized Classification classify(Bitmap bitmap, int topK) throws ClassifierException {
        checkOpen();
        if (topK < 1) throw new ClassifierException(Code.USAGE, topK + " classes: give at least 1");
        double start = Times.nowMs();
        ByteBuffer rgba = pixels.of(bitmap);
        float[] tensor = preprocessor.run(rgba, bitmap.getWidth(), bitmap.getHeight(), bitmap.getRowBytes());
        check(input.setData(tensor), "take a picture");
        double prepared = Times.nowMs();
        run();
        double end = Times.nowMs();
        Times times = new Times(0, prepared - start, end - prepared);
        return new Classification(Guess.likeliest(logits(), labels, topK), times);
    }

    @Override
    public synchronized float[] logits() throws ClassifierException {
        checkOpen();
        if (output == null) {
            throw new ClassifierException(Code.ENGINE, "the network has not run: there are no logits yet");
        }
        float[] logits = output.getFloatData();
        if (logits.length != labels.length) {
            throw new ClassifierException(
                    Code.BUNDLE,
                    "the network has " + logits.length + " classes but there are " + labels.length
                            + " labels: they are of different bundles");
        }
        for (float logit : logits) {
            if (Float.isNaN(logit) || Float.isInfinite(logit)) {
                throw engine("answers NaN or infinity: make the bundle again");
            }
        }
        return logits;
    }

    @Override
    public synchronized double[] bench(int warmup, int repeats, BooleanSupplier cancelled)
            throws ClassifierException {
        checkOpen();
        checkRuns(warmup, 0, "warm-up runs");
        checkRuns(repeats, 1, "measured runs");
        run();
        float[] first = logits();
        for (int i = 0; i < warmup && !cancelled.getAsBoolean(); i++) run();
        double[] latencies = new double[repeats];
        int measured = 0;
        while (measured < repeats && !cancelled.getAsBoolean()) {
            double start = Times.nowMs();
            run();
            latencies[measured++] = Times.nowMs() - start;
        }
        float[] last = logits();
        for (int i = 0; i < last.length; i++) {
            if (Math.abs(last[i] - first[i]) > TOLERANCE * Math.max(1, Math.abs(first[i]))) {
                throw engine("answers otherwise after " + measured + " runs than in the first");
            }
        }
        return Arrays.copyOf(latencies, measured);
    }

    @Override
    public synchronized void close() {
        if (predictor != null) predictor.free();
        predictor = null;
        input = null;
        output = null;
    }

    private void run() throws ClassifierException {
        try {
            check(predictor.run(), "run");
        } catch (RuntimeException error) {
            throw engine("could not run: " + error.getMessage());
        }
        if (output == null) output = predictor.getOutput(0);
    }

    private void checkOpen() throws ClassifierException {
        if (predictor == null) {
            throw new ClassifierException(Code.USAGE, "the network is closed: open the bundle again");
        }
    }

    private static void checkRuns(int runs, int least, String what) throws ClassifierException {
        if (runs < least || runs > MOST_RUNS) {
            throw new ClassifierException(Code.USAGE, runs + " " + what + ": give " + least + " to " + MOST_RUNS);
        }
    }

    private static void check(boolean done, String what) throws ClassifierException {
        if (!done) throw engine("could not " + what);
    }

    private static ClassifierException engine(String what) {
        return new ClassifierException(Code.ENGINE, "the engine " + what.split("\n", 2)[0]);
    }
}

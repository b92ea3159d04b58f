package com.example.deit.classify;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import com.example.deit.NeedsEngine;
import com.example.deit.classify.ClassifierException.Code;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.json.JSONObject;
import org.junit.Test;

/** What every {@link Classifier} must do; each engine's test class extends it. */
@NeedsEngine
public abstract class ClassifierTests extends RefusalTests {
    private static final float TOLERANCE = 1e-4f;
    // Activations that are rounded to INT8 may be rounded otherwise by another processor.
    private static final float INT8_TOLERANCE = 1e-2f;
    private static final int LARGE = 4000;
    private static final long PICTURE_KIB = 4L * LARGE * LARGE / 1024;

    @Test
    public void goldenPictureGetsTheBundlesLogits() throws Exception {
        for (String precision : new String[] {"int8", "fp32"}) {
            TestBundle bundle = TestBundle.of(precision);
            float[] golden = bundle.golden("logits");
            float tolerance = precision.equals("int8") ? INT8_TOLERANCE : TOLERANCE;
            try (Classifier classifier = open(bundle)) {
                Classification result = classifier.classify(golden(bundle), 5);
                assertArrayEquals(golden, classifier.logits(), tolerance);
                assertLikeliest(result.guesses, classifier.logits(), bundle.text("labels.txt").split("\n"));
                assertEquals(5, result.guesses.size());
                assertEquals(0, result.times.decodeMs, 0);
                assertTrue(result.times.preprocessMs > 0 && result.times.inferenceMs > 1);
            }
        }
    }

    private static void assertLikeliest(List<Guess> guesses, float[] logits, String[] labels) {
        double sum = 0;
        for (float logit : logits) sum += Math.exp(logit);
        float above = Float.POSITIVE_INFINITY;
        for (Guess guess : guesses) {
            float largest = Float.NEGATIVE_INFINITY;
            for (float logit : logits) if (logit < above) largest = Math.max(largest, logit);
            assertEquals(largest, logits[guess.index], 0);
            assertEquals(labels[guess.index], guess.label);
            assertEquals(largest, guess.logit, TOLERANCE);
            assertEquals(Math.exp(largest) / sum, guess.probability, TOLERANCE);
            above = largest;
        }
    }

    @Test
    public void factsAreTheManifestsAndTheEngines() throws Exception {
        TestBundle bundle = TestBundle.of("int8");
        JSONObject manifest = new JSONObject(bundle.text("manifest.json"));
        Facts facts = open(bundle).facts();
        assertEquals(manifest.getString("model"), facts.model);
        assertEquals("int8", facts.precision);
        assertEquals("arm", facts.target);
        assertEquals(manifest.getJSONObject("recipe").getString("name"), facts.recipe);
        assertEquals(manifest.getJSONObject("weights").getInt("classes"), facts.classes);
        assertEquals("v2.13-rc", facts.engine);
        assertEquals("v2.13-rc", facts.opt);
        assertEquals(List.of("host", "x86"), facts.kernelTargets);
        assertEquals(bundle.file("host.nb").length(), facts.bytes);
        assertEquals(1, facts.threads);
        assertEquals("no-bind", facts.powerMode);
        assertTrue(facts.loadMs > 1);
    }

    @Test
    public void factsThatAreNotKnown() throws Exception {
        JSONObject manifest = new JSONObject(TestBundle.of("fp32").text("manifest.json"));
        manifest.put("drift", JSONObject.NULL).put("recipe", JSONObject.NULL);
        assertNull(open(copy().with("manifest.json", manifest.toString())).facts().recipe);
    }

    @Test
    public void labelsOfAnyScript() throws Exception {
        String[] names = {"零", "один", "zwei", "🦆", "four", "𠀋五", "שש", "7", "8", "九"};
        TestBundle bundle = copy().with("labels.txt", String.join("\r\n", names) + "\n").sealed();
        for (Guess guess : open(bundle).classify(golden(bundle), 10).guesses) {
            assertEquals(names[guess.index], guess.label);
        }
    }

    @Test
    public void folderOfAnyName() throws Exception {
        File folder = temporary.newFolder("束 🦆");
        assertNotNull(open(TestBundle.of("fp32").copyTo(folder)).facts());
    }

    @Test
    public void powerModeAndThreadsAsTheEngineHasThem() throws Exception {
        File folder = TestBundle.of("fp32").folder;
        for (PowerMode mode : PowerMode.values()) {
            try (Classifier classifier = engine().open(folder, 2, mode)) {
                assertEquals("no-bind", classifier.facts().powerMode);
                assertEquals(2, classifier.facts().threads);
            }
        }
    }

    @Test
    public void alphaDoesNotCount() throws Exception {
        Classifier classifier = open(TestBundle.of("fp32"));
        classifier.classify(pattern(300, 200, 255), 1);
        float[] opaque = classifier.logits();
        classifier.classify(pattern(300, 200, 40), 1);
        assertArrayEquals(opaque, classifier.logits(), 0);
    }

    @Test
    public void picturesOfOddSizes() throws Exception {
        Classifier classifier = open(TestBundle.of("fp32"));
        for (int[] size : new int[][] {{1, 1}, {2, 1}, {5000, 1}, {1, 3000}, {2000, 7}, {223, 225}}) {
            Bitmap bitmap = pattern(size[0], size[1], 255);
            assertEquals(1, classifier.classify(bitmap, 1).guesses.size());
        }
    }

    @Test
    public void benchMeasuresEveryRun() throws Exception {
        Classifier classifier = open(TestBundle.of("fp32"));
        double[] latencies = classifier.bench(1, 3, () -> false);
        assertEquals(3, latencies.length);
        for (double latency : latencies) assertTrue(latency > 1);
        refusal(Code.USAGE, () -> classifier.bench(-1, 3, () -> false));
        String message = refusal(Code.USAGE, () -> classifier.bench(0, 0, () -> false)).getMessage();
        assertEquals("0 measured runs: give 1 to 1000000", message);
        refusal(Code.USAGE, () -> classifier.bench(0, Integer.MAX_VALUE, () -> false));
    }

    @Test
    public void benchStopsBetweenRuns() throws Exception {
        Classifier classifier = open(TestBundle.of("fp32"));
        int[] asked = {0};
        assertEquals(2, classifier.bench(1, 500, () -> ++asked[0] > 3).length);
        assertEquals(4, asked[0]);
        assertEquals(0, classifier.bench(500, 500, () -> true).length);
    }

    @Test
    public void whatTheQuestionThrowsEndsTheBench() throws Exception {
        Classifier classifier = open(TestBundle.of("fp32"));
        IllegalStateException thrown =
                assertThrows(
                        IllegalStateException.class,
                        () -> classifier.bench(0, 500, () -> { throw new IllegalStateException("asked"); }));
        assertEquals("asked", thrown.getMessage());
        assertEquals(1, classifier.bench(0, 1, () -> false).length);
    }

    @Test
    public void benchRunsTheLastPicture() throws Exception {
        TestBundle bundle = TestBundle.of("fp32");
        Classifier classifier = open(bundle);
        classifier.classify(golden(bundle), 1);
        float[] before = classifier.logits();
        classifier.bench(0, 1, () -> false);
        assertArrayEquals(before, classifier.logits(), 1e-5f);
    }

    /** Peak memory of this process while a picture is classified, after one of the same size has been. */
    @Test
    public void pixelsAreCopiedOnce() throws Exception {
        Classifier classifier = open(TestBundle.of("fp32"));
        Bitmap bitmap = Bitmap.createBitmap(LARGE, LARGE, Bitmap.Config.ARGB_8888);
        classifier.classify(bitmap, 5);
        System.gc();
        // The kernel's way to start the peak anew.
        Files.write(Path.of("/proc/self/clear_refs"), new byte[] {'5'});
        long before = status("VmRSS");
        classifier.classify(bitmap, 5);
        long grown = status("VmHWM") - before;
        assertTrue(grown + " KiB more at the peak, a picture has " + PICTURE_KIB, grown < PICTURE_KIB / 2);
    }

    @Test
    public void closedNetworksTakeNoMemory() throws Exception {
        TestBundle bundle = TestBundle.of("fp32");
        open(bundle).close();
        long before = status("VmRSS");
        for (int i = 0; i < 12; i++) open(bundle).close();
        long grown = status("VmRSS") - before;
        long network = bundle.file("host.nb").length() / 1024;
        assertTrue(grown + " KiB more, a network has " + network, grown < 6 * network);
    }

    private static long status(String field) throws Exception {
        for (String line : Files.readAllLines(new File("/proc/self/status").toPath())) {
            if (line.startsWith(field + ":")) return Long.parseLong(line.replaceAll("[^0-9]", ""));
        }
        throw new AssertionError("the kernel does not tell " + field);
    }
}

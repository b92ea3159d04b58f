package com.example.deit.classify;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import com.example.deit.NeedsEngine;
import com.example.deit.classify.ClassifierException.Code;
import java.io.File;
import org.json.JSONObject;
import org.junit.Test;

/** What every {@link Classifier} must refuse, in words. */
@NeedsEngine
public abstract class RefusalTests extends ClassifierFixture {
    @Test
    public void bundlesThatAreMissingOrDamaged() throws Exception {
        TestBundle fp32 = TestBundle.of("fp32");
        refused(copy().without("manifest.json"), Code.BUNDLE, "has no manifest.json");
        refused(copy().with("manifest.json", "{\"schema\": 1"), Code.BUNDLE, "manifest.json");
        refused(copy().with("manifest.json", "{\"schema\": 2}"), Code.BUNDLE, "schema 2");
        String manifest = fp32.text("manifest.json").replace("\"bicubic\"", "\"nearest\"");
        refused(copy().with("manifest.json", manifest), Code.BUNDLE, "interpolation");
        JSONObject newer = new JSONObject(fp32.text("manifest.json"));
        newer.put("requires", new JSONObject().put("cpu", "sme2").put("release", "arm82_fp16"));
        refused(copy().with("manifest.json", newer.toString()), Code.BUNDLE, "requires/cpu: must be asimdhp, is 'sme2', which this");
        refused(copy().without("labels.txt"), Code.BUNDLE, "labels.txt");
        refused(copy().with("labels.txt", "one\ntwo\n"), Code.BUNDLE, "has 8 bytes where the manifest says");
        refused(copy().with("labels.txt", "one\ntwo\n").sealed(), Code.BUNDLE, "2 labels for 10 classes");
        refused(copy().with("labels.txt", new byte[] {'a', (byte) 0xFF, '\n'}).sealed(), Code.BUNDLE, "UTF-8");
        String labels = new StringBuilder(fp32.text("labels.txt").trim()).reverse() + "\n";
        refused(copy().with("labels.txt", labels), Code.BUNDLE, "SHA-256 differs");
        refused(copy().without("host.nb"), Code.MODEL, "host.nb");
        refused(copy().with("host.nb", fp32.head("host.nb", 1 << 20)), Code.MODEL, "manifest says");
        File none = new File(temporary.getRoot(), "none");
        String message =
                refusal(Code.BUNDLE, () -> engine().open(none, 1, PowerMode.NO_BIND)).getMessage();
        assertTrue(message, message.contains("there is no such folder"));
    }

    @Test
    public void networkForAnotherProcessor() throws Exception {
        TestBundle bundle = TestBundle.of("int8");
        System.setProperty("deit.model", "model.nb");
        try {
            refused(bundle, Code.MODEL, "is made for arm");
        } finally {
            System.setProperty("deit.model", "host.nb");
        }
    }

    @Test
    public void threadsOutOfRange() {
        for (int threads : new int[] {0, -1, 257}) {
            File folder = TestBundle.of("fp32").folder;
            String message =
                    refusal(Code.USAGE, () -> engine().open(folder, threads, PowerMode.HIGH)).getMessage();
            assertEquals(threads + " threads: give 1 to 256", message);
        }
    }

    @Test
    public void closedClassifierSaysSo() throws Exception {
        TestBundle bundle = TestBundle.of("fp32");
        Classifier classifier = open(bundle);
        classifier.close();
        classifier.close();
        refusal(Code.USAGE, () -> classifier.classify(golden(bundle), 1));
        refusal(Code.USAGE, classifier::logits);
        refusal(Code.USAGE, () -> classifier.bench(0, 1, () -> false));
        assertEquals("deit_tiny", classifier.facts().model);
    }

    @Test
    public void bitmapsWhosePixelsCannotBeRead() throws Exception {
        Classifier classifier = open(TestBundle.of("fp32"));
        Bitmap recycled = pattern(9, 9, 255);
        recycled.recycle();
        assertTrue(message(classifier, recycled).contains("recycled"));
        assertTrue(message(classifier, null).contains("recycled"));
        assertTrue(message(classifier, Bitmap.createBitmap(9, 9, Bitmap.Config.RGB_565)).contains("RGB_565"));
    }

    private String message(Classifier classifier, Bitmap bitmap) {
        return refusal(Code.PICTURE, () -> classifier.classify(bitmap, 1)).getMessage();
    }

    @Test
    public void numberOfGuesses() throws Exception {
        TestBundle bundle = TestBundle.of("fp32");
        Classifier classifier = open(bundle);
        assertEquals(10, classifier.classify(golden(bundle), Integer.MAX_VALUE).guesses.size());
        assertEquals(1, classifier.classify(golden(bundle), 1).guesses.size());
        refusal(Code.USAGE, () -> classifier.classify(golden(bundle), 0));
        refusal(Code.USAGE, () -> classifier.classify(golden(bundle), -3));
    }

    @Test
    public void logitsNeedARun() throws Exception {
        Classifier classifier = open(TestBundle.of("fp32"));
        assertTrue(refusal(Code.ENGINE, classifier::logits).getMessage().contains("has not run"));
    }

    @Test
    public void refusedPictureLeavesTheLastAnswer() throws Exception {
        TestBundle bundle = TestBundle.of("fp32");
        Classifier classifier = open(bundle);
        classifier.classify(golden(bundle), 1);
        float[] before = classifier.logits();
        refusal(Code.PICTURE, () -> classifier.classify(null, 1));
        assertArrayEquals(before, classifier.logits(), 0);
    }
}

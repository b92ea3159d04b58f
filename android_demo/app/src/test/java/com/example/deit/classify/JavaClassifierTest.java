package com.example.deit.classify;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;

import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import com.example.deit.NeedsEngine;
import com.example.deit.Processors;
import com.example.deit.bundle.BundleManifest;
import com.example.deit.classify.ClassifierException.Code;
import java.nio.file.Files;
import org.json.JSONObject;
import org.junit.Rule;
import org.junit.Test;

/** Paddle Lite's Java interface, and pictures prepared in Java. */
public class JavaClassifierTest extends ClassifierTests {
    @Rule public final Processors processors = new Processors();

    @Override
    Engine engine() {
        return Engine.JAVA;
    }

    @Test
    public void tensorIsPythonsToTheBit() throws Exception {
        TestBundle bundle = TestBundle.of("fp32");
        BundleManifest manifest = BundleManifest.read(bundle.folder);
        Preprocessor preprocessor =
                new Preprocessor(manifest.resizeShort, manifest.crop, manifest.mean, manifest.std);
        Bitmap picture = BitmapFactory.decodeFile(bundle.file("golden.png").getPath());
        float[] tensor = preprocessor.run(
                new BitmapPixels().of(picture), picture.getWidth(), picture.getHeight(), picture.getRowBytes());
        float[] golden = bundle.golden("tensor");
        assertEquals(golden.length, tensor.length);
        for (int i = 0; i < golden.length; i++) {
            assertEquals("value " + i, Float.floatToRawIntBits(golden[i]), Float.floatToRawIntBits(tensor[i]));
        }
    }

    @Test
    @NeedsEngine
    public void logitsAreTheNativeEnginesToTheBit() throws Exception {
        TestBundle bundle = TestBundle.of("int8");
        Classifier java = open(bundle);
        try (Classifier core = Engine.NATIVE.open(bundle.folder, 1, PowerMode.NO_BIND)) {
            for (int[] size : new int[][] {{1, 1}, {640, 427}, {1000, 3}, {224, 224}}) {
                Bitmap bitmap = pattern(size[0], size[1], 255);
                java.classify(bitmap, 1);
                core.classify(bitmap, 1);
                assertArrayEquals(core.logits(), java.logits(), 0);
            }
        }
    }

    @Test
    @NeedsEngine
    public void oneFlippedBitIsSeen() throws Exception {
        byte[] bytes = Files.readAllBytes(TestBundle.of("fp32").file("host.nb").toPath());
        bytes[bytes.length / 2] ^= 1;
        refused(copy().with("host.nb", bytes), Code.MODEL, "SHA-256 differs");
    }

    @Test
    @NeedsEngine
    public void whatOnlyTheNativeEngineCanAskTheProcessor() throws Exception {
        JSONObject manifest = new JSONObject(TestBundle.of("fp32").text("manifest.json"));
        String fp16 = manifest.put("precision", "fp16").toString();
        JSONObject requires = new JSONObject().put("cpu", "asimdhp").put("release", "arm82_fp16");
        String mixed = manifest.put("precision", "int8-fp16").put("requires", requires).toString();
        String opencl = manifest.put("precision", "fp32").put("requires", JSONObject.NULL).put("target", "opencl").toString();
        String x86 = System.setProperty("os.arch", "aarch64");
        System.setProperty("deit.model", "model.nb");
        try {
            for (String half : new String[] {fp16, mixed}) {
                processors.are(Processors.A55);
                String kernels = "needs fp16 kernels in Paddle Lite's library, which cannot be asked for from Java: "
                        + "choose the native engine";
                refused(copy().with("manifest.json", half), Code.MODEL, kernels);
                processors.are(Processors.A55, Processors.A53);
                refused(copy().with("manifest.json", half), Code.MODEL, "not every core of this processor has");
            }
            refused(copy().with("manifest.json", opencl), Code.MODEL, "needs OpenCL");
            System.setProperty("deit.model", "host.nb");
            refused(copy(), Code.MODEL, "is made for x86");
        } finally {
            System.setProperty("os.arch", x86);
            System.setProperty("deit.model", "host.nb");
        }
    }
}

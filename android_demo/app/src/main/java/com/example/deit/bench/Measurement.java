package com.example.deit.bench;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.graphics.Color;
import android.net.Uri;
import com.example.deit.bundle.BundleException;
import com.example.deit.bundle.BundleFiles;
import com.example.deit.bundle.ModelBundle;
import com.example.deit.classify.Classification;
import com.example.deit.classify.Classifier;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Facts;
import com.example.deit.engine.OpenEngine;
import com.example.deit.picture.PictureException;
import com.example.deit.picture.PictureReader;
import java.io.File;
import java.util.function.BooleanSupplier;

/** One benchmark: the network loaded afresh, its first run, runs to warm up and measured ones, all raw. */
public final class Measurement {
    private static final int CLASSES = 5;
    private static final int GREY_SIDE = 256;

    public final Facts facts;
    public final File file; // the .nb that ran
    public final String picture; // its name
    public final Double decodeMs; // null for a picture that is made up
    public final Classification first;
    public final int warmup;
    public final double[] latencies; // ms
    public final Statistics statistics;
    public final String cpuMask;
    public final Long peakKib;

    /**
     * Measures; on the engine thread.
     *
     * @param warmup runs between the first and the measured ones, at least 1
     * @param cancelled asked between runs
     */
    public Measurement(OpenEngine engine, ContentResolver resolver, int warmup, int repeats, BooleanSupplier cancelled)
            throws BundleException, ClassifierException, PictureException {
        Classifier classifier = engine.reopened();
        ModelBundle bundle = engine.bundle();
        file = new File(bundle.folder, BundleFiles.network());
        facts = classifier.facts();
        this.warmup = warmup;

        File golden = new File(bundle.folder, BundleFiles.GOLDEN);
        long start = System.nanoTime();
        Bitmap bitmap = golden.isFile() ? read(resolver, golden, bundle) : grey();
        decodeMs = golden.isFile() ? (System.nanoTime() - start) / 1e6 : null;
        picture = golden.isFile() ? golden.getPath() : "grey";

        first = classifier.classify(bitmap, CLASSES);
        // The first run was the one above; the bench's own one before its warm-up is the first to warm up.
        latencies = classifier.bench(warmup - 1, repeats, cancelled);
        // With nothing measured it has been cancelled, and nobody will read this.
        statistics = latencies.length == 0 ? null : new Statistics(latencies);
        cpuMask = ProcessStatus.cpuMask();
        peakKib = ProcessStatus.peakKib();
    }

    private static Bitmap read(ContentResolver resolver, File golden, ModelBundle bundle) throws PictureException {
        return PictureReader.read(resolver, Uri.fromFile(golden), bundle.manifest.resizeShort);
    }

    /** For a bundle without its golden picture: the time does not depend on what the picture shows. */
    private static Bitmap grey() {
        Bitmap bitmap = Bitmap.createBitmap(GREY_SIDE, GREY_SIDE, Bitmap.Config.ARGB_8888);
        bitmap.eraseColor(Color.GRAY);
        return bitmap;
    }
}

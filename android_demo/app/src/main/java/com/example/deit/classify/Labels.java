package com.example.deit.classify;

import com.example.deit.bundle.BundleFiles;
import com.example.deit.bundle.BundleManifest;
import com.example.deit.classify.ClassifierException.Code;
import java.io.File;
import java.io.IOException;

/** The names of the classes, one a line of labels.txt, in the order of the logits; as cpp/src/labels.cpp. */
public final class Labels {
    private Labels() {}

    /** Throws {@code BUNDLE} if the file is not the manifest's, is no UTF-8, or has not just as many names. */
    public static String[] read(File file, BundleManifest manifest) throws ClassifierException {
        int classes = manifest.classes;
        String text;
        try {
            String difference = manifest.difference(file);
            if (difference != null && file.isFile()) throw new ClassifierException(Code.BUNDLE, file + " " + difference);
            text = BundleFiles.text(file);
        } catch (IOException error) {
            throw new ClassifierException(
                    Code.BUNDLE, file + " cannot be used: " + error.getMessage() + "; copy the bundle again", error);
        }
        if (text.endsWith("\n")) text = text.substring(0, text.length() - 1);
        String[] labels = text.split("\n", -1);
        for (int i = 0; i < labels.length; i++) {
            if (labels[i].endsWith("\r")) labels[i] = labels[i].substring(0, labels[i].length() - 1);
            if (labels[i].trim().isEmpty()) {
                throw new ClassifierException(
                        Code.BUNDLE, file + ": line " + (i + 1) + " is empty; give each class one line");
            }
        }
        if (labels.length != classes) {
            throw new ClassifierException(
                    Code.BUNDLE,
                    file + " has " + labels.length + " labels for " + classes
                            + " classes: give the labels of this network");
        }
        return labels;
    }
}

package com.example.deit.words;

import android.content.res.Resources;
import com.example.deit.R;
import com.example.deit.bundle.BundleException;
import com.example.deit.classify.ClassifierException;
import com.example.deit.picture.PictureException;

/** What went wrong, in words for a screen: a sentence in the user's language, a detail in English, a way out. */
public final class Problem {
    /** What the button under the sentence does. */
    public enum Remedy {
        /** No button. */
        NONE(0),
        /** Tries again. */
        RETRY(R.string.retry),
        /** Opens the app's settings screen, where another bundle or engine can be chosen. */
        SETTINGS(R.string.settings),
        /** Opens the system's page on this app, where permissions are given. */
        PERMISSIONS(R.string.permissions);

        /** The string resource on the button; 0 for none. */
        public final int label;

        Remedy(int label) {
            this.label = label;
        }
    }

    private final int sentence;
    private final String argument;
    /** In English; null if there is none. */
    public final String detail;
    public final Remedy remedy;

    /**
     * @param sentence a string resource, with one %1$s if there is an argument
     * @param detail in English; null if there is none
     */
    public Problem(int sentence, String argument, String detail, Remedy remedy) {
        this.sentence = sentence;
        this.argument = argument;
        this.detail = detail;
        this.remedy = remedy;
    }

    public static Problem of(BundleException e) {
        boolean elsewhere = e.reason == BundleException.Reason.NONE;
        return new Problem(
                sentence(e), e.argument, e.getMessage(), elsewhere ? Remedy.RETRY : Remedy.SETTINGS);
    }

    public static Problem of(ClassifierException e) {
        return new Problem(sentence(e.code), null, e.getMessage(), remedy(e.code));
    }

    public static Problem of(PictureException e) {
        return new Problem(R.string.problem_picture, null, e.getMessage(), Remedy.NONE);
    }

    public static Problem outOfMemory() {
        return new Problem(R.string.problem_memory, null, null, Remedy.RETRY);
    }

    private static int sentence(BundleException e) {
        switch (e.reason) {
            case NONE:
                return e.argument == null ? R.string.problem_no_storage : R.string.problem_no_bundle;
            case GONE:
                return R.string.problem_bundle_gone;
            case NO_MANIFEST:
                return R.string.problem_no_manifest;
            case BAD_MANIFEST:
                return R.string.problem_bad_manifest;
            case NO_FILE:
                return R.string.problem_no_file;
            case HALF_COPIED:
                return R.string.problem_half_copied;
            case DAMAGED:
                return R.string.problem_damaged;
            case CRASHED:
                return R.string.problem_crashed;
            case OTHER_TARGET:
                return R.string.problem_other_target;
            case NO_OPENCL:
                return R.string.problem_no_opencl;
            case NO_FP16:
                return R.string.problem_no_fp16;
            case NOT_UNPACKED:
                return R.string.problem_not_unpacked;
            default:
                throw new AssertionError(e.reason);
        }
    }

    private static int sentence(ClassifierException.Code code) {
        switch (code) {
            case USAGE:
                return R.string.problem_usage;
            case PICTURE:
                return R.string.problem_picture;
            case MODEL:
                return R.string.problem_model;
            case BUNDLE:
                return R.string.problem_bundle;
            case ENGINE:
                return R.string.problem_engine;
            case MEMORY:
                return R.string.problem_memory;
            case ABI:
                return R.string.problem_abi;
            default:
                throw new AssertionError(code);
        }
    }

    private static Remedy remedy(ClassifierException.Code code) {
        switch (code) {
            case PICTURE:
            case ABI:
                return Remedy.NONE;
            case ENGINE:
            case MEMORY:
                return Remedy.RETRY;
            default:
                return Remedy.SETTINGS;
        }
    }

    /** The sentence in the user's language. */
    public String text(Resources resources) {
        return argument == null ? resources.getString(sentence) : resources.getString(sentence, argument);
    }
}

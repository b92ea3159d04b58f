package com.example.deit.screen;

import android.annotation.TargetApi;
import android.content.ClipData;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.provider.MediaStore;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Pictures that come from elsewhere: how they are asked for, and what an intent brings of them. */
final class Incoming {
    /** No list is longer, and no picker lets more be chosen. */
    static final int MOST = 50;

    private Incoming() {}

    /** The system's photo picker, which needs no permission, where there is one (Android 13). */
    static Intent picker() {
        return Build.VERSION.SDK_INT >= 33 ? photoPicker() : documents();
    }

    @TargetApi(33)
    private static Intent photoPicker() {
        Intent intent = new Intent(MediaStore.ACTION_PICK_IMAGES);
        intent.setType("image/*");
        return intent.putExtra(MediaStore.EXTRA_PICK_IMAGES_MAX, Math.min(MOST, MediaStore.getPickImagesMaxLimit()));
    }

    /** What every Android has; the device may have an app for one of them only. */
    static Intent documents() {
        Intent intent = new Intent(Intent.ACTION_OPEN_DOCUMENT);
        intent.addCategory(Intent.CATEGORY_OPENABLE);
        intent.setType("image/*");
        return intent.putExtra(Intent.EXTRA_ALLOW_MULTIPLE, true);
    }

    /** The addresses that a picker's answer or a share brings: each once, in order; none that is a file of this app. */
    static List<Uri> of(Intent intent) {
        Set<Uri> found = new LinkedHashSet<>();
        if (intent == null) return new ArrayList<>();
        Object stream = stream(intent);
        if (Intent.ACTION_SEND_MULTIPLE.equals(intent.getAction()) && stream instanceof List) {
            for (Object one : (List<?>) stream) if (one instanceof Uri) found.add((Uri) one);
        } else if (Intent.ACTION_SEND.equals(intent.getAction()) && stream instanceof Uri) {
            found.add((Uri) stream);
        }
        ClipData clip = intent.getClipData();
        for (int i = 0; clip != null && i < clip.getItemCount(); i++) found.add(clip.getItemAt(i).getUri());
        found.add(intent.getData());
        List<Uri> uris = new ArrayList<>();
        for (Uri uri : found) {
            // Another app must not have us open our own files for it: theirs come by content providers.
            if (uri != null && "content".equals(uri.getScheme()) && uris.size() < MOST) uris.add(uri);
        }
        return uris;
    }

    /** What another app calls the pictures: it may be of any type. Null if it is nothing that we can unpack. */
    @SuppressWarnings("deprecation") // what replaces get came with API 33, and wants to know the type
    private static Object stream(Intent intent) {
        try {
            Bundle extras = intent.getExtras();
            return extras == null ? null : extras.get(Intent.EXTRA_STREAM);
        } catch (RuntimeException e) {
            return null; // BadParcelableException, of a class that is not ours for instance
        }
    }

    /** Opens several pictures as a list. */
    static Intent several(Context context, List<Uri> uris) {
        return carrying(new Intent(context, SeveralActivity.class), uris);
    }

    /**
     * The same pictures in another intent, for a screen of ours. It is not granted the right to read them: the app has
     * it, or has not, and to grant what it has not is a SecurityException.
     */
    static Intent carrying(Intent intent, List<Uri> uris) {
        ClipData clip = ClipData.newRawUri(null, uris.get(0));
        for (Uri uri : uris.subList(1, uris.size())) clip.addItem(new ClipData.Item(uri));
        intent.setClipData(clip);
        return intent;
    }
}

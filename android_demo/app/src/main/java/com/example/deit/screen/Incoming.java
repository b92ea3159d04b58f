package com.example.deit.screen;

import android.annotation.TargetApi;
import android.content.ClipData;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;
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
    @SuppressWarnings("deprecation") // what replaces getParcelable… came with API 33
    static List<Uri> of(Intent intent) {
        Set<Uri> found = new LinkedHashSet<>();
        if (intent == null) return new ArrayList<>();
        if (Intent.ACTION_SEND_MULTIPLE.equals(intent.getAction())) {
            List<Uri> streams = intent.getParcelableArrayListExtra(Intent.EXTRA_STREAM);
            if (streams != null) found.addAll(streams);
        } else if (Intent.ACTION_SEND.equals(intent.getAction())) {
            found.add(intent.getParcelableExtra(Intent.EXTRA_STREAM));
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

    /** Opens several pictures as a list. */
    static Intent several(Context context, List<Uri> uris) {
        return carrying(new Intent(context, SeveralActivity.class), uris);
    }

    /** The same pictures in another intent, with the right to read them. */
    static Intent carrying(Intent intent, List<Uri> uris) {
        ClipData clip = ClipData.newRawUri(null, uris.get(0));
        for (Uri uri : uris.subList(1, uris.size())) clip.addItem(new ClipData.Item(uri));
        intent.setClipData(clip);
        return intent.addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION);
    }
}

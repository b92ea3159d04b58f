package com.example.deit.picture;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.database.Cursor;
import android.database.MatrixCursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.provider.OpenableColumns;
import java.io.File;
import java.io.FileNotFoundException;
import java.util.Collections;

/**
 * Gives the camera app a file of ours to write a picture to. It is not exported: only who was granted one address can
 * open it. There is one picture, in the cache folder; the next overwrites it.
 */
public final class PictureProvider extends ContentProvider {
    private static final String NAME = "taken.jpg";

    /** The address for the camera app to write to. */
    public static Uri uri(Context context) {
        // As in the manifest.
        return Uri.parse("content://" + context.getPackageName() + ".pictures/" + NAME);
    }

    /** The address for us to read from: the file itself. */
    public static Uri taken(Context context) {
        return Uri.fromFile(file(context));
    }

    private static File file(Context context) {
        return new File(context.getCacheDir(), NAME);
    }

    @Override
    public boolean onCreate() {
        return true;
    }

    @Override
    public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        return ParcelFileDescriptor.open(known(uri), ParcelFileDescriptor.parseMode(mode));
    }

    @Override
    public String getType(Uri uri) {
        return "image/jpeg";
    }

    @Override
    public Cursor query(Uri uri, String[] projection, String selection, String[] arguments, String order) {
        MatrixCursor cursor = new MatrixCursor(new String[] {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE});
        try {
            cursor.addRow(new Object[] {NAME, known(uri).length()});
        } catch (FileNotFoundException e) {
            // No such picture: no row.
        }
        return cursor;
    }

    @Override
    public Uri insert(Uri uri, ContentValues values) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int delete(Uri uri, String selection, String[] arguments) {
        throw new UnsupportedOperationException();
    }

    @Override
    public int update(Uri uri, ContentValues values, String selection, String[] arguments) {
        throw new UnsupportedOperationException();
    }

    /** Only the one name is let through, so that no address leads elsewhere. */
    private File known(Uri uri) throws FileNotFoundException {
        Context context = getContext();
        if (context == null || !Collections.singletonList(NAME).equals(uri.getPathSegments())) {
            throw new FileNotFoundException(uri.toString());
        }
        return file(context);
    }
}

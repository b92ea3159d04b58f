package com.example.deit.picture;

import android.content.ContentResolver;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Matrix;
import android.media.ExifInterface;
import android.net.Uri;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** A picture's address → its pixels, upright, as the network wants to be given them. */
public final class PictureReader {
    /** Four times what the largest DeiT needs; four bytes each. Larger pictures are read at a half, a quarter, … */
    static final long MAX_PIXELS = 4_000_000;
    /** What a canvas draws: 100 MiB of a bitmap. A long strip, whose short side cannot be halved, may be above. */
    static final long MOST_PIXELS = (100L << 20) / 4;

    private PictureReader() {}

    /**
     * Reads a picture of any format that Android knows. Not for the main thread.
     *
     * @param shortSide pixels that the network resizes the short side to; no picture is read smaller than that
     * @return ARGB_8888, colours as the file has them where it is transparent, alpha not in use
     * @throws PictureException if it cannot be read; OutOfMemoryError is let pass
     */
    public static Bitmap read(ContentResolver resolver, Uri uri, int shortSide) throws PictureException {
        try {
            BitmapFactory.Options options = new BitmapFactory.Options();
            options.inJustDecodeBounds = true;
            decode(resolver, uri, options);
            options.inJustDecodeBounds = false;
            options.inSampleSize = sampleSize(options.outWidth, options.outHeight, shortSide);
            checkPixels(options.outWidth, options.outHeight, options.inSampleSize);
            options.inPreferredConfig = Bitmap.Config.ARGB_8888;
            // Multiplied by alpha, the colours of a transparent PNG are other ones than the network was trained on.
            options.inPremultiplied = false;
            Bitmap bitmap = decode(resolver, uri, options);
            if (bitmap == null) {
                String refusal = PhoneFormat.refusal(head(resolver, uri));
                throw new PictureException(refusal != null ? refusal : options.outMimeType, null);
            }
            // The core drops alpha; and a canvas draws a bitmap that is not premultiplied only without.
            bitmap.setHasAlpha(false);
            return upright(bitmap, orientation(resolver, uri));
        } catch (IOException | RuntimeException e) {
            // Whatever another app's provider throws arrives here; uncaught, it would end the process.
            throw new PictureException(e.getMessage(), e);
        }
    }

    private static Bitmap decode(ContentResolver resolver, Uri uri, BitmapFactory.Options options)
            throws IOException {
        try (InputStream in = resolver.openInputStream(uri)) {
            if (in == null) throw new IOException(uri.toString());
            return BitmapFactory.decodeStream(in, null, options);
        }
    }

    private static byte[] head(ContentResolver resolver, Uri uri) throws IOException {
        try (InputStream in = resolver.openInputStream(uri)) {
            byte[] head = new byte[PhoneFormat.HEAD];
            int size = in == null ? 0 : Math.max(in.read(head), 0);
            return Arrays.copyOf(head, size);
        }
    }

    /** The power of two that brings a picture below the limit, if its short side allows. */
    static int sampleSize(int width, int height, int shortSide) {
        int size = 1;
        while ((long) (width / size) * (height / size) > MAX_PIXELS
                && Math.min(width, height) / (size * 2) >= shortSide) {
            size *= 2;
        }
        return size;
    }

    /** Refuses what would be too large even when it is sampled. */
    static void checkPixels(int width, int height, int sampleSize) throws PictureException {
        if ((long) (width / sampleSize) * (height / sampleSize) <= MOST_PIXELS) return;
        throw new PictureException(
                "it has " + width + "×" + height + " pixels, too many for the screen: cut a part out of it", null);
    }

    private static int orientation(ContentResolver resolver, Uri uri) throws IOException {
        try (InputStream in = resolver.openInputStream(uri)) {
            if (in == null) return ExifInterface.ORIENTATION_NORMAL;
            return new ExifInterface(in)
                    .getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL);
        }
    }

    private static Bitmap upright(Bitmap bitmap, int orientation) {
        Matrix matrix = new Matrix();
        switch (orientation) {
            case ExifInterface.ORIENTATION_FLIP_HORIZONTAL:
                matrix.setScale(-1, 1);
                break;
            case ExifInterface.ORIENTATION_ROTATE_180:
                matrix.setRotate(180);
                break;
            case ExifInterface.ORIENTATION_FLIP_VERTICAL:
                matrix.setScale(1, -1);
                break;
            case ExifInterface.ORIENTATION_TRANSPOSE:
                matrix.setRotate(90);
                matrix.postScale(-1, 1);
                break;
            case ExifInterface.ORIENTATION_ROTATE_90:
                matrix.setRotate(90);
                break;
            case ExifInterface.ORIENTATION_TRANSVERSE:
                matrix.setRotate(-90);
                matrix.postScale(-1, 1);
                break;
            case ExifInterface.ORIENTATION_ROTATE_270:
                matrix.setRotate(-90);
                break;
            default:
                return bitmap;
        }
        return Bitmap.createBitmap(bitmap, 0, 0, bitmap.getWidth(), bitmap.getHeight(), matrix, false);
    }
}

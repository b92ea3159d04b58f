package com.example.deit;

import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import android.graphics.Color;
import android.media.ExifInterface;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;

/** Picture files that tests make. */
public final class Pictures {
    private Pictures() {}

    /** A PNG of one colour. */
    public static File plain(File folder, int width, int height) throws IOException {
        Bitmap bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888);
        bitmap.eraseColor(Color.rgb(200, 40, 40));
        return write(bitmap, Bitmap.CompressFormat.PNG, new File(folder, width + "x" + height + ".png"));
    }

    /** Red at the upper left, green at the upper right, blue at the lower left, white at the lower right. */
    public static Bitmap corners(int width, int height) {
        Bitmap bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                boolean left = x < width / 2;
                boolean upper = y < height / 2;
                int colour = upper ? (left ? Color.RED : Color.GREEN) : (left ? Color.BLUE : Color.WHITE);
                bitmap.setPixel(x, y, colour);
            }
        }
        return bitmap;
    }

    /** A JPEG of them that says it is to be turned. */
    public static File turned(File folder, int orientation) throws IOException {
        File file = write(corners(80, 48), Bitmap.CompressFormat.JPEG, new File(folder, orientation + ".jpg"));
        ExifInterface exif = new ExifInterface(file.getPath());
        exif.setAttribute(ExifInterface.TAG_ORIENTATION, Integer.toString(orientation));
        exif.saveAttributes();
        return file;
    }

    public static File write(Bitmap bitmap, Bitmap.CompressFormat format, File file) throws IOException {
        try (FileOutputStream out = new FileOutputStream(file)) {
            assertTrue(bitmap.compress(format, 95, out));
        }
        return file;
    }
}

package com.example.deit.camera;

import android.content.Context;
import android.graphics.Matrix;
import android.graphics.RectF;
import android.view.TextureView;

/** A camera's preview over the whole view: its shape kept, what does not fit cut off. */
final class PreviewView extends TextureView {
    private int frameWidth = 3;
    private int frameHeight = 4;

    PreviewView(Context context) {
        super(context);
        // Shown behind the bars by the screen.
        setOpaque(true);
    }

    /** The size of the preview where the device is held as it is built. */
    void setFrame(int width, int height) {
        frameWidth = width;
        frameHeight = height;
        transform();
    }

    @Override
    protected void onSizeChanged(int width, int height, int before, int oldHeight) {
        super.onSizeChanged(width, height, before, oldHeight);
        transform();
    }

    /** Fills the view as the screen is turned now; to be called again when it is turned. */
    void transform() {
        setTransform(fill(getWidth(), getHeight(), frameWidth, frameHeight, turned()));
    }

    /** Degrees that the screen is turned by from how the device is built: 0, 90, 180 or 270. */
    int turned() {
        return getDisplay() == null ? 0 : getDisplay().getRotation() * 90;
    }

    /**
     * What makes a preview fill its view. The texture is stretched to the view and upright where the device is held as
     * it is built.
     *
     * @param display degrees that the screen is turned by from that: 0, 90, 180 or 270
     */
    static Matrix fill(float width, float height, float frameWidth, float frameHeight, int display) {
        Matrix matrix = new Matrix();
        if (width == 0 || height == 0) return matrix;
        RectF view = new RectF(0, 0, width, height);
        RectF frame = new RectF(0, 0, frameWidth, frameHeight);
        frame.offset(view.centerX() - frame.centerX(), view.centerY() - frame.centerY());
        matrix.setRectToRect(view, frame, Matrix.ScaleToFit.FILL);
        matrix.postRotate(-display, view.centerX(), view.centerY());
        boolean across = display % 180 == 90;
        float scale = Math.max(
                width / (across ? frameHeight : frameWidth), height / (across ? frameWidth : frameHeight));
        matrix.postScale(scale, scale, view.centerX(), view.centerY());
        return matrix;
    }
}

package com.example.deit.camera;

import android.content.Context;
import android.view.TextureView;

/** A camera's preview, as wide as it may be and as high as its shape wants. */
final class PreviewView extends TextureView {
    private int frameWidth = 3;
    private int frameHeight = 4;

    PreviewView(Context context) {
        super(context);
    }

    void setFrame(int width, int height) {
        frameWidth = width;
        frameHeight = height;
        requestLayout();
    }

    @Override
    protected void onMeasure(int widthSpec, int heightSpec) {
        int width = MeasureSpec.getSize(widthSpec);
        int height = width * frameHeight / frameWidth;
        int most = MeasureSpec.getSize(heightSpec);
        if (MeasureSpec.getMode(heightSpec) != MeasureSpec.UNSPECIFIED && height > most) {
            height = most;
            width = height * frameWidth / frameHeight;
        }
        setMeasuredDimension(width, height);
    }
}

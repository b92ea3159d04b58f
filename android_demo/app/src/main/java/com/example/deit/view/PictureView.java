package com.example.deit.view;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.Path;
import android.graphics.RectF;
import android.graphics.drawable.Drawable;
import android.util.AttributeSet;
import android.widget.ImageView;

/** A picture with round corners: its own, not those of the room it stands in. */
public final class PictureView extends ImageView {
    private static final float RADIUS_DP = 16;

    private final RectF place = new RectF();
    private final Path outline = new Path();

    public PictureView(Context context, AttributeSet attributes) {
        super(context, attributes);
    }

    @Override
    protected void onDraw(Canvas canvas) {
        Drawable drawable = getDrawable();
        if (drawable == null) return;
        place.set(0, 0, drawable.getIntrinsicWidth(), drawable.getIntrinsicHeight());
        getImageMatrix().mapRect(place);
        place.offset(getPaddingLeft(), getPaddingTop());
        // Of a picture that is cut to fill its room, only the room is seen.
        if (!place.intersect(0, 0, getWidth(), getHeight())) return;
        float radius = RADIUS_DP * getResources().getDisplayMetrics().density;
        outline.reset();
        outline.addRoundRect(place, radius, radius, Path.Direction.CW);
        int before = canvas.save();
        canvas.clipPath(outline);
        super.onDraw(canvas);
        canvas.restoreToCount(before);
    }
}

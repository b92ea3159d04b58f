package com.example.deit.view;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;
import android.view.ViewGroup;

/** Children side by side, in as many lines as they need: buttons stay whole in large fonts and long languages. */
public final class FlowLayout extends ViewGroup {
    public FlowLayout(Context context, AttributeSet attributes) {
        super(context, attributes);
    }

    @Override
    protected void onMeasure(int widthSpec, int heightSpec) {
        int width = MeasureSpec.getSize(widthSpec);
        int most = MeasureSpec.makeMeasureSpec(
                Math.max(0, width - getPaddingLeft() - getPaddingRight()), MeasureSpec.AT_MOST);
        int free = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED);
        for (int i = 0; i < getChildCount(); i++) getChildAt(i).measure(most, free);
        setMeasuredDimension(width, resolveSize(place(width, false), heightSpec));
    }

    @Override
    protected void onLayout(boolean changed, int left, int top, int right, int bottom) {
        place(right - left, true);
    }

    /** Gives the height that the lines take; with `layout` puts the children there. */
    private int place(int width, boolean layout) {
        boolean mirrored = getLayoutDirection() == LAYOUT_DIRECTION_RTL;
        int right = width - getPaddingRight();
        int x = getPaddingLeft();
        int y = getPaddingTop();
        int line = 0;
        for (int i = 0; i < getChildCount(); i++) {
            View child = getChildAt(i);
            if (child.getVisibility() == GONE) continue;
            if (x > getPaddingLeft() && x + child.getMeasuredWidth() > right) {
                x = getPaddingLeft();
                y += line;
                line = 0;
            }
            int start = mirrored ? width - x - child.getMeasuredWidth() : x;
            if (layout) {
                child.layout(start, y, start + child.getMeasuredWidth(), y + child.getMeasuredHeight());
            }
            x += child.getMeasuredWidth();
            line = Math.max(line, child.getMeasuredHeight());
        }
        return y + line + getPaddingBottom();
    }
}

package com.example.deit.view;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;
import android.view.ViewGroup;
import java.util.ArrayList;
import java.util.List;

/** Buttons of one width side by side; in as many lines as they need to stay whole in large fonts and long languages. */
public final class ButtonRow extends ViewGroup {
    public ButtonRow(Context context, AttributeSet attributes) {
        super(context, attributes);
    }

    @Override
    protected void onMeasure(int widthSpec, int heightSpec) {
        int width = MeasureSpec.getSize(widthSpec);
        int room = Math.max(0, width - getPaddingLeft() - getPaddingRight());
        List<View> shown = visible();
        int columns = columns(shown, room);
        int free = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED);
        int height = getPaddingTop() + getPaddingBottom();
        int line = 0;
        for (int place = 0; place < shown.size(); place++) {
            if (place % columns == 0) {
                height += line;
                line = 0;
            }
            View child = shown.get(place);
            child.measure(MeasureSpec.makeMeasureSpec(room / columns, MeasureSpec.EXACTLY), free);
            line = Math.max(line, child.getMeasuredHeight());
        }
        setMeasuredDimension(width, resolveSize(height + line, heightSpec));
    }

    /** The most columns, in lines of one length, in which no button is wider than its column. */
    private static int columns(List<View> shown, int room) {
        int free = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED);
        int widest = 0;
        for (View child : shown) {
            child.measure(free, free);
            widest = Math.max(widest, child.getMeasuredWidth());
        }
        int lines = 1;
        while (lines < shown.size() && room / columnsOf(shown, lines) < widest) lines++;
        return columnsOf(shown, lines);
    }

    private static int columnsOf(List<View> shown, int lines) {
        return Math.max(1, (shown.size() + lines - 1) / lines);
    }

    @Override
    protected void onLayout(boolean changed, int left, int top, int right, int bottom) {
        int room = right - left - getPaddingLeft() - getPaddingRight();
        boolean mirrored = getLayoutDirection() == LAYOUT_DIRECTION_RTL;
        int x = 0;
        int y = getPaddingTop();
        int line = 0;
        for (View child : visible()) {
            if (x + child.getMeasuredWidth() > room) {
                x = 0;
                y += line;
                line = 0;
            }
            int start = getPaddingLeft() + (mirrored ? room - x - child.getMeasuredWidth() : x);
            child.layout(start, y, start + child.getMeasuredWidth(), y + child.getMeasuredHeight());
            x += child.getMeasuredWidth();
            line = Math.max(line, child.getMeasuredHeight());
        }
    }

    private List<View> visible() {
        List<View> shown = new ArrayList<>();
        for (int i = 0; i < getChildCount(); i++) {
            if (getChildAt(i).getVisibility() != GONE) shown.add(getChildAt(i));
        }
        return shown;
    }
}

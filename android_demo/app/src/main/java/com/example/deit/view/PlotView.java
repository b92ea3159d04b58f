package com.example.deit.view;

import android.content.Context;
import android.graphics.Canvas;
import android.graphics.DashPathEffect;
import android.graphics.Paint;
import android.graphics.Path;
import android.util.AttributeSet;
import android.view.View;
import com.example.deit.R;

/** Measured runs in their order, from zero on, with their median as a line. */
public final class PlotView extends View {
    private static final int TICKS = 4;

    private final Paint grid = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint words = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint line = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint dots = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Paint middle = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Path path = new Path();
    private final float unit; // pixels of a dp
    private double[] values = {};
    private double median;

    public PlotView(Context context, AttributeSet attributes) {
        super(context, attributes);
        unit = getResources().getDisplayMetrics().density;
        grid.setColor(context.getColor(R.color.outline_variant));
        grid.setStrokeWidth(unit);
        words.setColor(context.getColor(R.color.on_surface_variant));
        words.setTextSize(getResources().getDimension(R.dimen.label));
        line.setColor(context.getColor(R.color.primary));
        line.setStyle(Paint.Style.STROKE);
        line.setStrokeWidth(1.5f * unit);
        dots.setColor(context.getColor(R.color.primary));
        middle.setColor(context.getColor(R.color.on_surface));
        middle.setStyle(Paint.Style.STROKE);
        middle.setStrokeWidth(1.5f * unit);
        middle.setPathEffect(new DashPathEffect(new float[] {6 * unit, 4 * unit}, 0));
    }

    /** @param values milliseconds, at least one; @param median theirs */
    public void show(double[] values, double median) {
        this.values = values.clone();
        this.median = median;
        invalidate();
    }

    /** The smallest of 1, 2, 5, 10, … that divides up to {@code most} into no more than so many steps. */
    static double step(double most, int steps) {
        double step = Math.pow(10, Math.floor(Math.log10(most / steps)));
        for (double factor : new double[] {1, 2, 5}) {
            if (step * factor * steps >= most) return step * factor;
        }
        return step * 10;
    }

    private double highest() {
        double most = 0;
        for (double value : values) most = Math.max(most, value);
        return most;
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (values.length == 0 || highest() <= 0) return;
        double step = step(highest(), TICKS);
        double top = Math.ceil(highest() / step) * step;
        String digits = step < 1 ? "%.1f" : "%.0f";
        float letter = words.getTextSize();
        float left = words.measureText(String.format(digits, top)) + 8 * unit;
        float right = getWidth() - 6 * unit;
        float bottom = getHeight() - letter * 1.5f;
        float head = letter;
        words.setTextAlign(Paint.Align.RIGHT);
        for (double tick = 0; tick <= top + step / 2; tick += step) {
            float y = (float) (bottom - tick / top * (bottom - head));
            canvas.drawLine(left, y, right, y, grid);
            canvas.drawText(String.format(digits, tick), left - 4 * unit, y + letter / 3, words);
        }
        words.setTextAlign(Paint.Align.LEFT);
        canvas.drawText("1", left, getHeight() - letter / 4, words);
        words.setTextAlign(Paint.Align.RIGHT);
        canvas.drawText(String.valueOf(values.length), right, getHeight() - letter / 4, words);

        float y = (float) (bottom - median / top * (bottom - head));
        drawRuns(canvas, left, right, bottom, head, top);
        path.reset();
        path.moveTo(left, y);
        path.lineTo(right, y);
        canvas.drawPath(path, middle);
    }

    private void drawRuns(Canvas canvas, float left, float right, float bottom, float head, double top) {
        float across = values.length == 1 ? 0 : (right - left - 8 * unit) / (values.length - 1);
        path.reset();
        for (int i = 0; i < values.length; i++) {
            float x = left + 4 * unit + i * across;
            float y = (float) (bottom - values[i] / top * (bottom - head));
            if (i == 0) path.moveTo(x, y);
            else path.lineTo(x, y);
            canvas.drawCircle(x, y, Math.min(3 * unit, Math.max(unit, across / 2)), dots);
        }
        canvas.drawPath(path, line);
    }
}

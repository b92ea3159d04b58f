package com.example.deit.view;

import android.annotation.TargetApi;
import android.app.Activity;
import android.content.res.Configuration;
import android.graphics.Color;
import android.graphics.Insets;
import android.os.Build;
import android.view.View;
import android.view.Window;
import android.view.WindowInsets;
import android.view.WindowInsetsController;
import android.view.WindowManager;

/** Screens from edge to edge: drawn behind the system's bars, with what is read and touched beside them. */
public final class Edges {
    public static final int LEFT = 1;
    public static final int TOP = 2;
    public static final int RIGHT = 4;
    public static final int BOTTOM = 8;

    private Edges() {}

    /** Lets a screen draw behind status and navigation bar, on every Android as Android 15 does by itself. */
    public static void draw(Activity screen) {
        Window window = screen.getWindow();
        int mode = screen.getResources().getConfiguration().uiMode & Configuration.UI_MODE_NIGHT_MASK;
        boolean light = mode != Configuration.UI_MODE_NIGHT_YES;
        if (Build.VERSION.SDK_INT >= 30) drawNew(window, light);
        else drawOld(window, light);
    }

    @TargetApi(30)
    private static void drawNew(Window window, boolean light) {
        window.setDecorFitsSystemWindows(false);
        WindowManager.LayoutParams attributes = window.getAttributes();
        attributes.layoutInDisplayCutoutMode = WindowManager.LayoutParams.LAYOUT_IN_DISPLAY_CUTOUT_MODE_ALWAYS;
        window.setAttributes(attributes);
        int dark = WindowInsetsController.APPEARANCE_LIGHT_NAVIGATION_BARS;
        WindowInsetsController bars = window.getDecorView().getWindowInsetsController();
        if (bars != null) bars.setSystemBarsAppearance(light ? dark : 0, dark);
    }

    @TargetApi(26)
    @SuppressWarnings("deprecation") // what replaces it came with API 30
    private static void drawOld(Window window, boolean light) {
        View decor = window.getDecorView();
        int flags = decor.getSystemUiVisibility()
                | View.SYSTEM_UI_FLAG_LAYOUT_STABLE
                | View.SYSTEM_UI_FLAG_LAYOUT_FULLSCREEN
                | View.SYSTEM_UI_FLAG_LAYOUT_HIDE_NAVIGATION;
        if (light && Build.VERSION.SDK_INT >= 26) flags |= View.SYSTEM_UI_FLAG_LIGHT_NAVIGATION_BAR;
        // Older ones draw the buttons white: they need something dark under them.
        if (light && Build.VERSION.SDK_INT < 26) window.setNavigationBarColor(Color.argb(128, 0, 0, 0));
        decor.setSystemUiVisibility(flags);
    }

    /** Adds what bars, cutout and keyboard take at some sides to the padding that a view has of its own. */
    public static void pad(View view, int sides) {
        int left = view.getPaddingLeft();
        int top = view.getPaddingTop();
        int right = view.getPaddingRight();
        int bottom = view.getPaddingBottom();
        view.setOnApplyWindowInsetsListener(
                (v, insets) -> {
                    int[] taken = taken(insets);
                    v.setPadding(
                            left + ((sides & LEFT) == 0 ? 0 : taken[0]),
                            top + ((sides & TOP) == 0 ? 0 : taken[1]),
                            right + ((sides & RIGHT) == 0 ? 0 : taken[2]),
                            bottom + ((sides & BOTTOM) == 0 ? 0 : taken[3]));
                    return insets;
                });
    }

    private static int[] taken(WindowInsets insets) {
        return Build.VERSION.SDK_INT >= 30 ? takenNew(insets) : takenOld(insets);
    }

    @TargetApi(30)
    private static int[] takenNew(WindowInsets insets) {
        int kinds = WindowInsets.Type.systemBars() | WindowInsets.Type.displayCutout() | WindowInsets.Type.ime();
        Insets taken = insets.getInsets(kinds);
        return new int[] {taken.left, taken.top, taken.right, taken.bottom};
    }

    @SuppressWarnings("deprecation") // what replaces it came with API 30
    private static int[] takenOld(WindowInsets insets) {
        return new int[] {
            insets.getSystemWindowInsetLeft(),
            insets.getSystemWindowInsetTop(),
            insets.getSystemWindowInsetRight(),
            insets.getSystemWindowInsetBottom()
        };
    }
}

package com.example.deit.screen;

import android.app.Activity;
import android.widget.Toolbar;
import com.example.deit.R;
import com.example.deit.view.Edges;

/** The bar over a screen that is opened from another one: its name, and the way back. */
final class Bars {
    private Bars() {}

    /** To be called once the screen has its layout, with a bar above what can be scrolled. */
    static void show(Activity screen) {
        Edges.draw(screen);
        Edges.pad(screen.findViewById(R.id.app_bar), Edges.LEFT | Edges.TOP | Edges.RIGHT);
        Edges.pad(screen.findViewById(R.id.content), Edges.LEFT | Edges.RIGHT | Edges.BOTTOM);
        screen.setActionBar((Toolbar) screen.findViewById(R.id.app_bar));
        screen.getActionBar().setDisplayHomeAsUpEnabled(true);
        screen.getActionBar().setHomeAsUpIndicator(R.drawable.ic_back);
    }
}

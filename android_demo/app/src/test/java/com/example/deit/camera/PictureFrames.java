package com.example.deit.camera;

import android.content.Context;
import android.graphics.Bitmap;
import android.view.View;
import android.widget.ImageView;
import com.example.deit.words.Problem;

/** A picture in the camera's place. */
public final class PictureFrames implements FrameSource {
    public Bitmap picture;
    public int asked;
    public int closed;
    public Listener listener;

    private final ImageView view;

    public PictureFrames(Context context, Bitmap picture) {
        this.picture = picture;
        view = new ImageView(context);
        view.setAdjustViewBounds(true);
        view.setContentDescription("What the camera sees");
        view.setImageBitmap(picture);
    }

    /** The camera has a new frame. */
    public void frame() {
        if (listener != null) listener.onFrame();
    }

    public void fail(Problem problem) {
        listener.onProblem(problem);
    }

    @Override
    public View view() {
        return view;
    }

    @Override
    public void open(Listener to) {
        listener = to;
    }

    @Override
    public Bitmap latest(Bitmap reuse) {
        asked++;
        return picture;
    }

    @Override
    public void close() {
        listener = null;
        closed++;
    }
}

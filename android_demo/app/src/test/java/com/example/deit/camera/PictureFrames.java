package com.example.deit.camera;

import android.content.Context;
import android.graphics.Bitmap;
import android.view.View;
import android.widget.ImageView;
import com.example.deit.words.Problem;

/** A picture in the camera's place. */
public class PictureFrames implements FrameSource {
    public Bitmap picture;
    public volatile int asked;
    public boolean light; // it has one
    public boolean another; // camera there is
    public int closed;
    public Listener listener;

    private final ImageView view;
    private String camera = "back";
    private boolean torch;

    public PictureFrames(Context context, Bitmap picture) {
        this.picture = picture;
        view = new ImageView(context);
        view.setScaleType(ImageView.ScaleType.CENTER_CROP);
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
        to.onCamera();
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

    @Override
    public String camera() {
        return camera;
    }

    @Override
    public void choose(String id) {
        if (id != null) camera = id;
    }

    @Override
    public boolean canSwitch() {
        return another;
    }

    @Override
    public void switchCamera() {
        camera = camera.equals("back") ? "front" : "back";
        torch = false;
        listener.onCamera();
    }

    @Override
    public boolean hasTorch() {
        return light;
    }

    @Override
    public boolean torch() {
        return torch;
    }

    @Override
    public void torch(boolean on) {
        torch = on;
    }
}

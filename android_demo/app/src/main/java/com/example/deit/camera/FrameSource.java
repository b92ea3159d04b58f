package com.example.deit.camera;

import android.graphics.Bitmap;
import android.view.View;
import com.example.deit.words.Problem;

/** Where live frames come from: the camera, or in a test a picture. All of it on the main thread. */
public interface FrameSource {
    /** Who is told. */
    interface Listener {
        /** There is a frame newer than the one before. */
        void onFrame();

        /** There will be no more frames, unless the source is opened again. */
        void onProblem(Problem problem);
    }

    /** What shows the frames on the screen. */
    View view();

    /** Begins; the listener is told until {@link #close}. */
    void open(Listener listener);

    /**
     * The newest frame.
     *
     * @param reuse a bitmap that an earlier call gave and nobody reads any more, to be overwritten; null at first
     * @return ARGB_8888; null if there is none now
     */
    Bitmap latest(Bitmap reuse);

    /** Ends, and gives the camera back. A second call does nothing. */
    void close();
}

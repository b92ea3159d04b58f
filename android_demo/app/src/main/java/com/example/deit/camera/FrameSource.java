package com.example.deit.camera;

import android.graphics.Bitmap;
import android.view.View;
import com.example.deit.words.Problem;

/** Where live frames come from: the camera, or in a test a picture. On the main thread, but for {@link #latest}. */
public interface FrameSource {
    /** Who is told, on the main thread. */
    interface Listener {
        /** There is a frame newer than the one before. */
        void onFrame();

        /** A camera is open: what it can do is known. */
        void onCamera();

        /** There will be no more frames, unless the source is opened again. */
        void onProblem(Problem problem);
    }

    /** What shows the frames on the screen. */
    View view();

    /** Begins; the listener is told until {@link #close}. */
    void open(Listener listener);

    /**
     * The newest frame, upright as the screen is held. From any thread.
     *
     * @param reuse a bitmap that an earlier call gave and nobody reads any more, to be overwritten; null at first
     * @return ARGB_8888; null if there is none now
     */
    Bitmap latest(Bitmap reuse);

    /** Ends, and gives the camera back. A second call does nothing. */
    void close();

    /** Which of the device's cameras it is; null before one was open. */
    String camera();

    /** The camera to open next; one that is not there any more means the first. */
    void choose(String camera);

    /** Whether there is another camera than the open one. */
    boolean canSwitch();

    /** Goes on with the next camera. */
    void switchCamera();

    /** Whether the open camera has a light. */
    boolean hasTorch();

    boolean torch();

    /** Turns the light on or off; a camera without one stays dark. */
    void torch(boolean on);
}

package com.example.deit.screen;

import android.Manifest;
import android.app.Activity;
import android.content.pm.PackageManager;
import com.example.deit.R;
import com.example.deit.words.Problem;

/** The one permission that the app asks for, when it is needed and not before. */
final class CameraPermission {
    private static final int REQUEST = 100;

    private final Activity activity;

    public CameraPermission(Activity activity) {
        this.activity = activity;
    }

    public boolean granted() {
        return activity.checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED;
    }

    public void request() {
        activity.requestPermissions(new String[] {Manifest.permission.CAMERA}, REQUEST);
    }

    /** The user's answer to {@link #request}. */
    public enum Reply {
        GRANTED,
        DENIED,
        /** There was none: the question was interrupted, by a rotation for instance, or is another one's. */
        NONE
    }

    /** What onRequestPermissionsResult is told. */
    public Reply reply(int request, int[] results) {
        if (request != REQUEST || results.length == 0) return Reply.NONE;
        return results[0] == PackageManager.PERMISSION_GRANTED ? Reply.GRANTED : Reply.DENIED;
    }

    /** What to say once it has been denied. */
    public Problem denial() {
        // If the system would not ask again, only its own page helps.
        boolean forever = !activity.shouldShowRequestPermissionRationale(Manifest.permission.CAMERA);
        return forever
                ? new Problem(R.string.problem_denied_forever, null, null, Problem.Remedy.PERMISSIONS)
                : new Problem(R.string.problem_denied, null, null, Problem.Remedy.RETRY);
    }
}

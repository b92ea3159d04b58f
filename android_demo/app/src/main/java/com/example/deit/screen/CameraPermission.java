package com.example.deit.screen;

import android.Manifest;
import android.app.Activity;
import android.content.Context;
import android.content.SharedPreferences;
import android.content.pm.PackageManager;
import com.example.deit.R;
import com.example.deit.words.Problem;

/** The one permission that the app asks for, when it is needed and not before. */
final class CameraPermission {
    private static final int REQUEST = 100;
    /** In preferences of its own: how often the answer was no, since it was last yes. */
    private static final String DENIALS = "denials";

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
        Reply reply = results[0] == PackageManager.PERMISSION_GRANTED ? Reply.GRANTED : Reply.DENIED;
        preferences().edit().putInt(DENIALS, reply == Reply.GRANTED ? 0 : denials() + 1).apply();
        return reply;
    }

    private int denials() {
        return preferences().getInt(DENIALS, 0);
    }

    private SharedPreferences preferences() {
        return activity.getSharedPreferences("camera_permission", Context.MODE_PRIVATE);
    }

    /** What to say once it has been denied. */
    public Problem denial() {
        // If the system would not ask again, only its own page helps. But it also gives no rationale after a first
        // question that was left without an answer (Android 11): that is worth another try.
        boolean forever =
                denials() > 1 && !activity.shouldShowRequestPermissionRationale(Manifest.permission.CAMERA);
        return forever
                ? new Problem(R.string.problem_denied_forever, null, null, Problem.Remedy.PERMISSIONS)
                : new Problem(R.string.problem_denied, null, null, Problem.Remedy.RETRY);
    }
}

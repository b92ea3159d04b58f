package com.example.deit.screen;

import android.app.Activity;
import android.content.Intent;
import android.net.Uri;
import android.provider.Settings;
import com.example.deit.R;
import com.example.deit.view.ProblemView;
import com.example.deit.words.Problem;

/** A problem on a screen that needs the engine, and where its button leads. */
final class Problems {
    private Problems() {}

    /**
     * Shows a problem in the screen's view for it.
     *
     * @param problem null for none
     * @param retry what the button does where the remedy is to try again
     */
    static void show(Activity screen, Problem problem, Runnable retry) {
        ProblemView view = screen.findViewById(R.id.problem);
        view.show(problem, () -> follow(screen, problem.remedy, retry));
    }

    private static void follow(Activity screen, Problem.Remedy remedy, Runnable retry) {
        if (remedy == Problem.Remedy.SETTINGS) {
            screen.startActivity(new Intent(screen, SettingsActivity.class));
        } else if (remedy == Problem.Remedy.PERMISSIONS) {
            Uri app = Uri.fromParts("package", screen.getPackageName(), null);
            screen.startActivity(new Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, app));
        } else {
            retry.run();
        }
    }
}

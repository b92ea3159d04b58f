package com.example.deit.view;

import android.app.Activity;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.util.AttributeSet;
import android.view.View;
import android.widget.Button;
import android.widget.LinearLayout;
import android.widget.TextView;
import com.example.deit.Problem;
import com.example.deit.R;
import com.example.deit.settings.SettingsActivity;

/** A problem in words with its way out; not there while there is none. */
public final class ProblemView extends LinearLayout {
    private final TextView sentence;
    private final TextView detail;
    private final Button remedy;

    public ProblemView(Context context, AttributeSet attributes) {
        super(context, attributes);
        setOrientation(VERTICAL);
        inflate(context, R.layout.view_problem, this);
        sentence = findViewById(R.id.problem_sentence);
        detail = findViewById(R.id.problem_detail);
        remedy = findViewById(R.id.problem_remedy);
        setVisibility(GONE);
    }

    /** @param problem null for none; @param retry what the button does where the remedy is to try again */
    public void show(Problem problem, Runnable retry) {
        setVisibility(problem == null ? GONE : VISIBLE);
        if (problem == null) return;
        String text = problem.text(getResources());
        // The same words again would be read aloud again.
        if (!text.contentEquals(sentence.getText())) sentence.setText(text);
        detail.setText(problem.detail());
        detail.setVisibility(problem.detail() == null ? GONE : VISIBLE);
        remedy.setVisibility(problem.remedy() == Problem.Remedy.NONE ? GONE : VISIBLE);
        switch (problem.remedy()) {
            case RETRY:
                offer(R.string.retry, v -> retry.run());
                break;
            case SETTINGS:
                offer(R.string.settings, v -> start(new Intent(getContext(), SettingsActivity.class)));
                break;
            case PERMISSIONS:
                offer(R.string.permissions, v -> start(permissionsPage()));
                break;
            default:
                break;
        }
    }

    private void offer(int text, View.OnClickListener action) {
        remedy.setText(text);
        remedy.setOnClickListener(action);
    }

    private void start(Intent intent) {
        ((Activity) getContext()).startActivity(intent);
    }

    private Intent permissionsPage() {
        Uri app = Uri.fromParts("package", getContext().getPackageName(), null);
        return new Intent(android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS, app);
    }
}

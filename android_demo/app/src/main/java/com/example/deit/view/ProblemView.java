package com.example.deit.view;

import android.content.Context;
import android.util.AttributeSet;
import android.widget.Button;
import android.widget.LinearLayout;
import android.widget.TextView;
import com.example.deit.R;
import com.example.deit.words.Problem;

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

    /** @param problem null for none; @param follow what the button does: the problem's remedy */
    public void show(Problem problem, Runnable follow) {
        setVisibility(problem == null ? GONE : VISIBLE);
        if (problem == null) return;
        String text = problem.text(getResources());
        // The same words again would be read aloud again.
        if (!text.contentEquals(sentence.getText())) sentence.setText(text);
        detail.setText(problem.detail);
        detail.setVisibility(problem.detail == null ? GONE : VISIBLE);
        remedy.setVisibility(problem.remedy == Problem.Remedy.NONE ? GONE : VISIBLE);
        if (problem.remedy == Problem.Remedy.NONE) return;
        remedy.setText(problem.remedy.label);
        remedy.setOnClickListener(v -> follow.run());
    }
}

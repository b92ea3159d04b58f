package com.example.deit.view;

import android.content.Context;
import android.util.AttributeSet;
import android.view.LayoutInflater;
import android.view.View;
import android.widget.LinearLayout;
import android.widget.ProgressBar;
import android.widget.TextView;
import com.example.deit.R;
import com.example.deit.classify.Guess;
import com.example.deit.words.Words;
import java.util.List;

/** The likeliest class, large, which TalkBack reads aloud when it changes; the others in rows below it. */
public final class ResultView extends LinearLayout {
    private static final int BAR = 1000;
    /** Labels of ImageNet are lists of names: letters as large as for one would fill the screen. */
    private static final int LONG_LABEL = 18;

    private final View top;
    private final TextView headline;
    private final TextView share;
    private final TextView unsure;
    private final ProgressBar bar;
    private final LinearLayout rows;
    private int hidden = GONE;

    public ResultView(Context context, AttributeSet attributes) {
        super(context, attributes);
        setOrientation(VERTICAL);
        inflate(context, R.layout.view_result, this);
        top = findViewById(R.id.top);
        headline = findViewById(R.id.headline);
        share = findViewById(R.id.headline_share);
        unsure = findViewById(R.id.unsure);
        bar = findViewById(R.id.headline_bar);
        rows = findViewById(R.id.guesses);
        setVisibility(GONE);
    }

    /** Keeps the room of a headline in one line and so many rows, so that nothing around it moves with the answers. */
    public void reserve(int count) {
        hidden = INVISIBLE;
        headline.setMaxLines(1);
        headline.setEllipsize(android.text.TextUtils.TruncateAt.END);
        headline.setLines(1);
        while (rows.getChildCount() < count) addRow();
        for (int row = 0; row < count; row++) {
            for (int id : new int[] {R.id.label, R.id.share}) {
                TextView text = rows.getChildAt(row).findViewById(id);
                text.setLines(1);
                text.setEllipsize(android.text.TextUtils.TruncateAt.END);
            }
            rows.getChildAt(row).setVisibility(hidden);
        }
        setVisibility(hidden);
    }

    private void addRow() {
        LayoutInflater.from(getContext()).inflate(R.layout.row_guess, rows);
    }

    /**
     * Shows what the network says.
     *
     * @param guesses likeliest first; null shows no result at all
     * @param threshold 0 to 1: classes less likely than that are left out, and if that is all of them the headline says so
     */
    public void show(List<Guess> guesses, double threshold) {
        setVisibility(guesses == null ? hidden : VISIBLE);
        if (guesses == null) {
            headline.setText(null);
            return;
        }
        Guess first = guesses.get(0);
        boolean sure = first.probability >= threshold;
        String text = sure ? first.label : getResources().getString(R.string.unsure);
        // In live mode each frame comes here: only another class is news.
        if (!text.contentEquals(headline.getText())) setHeadline(text);
        String percent = Words.percent(getResources(), first.probability);
        share.setText(percent);
        share.setVisibility(sure ? VISIBLE : GONE);
        bar.setProgress((int) Math.round(first.probability * BAR));
        unsure.setText(sure ? null : getResources().getString(R.string.unsure_hint, first.label, percent));
        unsure.setVisibility(sure ? GONE : VISIBLE);
        top.setContentDescription(
                sure ? getResources().getString(R.string.guess_description, 1, first.label, percent)
                        : text + ". " + unsure.getText());
        while (hidden == GONE && rows.getChildCount() < guesses.size() - 1) addRow();
        for (int row = 0; row < rows.getChildCount(); row++) {
            Guess guess = row + 1 < guesses.size() ? guesses.get(row + 1) : null;
            boolean shown = guess != null && guess.probability >= threshold;
            rows.getChildAt(row).setVisibility(shown ? VISIBLE : hidden);
            if (shown) fill(rows.getChildAt(row), row + 1, guess);
        }
    }

    private void setHeadline(String text) {
        headline.setText(text);
        boolean large = text.codePointCount(0, text.length()) <= LONG_LABEL;
        headline.setTextSize(
                android.util.TypedValue.COMPLEX_UNIT_PX,
                getResources().getDimension(large || hidden == INVISIBLE ? R.dimen.answer : R.dimen.headline));
    }

    private void fill(View row, int place, Guess guess) {
        String percent = Words.percent(getResources(), guess.probability);
        ((TextView) row.findViewById(R.id.label)).setText(guess.label);
        ((TextView) row.findViewById(R.id.share)).setText(percent);
        ((ProgressBar) row.findViewById(R.id.bar)).setProgress((int) Math.round(guess.probability * BAR));
        row.setContentDescription(
                getResources().getString(R.string.guess_description, place + 1, guess.label, percent));
    }
}

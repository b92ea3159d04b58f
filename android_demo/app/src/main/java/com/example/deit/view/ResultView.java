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
import java.text.NumberFormat;
import java.util.List;
import java.util.Locale;

/** The likeliest classes with bars; the first one as a headline that TalkBack reads aloud when it changes. */
public final class ResultView extends LinearLayout {
    private static final int BAR = 1000;

    private final TextView headline;
    private final LinearLayout rows;
    private final TextView latency;

    public ResultView(Context context, AttributeSet attributes) {
        super(context, attributes);
        setOrientation(VERTICAL);
        inflate(context, R.layout.view_result, this);
        headline = findViewById(R.id.headline);
        rows = findViewById(R.id.guesses);
        latency = findViewById(R.id.latency);
        setVisibility(GONE);
    }

    /** @param times a sentence on how long it took; null shows no result at all */
    public void show(List<Guess> guesses, String times) {
        setVisibility(guesses == null ? GONE : VISIBLE);
        if (guesses == null) {
            headline.setText(null);
            return;
        }
        String first = guesses.get(0).label;
        // In live mode each frame comes here: only another class is news.
        if (!first.contentEquals(headline.getText())) headline.setText(first);
        while (rows.getChildCount() < guesses.size()) {
            LayoutInflater.from(getContext()).inflate(R.layout.row_guess, rows);
        }
        for (int row = 0; row < rows.getChildCount(); row++) {
            View view = rows.getChildAt(row);
            view.setVisibility(row < guesses.size() ? VISIBLE : GONE);
            if (row < guesses.size()) fill(view, row, guesses.get(row));
        }
        latency.setText(times);
    }

    private void fill(View row, int place, Guess guess) {
        String share = percent(guess.probability);
        ((TextView) row.findViewById(R.id.label)).setText(guess.label);
        ((TextView) row.findViewById(R.id.share)).setText(share);
        ((ProgressBar) row.findViewById(R.id.bar)).setProgress((int) Math.round(guess.probability * BAR));
        row.setContentDescription(
                getResources().getString(R.string.guess_description, place + 1, guess.label, share));
    }

    private String percent(double share) {
        Locale locale = getResources().getConfiguration().getLocales().get(0);
        NumberFormat format = NumberFormat.getPercentInstance(locale);
        format.setMinimumFractionDigits(1);
        format.setMaximumFractionDigits(1);
        return format.format(share);
    }
}

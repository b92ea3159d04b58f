package com.example.deit.screen;

import android.content.Intent;
import android.net.Uri;
import android.os.Bundle;
import android.view.View;
import android.view.ViewGroup;
import android.widget.ImageView;
import android.widget.LinearLayout;
import android.widget.TextView;
import com.example.deit.DemoApplication;
import com.example.deit.R;
import com.example.deit.classify.Guess;
import com.example.deit.words.Words;
import java.util.Collections;

/** Several pictures, each in a row with what it is of; a row opens its picture on the main screen. */
public final class SeveralActivity extends StateActivity<SeveralState> {
    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.activity_several);
        Bars.show(this);
        state = retained();
        if (state == null) {
            DemoApplication app = DemoApplication.of(this);
            state = new SeveralState(
                    app.engine(),
                    app.getContentResolver(),
                    Incoming.of(getIntent()),
                    app.results().classes,
                    getResources().getDimensionPixelSize(R.dimen.thumbnail));
        }
        ViewGroup rows = findViewById(R.id.rows);
        for (SeveralState.Item item : state.items) {
            View row = getLayoutInflater().inflate(R.layout.row_picture, rows, false);
            row.setOnClickListener(v -> open(item.uri));
            rows.addView(row);
        }
    }

    private void open(Uri uri) {
        Intent main = new Intent(this, MainActivity.class).setAction(Intent.ACTION_SEND);
        main.putExtra(Intent.EXTRA_STREAM, uri);
        main.addFlags(Intent.FLAG_ACTIVITY_CLEAR_TOP | Intent.FLAG_ACTIVITY_SINGLE_TOP);
        startActivity(Incoming.carrying(main, Collections.singletonList(uri)));
    }

    @Override
    void render() {
        int count = state.items.size();
        ((TextView) findViewById(R.id.status)).setText(getString(R.string.several_done, state.done(), count));
        LinearLayout rows = findViewById(R.id.rows);
        for (int i = 0; i < count; i++) render(rows.getChildAt(i), state.items.get(i));
    }

    private void render(View row, SeveralState.Item item) {
        ((ImageView) row.findViewById(R.id.thumbnail)).setImageBitmap(item.thumbnail);
        TextView title = row.findViewById(R.id.title);
        TextView summary = row.findViewById(R.id.summary);
        if (item.problem != null) {
            title.setText(item.problem.text(getResources()));
            summary.setText(item.problem.detail);
        } else if (item.answer != null) {
            Guess first = item.answer.result.guesses.get(0);
            String percent = Words.percent(getResources(), first.probability);
            boolean sure = first.probability >= DemoApplication.of(this).results().share();
            title.setText(sure ? first.label : getString(R.string.unsure));
            summary.setText(sure ? percent : getString(R.string.unsure_hint, first.label, percent));
        } else {
            title.setText(R.string.working);
            summary.setText(null);
        }
        summary.setVisibility(summary.length() == 0 ? View.GONE : View.VISIBLE);
        row.setContentDescription(title.getText() + ", " + summary.getText());
    }
}

package com.example.deit.view;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.app.Activity;
import android.graphics.Insets;
import android.view.View;
import android.view.ViewGroup;
import android.view.WindowInsets;
import android.widget.TextView;
import com.example.deit.R;
import com.example.deit.TestApplication;
import com.example.deit.classify.Guess;
import com.example.deit.screen.BenchmarkActivity;
import com.example.deit.screen.LiveActivity;
import com.example.deit.screen.MainActivity;
import com.example.deit.screen.SettingsActivity;
import java.util.List;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** What screens are made of: edges, results, plots. */
@RunWith(RobolectricTestRunner.class)
public class ViewsTest {
    private final TestApplication app = TestApplication.get();

    private static final List<Guess> GUESSES =
            List.of(new Guess(0, "cat", 3, 0.6), new Guess(1, "dog", 2, 0.3), new Guess(2, "cow", 1, 0.1));

    /** Where a view's content begins and ends in its window. */
    private static int[] inside(View view) {
        int[] place = new int[2];
        view.getLocationInWindow(place);
        return new int[] {
            place[0] + view.getPaddingLeft(),
            place[1] + view.getPaddingTop(),
            place[0] + view.getWidth() - view.getPaddingRight(),
            place[1] + view.getHeight() - view.getPaddingBottom()
        };
    }

    @Test
    public void nothingThatIsReadOrTouchedLiesUnderTheSystemsBars() {
        WindowInsets insets = new WindowInsets.Builder()
                .setInsets(WindowInsets.Type.statusBars(), Insets.of(0, 60, 0, 0))
                .setInsets(WindowInsets.Type.navigationBars(), Insets.of(0, 0, 0, 90))
                .setInsets(WindowInsets.Type.displayCutout(), Insets.of(30, 0, 20, 0))
                .build();
        Object[][] screens = {
            {MainActivity.class, R.id.app_bar, R.id.buttons},
            {SettingsActivity.class, R.id.app_bar, R.id.content},
            {BenchmarkActivity.class, R.id.app_bar, R.id.content},
            {LiveActivity.class, R.id.overlay, R.id.overlay},
        };
        for (Object[] screen : screens) {
            Class<? extends Activity> kind = ((Class<?>) screen[0]).asSubclass(Activity.class);
            try (ActivityController<? extends Activity> c = Robolectric.buildActivity(kind).setup()) {
                View decor = c.get().getWindow().getDecorView();
                decor.dispatchApplyWindowInsets(insets);
                c.visible();
                // A second time must not add to the first.
                decor.dispatchApplyWindowInsets(insets);
                c.visible();
                int[] upper = inside(c.get().findViewById((int) screen[1]));
                int[] lower = inside(c.get().findViewById((int) screen[2]));
                assertTrue(kind + " " + upper[1], upper[1] >= 60 && upper[1] < 120);
                assertTrue(kind + " " + lower[3], lower[3] <= decor.getHeight() - 90);
                assertTrue(kind + " " + lower[3], lower[3] >= decor.getHeight() - 90 - 60);
                assertTrue(kind.toString(), upper[0] >= 30 && upper[2] <= decor.getWidth() - 20);
                assertTrue(kind.toString(), lower[0] >= 30 && lower[2] <= decor.getWidth() - 20);
            }
        }
    }

    private static ResultView result(ActivityController<MainActivity> c) {
        return c.get().findViewById(R.id.result);
    }

    private static int rows(ResultView view) {
        ViewGroup rows = view.findViewById(R.id.guesses);
        int shown = 0;
        for (int i = 0; i < rows.getChildCount(); i++) shown += rows.getChildAt(i).getVisibility() == View.VISIBLE ? 1 : 0;
        return shown;
    }

    @Test
    public void theFirstClassIsShownOnceAndTheOthersBelowIt() {
        try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class).setup()) {
            ResultView view = result(c);
            view.show(GUESSES, 0);
            assertEquals("cat", ((TextView) view.findViewById(R.id.headline)).getText().toString());
            assertEquals(2, rows(view));
            view.show(GUESSES.subList(0, 1), 0);
            assertEquals(0, rows(view));
        }
    }

    @Test
    public void whatIsBelowTheThresholdIsLeftOut() {
        try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class).setup()) {
            ResultView view = result(c);
            view.show(GUESSES, 0.25);
            assertEquals("cat", ((TextView) view.findViewById(R.id.headline)).getText().toString());
            assertEquals(1, rows(view));
            view.show(GUESSES, 0.75);
            assertEquals("Not sure", ((TextView) view.findViewById(R.id.headline)).getText().toString());
            String hint = ((TextView) view.findViewById(R.id.unsure)).getText().toString();
            assertEquals("Most likely: cat, with 60.0%. That is below the threshold.", hint);
            assertEquals("Not sure. " + hint, view.findViewById(R.id.top).getContentDescription().toString());
            view.show(GUESSES, 0.25);
            assertFalse("and it goes again", view.findViewById(R.id.unsure).isShown());
        }
    }

    @Test
    public void theAxisHasFewRoundNumbers() {
        assertEquals(2, PlotView.step(7.1, 4), 1e-12);
        assertEquals(5, PlotView.step(20, 4), 1e-12);
        assertEquals(10, PlotView.step(20.1, 4), 1e-12);
        assertEquals(0.05, PlotView.step(0.2, 4), 1e-12);
        assertEquals(500, PlotView.step(1334, 4), 1e-9);
    }

    @Test
    public void buttonsStandInOneRowWhileTheyFitAndInTwoWhereTheyDoNot() {
        for (float scale : new float[] {1, 2}) {
            RuntimeEnvironment.setFontScale(scale);
            try (ActivityController<MainActivity> c = Robolectric.buildActivity(MainActivity.class).setup()) {
                View pick = c.get().findViewById(R.id.pick);
                View take = c.get().findViewById(R.id.take);
                View live = c.get().findViewById(R.id.live);
                assertEquals(pick.getTop(), take.getTop());
                assertEquals(pick.getWidth(), take.getWidth());
                assertEquals(scale == 2, live.getTop() >= pick.getBottom());
            }
        }
        assertEquals(app.getString(R.string.pick), "Choose");
    }
}

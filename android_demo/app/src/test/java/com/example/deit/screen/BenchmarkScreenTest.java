package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.widget.EditText;
import android.widget.ProgressBar;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.bench.Statistics;
import com.example.deit.classify.ClassifierException;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;
import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;

/** Measuring: progress, numbers, the JSON that is shared, and all the ways to stop. */
@RunWith(RobolectricTestRunner.class)
public class BenchmarkScreenTest {
    private final TestApplication app = TestApplication.get();

    private static ActivityController<BenchmarkActivity> open(int warmup, int repeats) {
        ActivityController<BenchmarkActivity> c = Robolectric.buildActivity(BenchmarkActivity.class).setup();
        ((EditText) c.get().findViewById(R.id.warmup)).setText(Integer.toString(warmup));
        ((EditText) c.get().findViewById(R.id.repeats)).setText(Integer.toString(repeats));
        return c;
    }

    private static void start(ActivityController<BenchmarkActivity> c) {
        c.get().findViewById(R.id.start).performClick();
    }

    private static JSONObject shared(BenchmarkActivity screen, String file) throws Exception {
        screen.findViewById(R.id.share).performClick();
        Intent chooser = shadowOf(screen).getNextStartedActivity();
        assertEquals(Intent.ACTION_CHOOSER, chooser.getAction());
        Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT, Intent.class);
        assertEquals(Intent.ACTION_SEND, send.getAction());
        assertEquals("text/plain", send.getType());
        assertEquals("Benchmark", send.getStringExtra(Intent.EXTRA_SUBJECT));
        String text = send.getStringExtra(Intent.EXTRA_TEXT);
        assertFalse("one line", text.contains("\n"));
        // For the tests in Python, which hold it against the command line's schema.
        File folder = new File(System.getProperty("screenshot.dir")).getParentFile();
        TestApplication.replace(new File(folder, file), text);
        return new JSONObject(text);
    }

    @Test
    @NeedsEngine
    public void theNumbersAreSharedAsTheCommandLinesJson() throws Exception {
        File bundle = app.push("int8");
        try (ActivityController<BenchmarkActivity> c = open(2, 5)) {
            assertFalse(Screen.shown(c.get(), R.id.share));
            start(c);
            Screen.waitFor(c.get(), R.id.numbers);
            assertNull(Screen.text(c.get(), R.id.status));
            JSONObject document = shared(c.get(), "bench.json");
            assertEquals(bundle.getPath() + "/host.nb", document.getString("file"));
            assertEquals(new File(bundle, "host.nb").length(), document.getLong("bytes"));
            assertEquals("[\"host\",\"x86\"]", document.getJSONArray("kernel_targets").toString());
            JSONObject manifest = new JSONObject(TestApplication.text(new File(bundle, "manifest.json")));
            assertEquals(manifest.getJSONObject("recipe").getString("name"), document.getString("recipe"));
            assertTrue(document.getLong("peak_rss_kib") > 100_000);
            assertTrue(document.getString("cpu_mask").matches("[1-9a-f][0-9a-f]*"));

            JSONObject picture = document.getJSONArray("pictures").getJSONObject(0);
            assertEquals(bundle.getPath() + "/golden.png", picture.getString("picture"));
            assertEquals("5", picture.getJSONArray("classes").getJSONObject(0).getString("class"));

            JSONObject bench = document.getJSONObject("bench");
            JSONArray latencies = bench.getJSONArray("latencies_ms");
            assertEquals(5, latencies.length());
            assertEquals(5, bench.getInt("repeats"));
            assertEquals(2, bench.getInt("warmup"));
            double[] raw = new double[5];
            for (int i = 0; i < 5; i++) raw[i] = latencies.getDouble(i);
            Statistics values = new Statistics(raw);
            assertEquals(values.p50, bench.getJSONObject("statistics").getDouble("p50"), 1e-9);
            String numbers = Screen.text(c.get(), R.id.numbers);
            assertTrue(numbers, numbers.startsWith(bundle.getName() + "\nThreads: "));
            assertTrue(numbers, numbers.contains(String.format("p50: %.2f\np90: %.2f", values.p50, values.p90)));
            assertTrue(numbers, numbers.contains(String.format("Least: %.2f", values.min)));
            assertEquals(
                    String.format("One picture takes %.1f ms.", values.p50), Screen.text(c.get(), R.id.finished));
            String summary = Screen.text(c.get(), R.id.summary);
            assertTrue(summary, summary.startsWith(String.format(
                    "That is about %.1f pictures a second. Nine of ten runs took at most %.1f ms.",
                    1000 / values.p50,
                    values.p90)));
            assertEquals(
                    String.format("5 runs, from %.1f to %.1f ms, half of them below %.1f ms", values.min, values.max, values.p50),
                    c.get().findViewById(R.id.plot).getContentDescription().toString());
        }
    }

    @Test
    @NeedsEngine
    public void withoutAGoldenPictureAGreyOneIsMeasured() throws Exception {
        File bundle = app.push("int8");
        assertTrue(new File(bundle, "golden.png").delete());
        try (ActivityController<BenchmarkActivity> c = open(1, 2)) {
            start(c);
            Screen.waitFor(c.get(), R.id.numbers);
            JSONObject picture = shared(c.get(), "bench-grey.json").getJSONArray("pictures").getJSONObject(0);
            assertEquals("grey", picture.getString("picture"));
            assertTrue(picture.isNull("decode_ms"));
        }
    }

    @Test
    public void runsThatBecomeSlowerAreSaidSoAndOfAFewNothing() {
        app.opener = (engine, folder, threads, mode) -> new FakeClassifier() {
            @Override
            public double[] bench(int warmup, int repeats, BooleanSupplier cancelled) {
                double[] latencies = new double[repeats];
                for (int i = 0; i < repeats; i++) latencies[i] = i < repeats / 2 ? 20 : 30;
                return latencies;
            }
        };
        try (ActivityController<BenchmarkActivity> c = open(1, 12)) {
            start(c);
            Screen.waitFor(c.get(), R.id.summary);
            String summary = Screen.text(c.get(), R.id.summary);
            assertTrue(summary, summary.contains("\nLater runs took 50 % longer than the first"));
        }
        try (ActivityController<BenchmarkActivity> c = open(1, 8)) {
            start(c);
            Screen.waitFor(c.get(), R.id.summary);
            String[] lines = Screen.text(c.get(), R.id.summary).split("\n");
            assertEquals("how many a second, and the first run", 2, lines.length);
        }
    }

    @Test
    @NeedsEngine
    public void theNetworkIsLoadedAfreshSoThatItsFirstRunIsOne() {
        try (ActivityController<BenchmarkActivity> c = open(1, 1)) {
            for (int i = 1; i <= 2; i++) {
                start(c);
                Screen.waitFor(c.get(), R.id.numbers);
                assertEquals(i, app.opened.get());
            }
        }
    }

    /** Runs one by one, when it is allowed to. */
    private static final class Steps extends FakeClassifier {
        final Semaphore permits = new Semaphore(0);
        final List<Boolean> asked = java.util.Collections.synchronizedList(new ArrayList<>());

        @Override
        public double[] bench(int warmup, int repeats, BooleanSupplier cancelled) {
            double[] latencies = new double[repeats];
            for (int i = 0; i < warmup + 1 + repeats; i++) {
                boolean stop = cancelled.getAsBoolean();
                asked.add(stop);
                if (stop) return new double[0];
                permits.acquireUninterruptibly();
                if (i > warmup) latencies[i - warmup - 1] = i;
            }
            return latencies;
        }
    }

    private Steps steps() {
        Steps steps = new Steps();
        app.opener = (engine, folder, threads, mode) -> steps;
        return steps;
    }

    @Test
    public void progressIsShown() {
        Steps steps = steps();
        try (ActivityController<BenchmarkActivity> c = open(3, 7)) {
            start(c);
            ProgressBar bar = c.get().findViewById(R.id.progress);
            steps.permits.release(4);
            Screen.until("4 runs", () -> "Run 4 of 10".equals(Screen.text(c.get(), R.id.status)));
            assertEquals(4, bar.getProgress());
            assertEquals(10, bar.getMax());
            assertFalse(c.get().findViewById(R.id.warmup).isEnabled());
            steps.permits.release(6);
            Screen.waitFor(c.get(), R.id.numbers);
            assertFalse(Screen.shown(c.get(), R.id.progress));
        }
    }

    @Test
    public void cancelledItStopsAfterTheRunThatIsUnderWay() {
        Steps steps = steps();
        try (ActivityController<BenchmarkActivity> c = open(1, 900)) {
            start(c);
            steps.permits.release(2);
            Screen.until("2 runs", () -> "Run 2 of 901".equals(Screen.text(c.get(), R.id.status)));
            start(c);
            assertEquals("Cancelled: nothing was kept.", Screen.text(c.get(), R.id.status));
            steps.permits.release(900);
            Screen.settle();
            assertEquals(4, steps.asked.size());
            assertFalse(Screen.shown(c.get(), R.id.numbers));
            assertFalse(Screen.shown(c.get(), R.id.share));
        }
    }

    @Test
    public void aRotationNeitherStopsItNorLosesItsNumbers() {
        Steps steps = steps();
        try (ActivityController<BenchmarkActivity> c = open(1, 3)) {
            start(c);
            steps.permits.release(1);
            Screen.until("1 run", () -> "Run 1 of 4".equals(Screen.text(c.get(), R.id.status)));
            Screen.turn(c, "land");
            assertEquals("Run 1 of 4", Screen.text(c.get(), R.id.status));
            steps.permits.release(10);
            Screen.waitFor(c.get(), R.id.numbers);
            String numbers = Screen.text(c.get(), R.id.numbers);
            Screen.turn(c, "port");
            assertEquals(numbers, Screen.text(c.get(), R.id.numbers));
            assertEquals(1, app.opened.get());
        }
    }

    @Test
    public void theBackgroundCancelsIt() {
        Steps steps = steps();
        try (ActivityController<BenchmarkActivity> c = open(1, 900)) {
            start(c);
            Screen.until("it runs", () -> steps.asked.size() == 1);
            c.pause().stop();
            steps.permits.release(900);
            Screen.settle();
            assertTrue(steps.asked.get(steps.asked.size() - 1));
            c.restart().start().resume();
            assertEquals("Cancelled: nothing was kept.", Screen.text(c.get(), R.id.status));
        }
    }

    @Test
    public void numbersOutOfRangeAreSaidAtTheirFields() {
        int[][] wrong = {{0, 5}, {1, 0}, {1001, 5}, {1, 1001}};
        for (int[] numbers : wrong) {
            try (ActivityController<BenchmarkActivity> c = open(numbers[0], numbers[1])) {
                boolean first = numbers[0] < 1 || numbers[0] > 1000;
                start(c);
                EditText field = c.get().findViewById(first ? R.id.warmup : R.id.repeats);
                assertEquals("A whole number from 1 to 1000", field.getError().toString());
                assertFalse(Screen.shown(c.get(), R.id.progress));
            }
        }
        try (ActivityController<BenchmarkActivity> c = open(1, 1)) {
            EditText field = c.get().findViewById(R.id.repeats);
            field.setText("");
            start(c);
            assertNotNull(field.getError());
        }
    }

    @Test
    public void anEngineThatFailsIsSaidSo() {
        app.opener = FakeClassifier.failing(ClassifierException.Code.MODEL, "host.nb is cut short");
        try (ActivityController<BenchmarkActivity> c = open(1, 1)) {
            start(c);
            Screen.waitFor(c.get(), R.id.problem);
            assertTrue(Screen.text(c.get(), R.id.problem_sentence).startsWith("The network cannot be loaded."));
            assertEquals("host.nb is cut short", Screen.text(c.get(), R.id.problem_detail));
            assertNull(Screen.text(c.get(), R.id.numbers));
        }
    }
}

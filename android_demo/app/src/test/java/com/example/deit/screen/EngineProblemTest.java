package com.example.deit.screen;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertTrue;

import android.content.res.Resources;
import com.example.deit.FakeClassifier;
import com.example.deit.NeedsEngine;
import com.example.deit.R;
import com.example.deit.Screen;
import com.example.deit.TestApplication;
import com.example.deit.bundle.BundleException;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.ClassifierException.Code;
import com.example.deit.classify.Engine;
import com.example.deit.words.Problem;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;

/** Every way in which engine and bundle can fail has words of its own, in both languages. */
@RunWith(RobolectricTestRunner.class)
public class EngineProblemTest {
    private final TestApplication app = TestApplication.get();

    @Test
    public void aProcessorThatTheAppIsNotBuiltForIsSaidSo() {
        String detail = "libdeit_jni.so cannot be loaded on this processor";
        app.opener = FakeClassifier.failing(Code.ABI, detail);
        try (MainRobot user = MainRobot.launch().waitForProblem()) {
            assertEquals(
                    "This app's libraries do not run on this device's processor. Install a build that is made for it.",
                    user.text(R.id.problem_sentence));
            assertEquals(detail, user.text(R.id.problem_detail));
        }
    }

    @Test
    public void aLibraryThatIsReallyMissingIsSaidSo() {
        // What System.loadLibrary says in this very process, and the app makes words of.
        app.opener = (engine, folder, threads, mode) -> {
            try {
                System.loadLibrary("deit_jni_of_another_processor");
                throw new AssertionError("there is such a library");
            } catch (UnsatisfiedLinkError e) {
                throw new ClassifierException(Code.ABI, e.getMessage(), e);
            }
        };
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForProblem()) {
            assertTrue(user.text(R.id.problem_sentence).startsWith("This app's libraries do not run"));
            assertTrue(user.text(R.id.problem_detail).contains("deit_jni_of_another_processor"));
            assertTrue("the picture is shown all the same", Screen.shown(user.screen(), R.id.picture));
        }
    }

    @Test
    @NeedsEngine
    public void bothEnginesGiveTheSameAnswer() {
        try (MainRobot user = MainRobot.launch().pick(TestApplication.golden()).waitForResult()) {
            List<String> byNative = user.labels();
            user.controller.pause().stop();
            app.save(app.settings().withEngine(Engine.JAVA));
            user.controller.restart().start().resume();
            Screen.until("the other engine", () -> app.opened.get() == 2 && !Screen.shown(user.screen(), R.id.working));
            assertEquals(null, user.text(R.id.problem_sentence));
            assertEquals(byNative, user.labels());
        }
    }

    @Test
    public void everyProblemHasWordsOfItsOwnInBothLanguages() {
        List<Problem> problems = new ArrayList<>();
        for (Code code : Code.values()) problems.add(Problem.of(new ClassifierException(code, "detail")));
        for (BundleException.Reason reason : BundleException.Reason.values()) {
            problems.add(Problem.of(new BundleException(reason, "ARGUMENT", "detail")));
        }
        RuntimeEnvironment.setQualifiers("en");
        List<String> english = words(problems);
        RuntimeEnvironment.setQualifiers("zh-rCN");
        List<String> chinese = words(problems);
        assertEquals(problems.size(), new HashSet<>(english).size());
        assertEquals(problems.size(), new HashSet<>(chinese).size());
        for (int i = 0; i < problems.size(); i++) {
            assertNotEquals(english.get(i), chinese.get(i));
            assertTrue(chinese.get(i), chinese.get(i).codePoints().anyMatch(c -> c >= 0x4E00 && c <= 0x9FFF));
            assertTrue(english.get(i), english.get(i).codePoints().allMatch(c -> c < 0x2100));
            assertEquals(english.get(i).contains("ARGUMENT"), chinese.get(i).contains("ARGUMENT"));
        }
    }

    private List<String> words(List<Problem> problems) {
        Resources resources = app.getResources();
        List<String> words = new ArrayList<>();
        for (Problem problem : problems) words.add(problem.text(resources));
        return words;
    }
}

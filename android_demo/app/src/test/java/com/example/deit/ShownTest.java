package com.example.deit;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import com.example.deit.bundle.BundleException;
import com.example.deit.classify.ClassifierException;
import com.example.deit.classify.Guess;
import java.util.Random;
import org.junit.Test;

/** What is repeated of text from outside. */
public class ShownTest {
    @Test
    public void whatIsObeyedIsEscaped() {
        assertEquals("\\x1b[2J\\x07\\x00\\x7f\\x9b", Shown.escaped("\u001b[2J\u0007\0\u007f\u009b"));
        assertEquals("\\u202egnp.exe\\u2066\\u2028", Shown.escaped("\u202egnp.exe\u2066\u2028"));
        assertEquals("\\ta\\r\\nb", Shown.escaped("\ta\r\nb"));
        assertEquals("half \\ud83d of a letter", Shown.escaped("half \ud83d of a letter"));
        assertNull(Shown.escaped(null));
        assertNull(Shown.line(null));
    }

    @Test
    public void otherTextIsAsItWas() {
        String text = "Fußgänger 犬 \ud83d\udca9 می\u200cخواهم\u00a0C:\\x1b";
        assertEquals(text, Shown.escaped(text));
    }

    @Test
    public void aMessageIsOneShortLine() {
        assertEquals("a b c \\x1b", Shown.line(" a\n\tb  c\r\u001b "));
        StringBuilder input = new StringBuilder();
        for (int i = 0; i < 5000; i++) input.append("\ud83d\udca9");
        String shown = Shown.line("it is " + input + ": no");
        assertTrue(shown, shown.startsWith("it is \ud83d") && shown.endsWith(": no") && shown.contains("…"));
        assertTrue(shown, shown.length() <= 209);
        assertEquals(shown, Shown.escaped(shown)); // no letter was cut in half
    }

    @Test
    public void anyTextIsPrintable() {
        for (int seed = 0; seed < 2000; seed++) {
            Random chance = new Random(seed);
            char[] letters = new char[chance.nextInt(400)];
            int most = chance.nextBoolean() ? 0x300 : 0x10000;
            for (int i = 0; i < letters.length; i++) letters[i] = (char) chance.nextInt(most);
            String text = new String(letters);
            ClassifierException failure = new ClassifierException(ClassifierException.Code.MODEL, text);
            BundleException refused = new BundleException(BundleException.Reason.NO_FILE, text, text);
            Guess guess = new Guess(0, text, 0, 0);
            for (String shown : new String[] {failure.getMessage(), refused.getMessage(), refused.argument, guess.label}) {
                shown.codePoints().forEach(
                        character -> assertFalse(
                                Integer.toHexString(character),
                                Character.isISOControl(character)
                                        || Character.getType(character) == Character.SURROGATE
                                        || character >= 0x202A && character <= 0x202E));
            }
            for (String word : failure.getMessage().split(" ")) assertTrue(word, word.length() <= 200);
        }
    }
}

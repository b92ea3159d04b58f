package com.example.deit;

/** Text from outside, as screens and messages repeat it: as cpp/src/shown.cpp and lite/shown.py. */
public final class Shown {
    private static final int LONGEST_WORD = 200;
    private static final int LONGEST_MESSAGE = 4000;

    private Shown() {}

    /** The text with control characters, and what turns the direction of writing, escaped; null for null. */
    public static String escaped(String text) {
        if (text == null) return null;
        StringBuilder result = new StringBuilder();
        text.codePoints().forEach(character -> append(result, character));
        return result.toString();
    }

    /**
     * A message in one line: white space becomes one space, the rest is escaped, and words of more than 200 characters,
     * which are nobody's own, are shortened. Null for null.
     */
    public static String line(String message) {
        if (message == null) return null;
        StringBuilder line = new StringBuilder();
        for (String word : message.split("[ \\t\\n\\x0B\\f\\r]+")) {
            if (word.isEmpty()) continue; // before leading white space
            line.append(line.length() == 0 ? "" : " ").append(shortened(escaped(word), LONGEST_WORD));
        }
        return shortened(line.toString(), LONGEST_MESSAGE);
    }

    /** At most {@code longest} characters, … where the middle was. */
    public static String shortened(String text, int longest) {
        if (text.length() <= longest) return text;
        int head = longest - longest / 3 - 1;
        int tail = text.length() - longest / 3;
        if (Character.isHighSurrogate(text.charAt(head - 1))) head--;
        if (Character.isLowSurrogate(text.charAt(tail))) tail++;
        return text.substring(0, head) + "…" + text.substring(tail);
    }

    private static void append(StringBuilder to, int character) {
        if (character == '\n') to.append("\\n");
        else if (character == '\r') to.append("\\r");
        else if (character == '\t') to.append("\\t");
        else if (!isObeyed(character)) to.appendCodePoint(character);
        else to.append(String.format(character < 0x100 ? "\\x%02x" : "\\u%04x", character));
    }

    private static boolean isObeyed(int character) {
        switch (Character.getType(character)) {
            case Character.CONTROL:
            case Character.LINE_SEPARATOR:
            case Character.PARAGRAPH_SEPARATOR:
            case Character.SURROGATE:
                return true;
            default:
                return character >= 0x202A && character <= 0x202E || character >= 0x2066 && character <= 0x2069;
        }
    }
}

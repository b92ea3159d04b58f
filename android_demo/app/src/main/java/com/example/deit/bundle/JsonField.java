package com.example.deit.bundle;

import android.text.TextUtils;
import android.util.JsonReader;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.json.JSONException;

/**
 * A value of a JSON document and where it stands, read strictly: org.json takes NaN, text for numbers and 224.7 for 224.
 * What does not fit is a JSONException in the words of the C++ core and of Python: where, and what it must be.
 */
final class JsonField {
    /** Deeper ones would fill a thread's stack. */
    private static final int MOST_DEPTH = 200;

    private final Object value;
    private final String where;

    private JsonField(Object value, String where) {
        this.value = value;
        this.where = where;
    }

    /** A whole document, which must be JSON to the letter. */
    static JsonField parse(String text) throws JSONException {
        try (JsonReader reader = new JsonReader(new StringReader(text))) {
            Object value = read(reader, 0);
            reader.peek(); // refuses what stands after it
            return new JsonField(value, "top level");
        } catch (IOException | IllegalStateException e) {
            throw new JSONException("it is no JSON (" + e.getMessage() + ")");
        }
    }

    /** The next value: null, Boolean, Long, Double, String, List or Map. */
    private static Object read(JsonReader reader, int depth) throws IOException, JSONException {
        if (depth > MOST_DEPTH) throw new JSONException("it is nested too deep");
        switch (reader.peek()) {
            case BEGIN_ARRAY:
                List<Object> array = new ArrayList<>();
                reader.beginArray();
                while (reader.hasNext()) array.add(read(reader, depth + 1));
                reader.endArray();
                return array;
            case BEGIN_OBJECT:
                Map<String, Object> object = new LinkedHashMap<>();
                reader.beginObject();
                while (reader.hasNext()) object.put(checked(reader.nextName()), read(reader, depth + 1));
                reader.endObject();
                return object;
            case STRING:
                return checked(reader.nextString());
            case NUMBER:
                return number(reader.nextString());
            case BOOLEAN:
                return reader.nextBoolean();
            default:
                reader.nextNull();
                return null;
        }
    }

    private static Number number(String text) throws JSONException {
        // JsonReader takes "1.", too.
        if (!text.matches("-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?")) {
            throw new JSONException("it is no JSON (" + text + " is no number)");
        }
        double real = Double.parseDouble(text);
        if (Double.isInfinite(real)) throw new JSONException("it holds a number beyond float64");
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException e) {
            return real; // with a fraction, an exponent, or beyond 64 bits
        }
    }

    private static String checked(String text) throws JSONException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (!new String(bytes, StandardCharsets.UTF_8).equals(text)) {
            throw new JSONException("it is no JSON (half of a surrogate pair)");
        }
        return text;
    }

    /** A value of this object. */
    JsonField get(String key) throws JSONException {
        Map<String, Object> object = object();
        String path = where.equals("top level") ? key : where + "/" + key;
        if (!object.containsKey(key)) throw new JSONException(path + ": is missing");
        return new JsonField(object.get(key), path);
    }

    /** The same; null where it is absent or null. */
    JsonField getOrNull(String key) throws JSONException {
        return object().get(key) == null ? null : get(key);
    }

    /** Names of this object's values. */
    Set<String> keys() throws JSONException {
        return object().keySet();
    }

    /** The values of this array, which has {@code length} of them. */
    List<JsonField> array(int length) throws JSONException {
        List<JsonField> all = value instanceof List ? array() : null;
        if (all == null || all.size() != length) throw must("be an array of " + length);
        return all;
    }

    /** The values of this array. */
    List<JsonField> array() throws JSONException {
        if (!(value instanceof List)) throw must("be an array");
        List<JsonField> all = new ArrayList<>();
        for (Object each : (List<?>) value) all.add(new JsonField(each, where + "/" + all.size()));
        return all;
    }

    String text() throws JSONException {
        if (!(value instanceof String)) throw must("be a string");
        if (((String) value).isEmpty()) throw must("not be empty");
        return (String) value;
    }

    /** The text, which must be one of these. */
    String oneOf(String... choices) throws JSONException {
        for (String choice : choices) {
            if (choice.equals(value)) return choice;
        }
        throw must((choices.length == 1 ? "be " : "be one of ") + TextUtils.join(", ", choices));
    }

    /** 64 hexadecimal digits. */
    String sha256() throws JSONException {
        if (value instanceof String && ((String) value).matches("[0-9a-f]{64}")) return (String) value;
        throw must("be 64 hexadecimal digits, lower case");
    }

    /** A whole number, which may be written as 224.0. */
    long whole(long least, long most) throws JSONException {
        long number = 0;
        boolean whole = value instanceof Long;
        if (whole) number = (Long) value;
        if (value instanceof Double) {
            double real = (Double) value;
            // 2^63 as a double is beyond what a long holds.
            whole = real == Math.rint(real) && Math.abs(real) < Long.MAX_VALUE;
            number = (long) real;
        }
        if (whole && number >= least && number <= most) return number;
        throw must(least == most ? "be " + least : "be a whole number from " + least + " to " + most);
    }

    double number() throws JSONException {
        if (value instanceof Number) return ((Number) value).doubleValue();
        throw must("be a number");
    }

    /** A number from {@code least}, which is called {@code words}, to 1. */
    double share(double least, String words) throws JSONException {
        double number = value instanceof Number ? ((Number) value).doubleValue() : Double.NaN;
        if (number >= least && number <= 1) return number;
        throw must("be a number from " + words + " to 1");
    }

    @SuppressWarnings("unchecked") // as read makes them
    private Map<String, Object> object() throws JSONException {
        if (value instanceof Map) return (Map<String, Object>) value;
        throw must("be an object");
    }

    private JSONException must(String what) {
        return new JSONException(where + ": must " + what);
    }
}

package com.example.deit.bundle;

import android.text.TextUtils;
import android.util.JsonReader;
import android.util.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.json.JSONTokener;

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
            check(reader);
        } catch (IOException | IllegalStateException e) {
            throw new JSONException("it is no JSON (" + e.getMessage() + ")");
        }
        return new JsonField(new JSONTokener(text).nextValue(), "top level");
    }

    private static void check(JsonReader reader) throws IOException, JSONException {
        for (int depth = 0; ; ) {
            JsonToken token = reader.peek();
            switch (token) {
                case BEGIN_ARRAY:
                case BEGIN_OBJECT:
                    if (++depth > MOST_DEPTH) throw new JSONException("it is nested too deep");
                    if (token == JsonToken.BEGIN_ARRAY) reader.beginArray();
                    else reader.beginObject();
                    break;
                case END_ARRAY:
                    depth--;
                    reader.endArray();
                    break;
                case END_OBJECT:
                    depth--;
                    reader.endObject();
                    break;
                case NAME:
                    checkText(reader.nextName());
                    break;
                case STRING:
                    checkText(reader.nextString());
                    break;
                case NUMBER:
                    checkNumber(reader.nextString());
                    break;
                case END_DOCUMENT:
                    return;
                default:
                    reader.skipValue(); // true, false, null
            }
        }
    }

    private static void checkNumber(String text) throws JSONException {
        // JsonReader takes "1.", too.
        if (!text.matches("-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?")) {
            throw new JSONException("it is no JSON (" + text + " is no number)");
        }
        if (Double.isInfinite(Double.parseDouble(text))) {
            throw new JSONException("it holds a number beyond float64");
        }
    }

    private static void checkText(String text) throws JSONException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (!new String(bytes, StandardCharsets.UTF_8).equals(text)) {
            throw new JSONException("it is no JSON (half of a surrogate pair)");
        }
    }

    /** A value of this object. */
    JsonField get(String key) throws JSONException {
        JSONObject object = object();
        String path = where.equals("top level") ? key : where + "/" + key;
        if (!object.has(key)) throw new JSONException(path + ": is missing");
        return new JsonField(object.get(key), path);
    }

    /** The same; null where it is absent or null. */
    JsonField getOrNull(String key) throws JSONException {
        return object().isNull(key) ? null : get(key);
    }

    /** Names of this object's values. */
    List<String> keys() throws JSONException {
        List<String> keys = new ArrayList<>();
        for (Iterator<String> names = object().keys(); names.hasNext(); ) keys.add(names.next());
        return keys;
    }

    /** The values of this array, which has {@code length} of them. */
    List<JsonField> array(int length) throws JSONException {
        List<JsonField> all = value instanceof JSONArray ? array() : null;
        if (all == null || all.size() != length) throw must("be an array of " + length);
        return all;
    }

    /** The values of this array. */
    List<JsonField> array() throws JSONException {
        if (!(value instanceof JSONArray)) throw must("be an array");
        JSONArray array = (JSONArray) value;
        List<JsonField> all = new ArrayList<>();
        for (int i = 0; i < array.length(); i++) all.add(new JsonField(array.get(i), where + "/" + i));
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
        boolean whole = value instanceof Long || value instanceof Integer;
        if (whole) number = ((Number) value).longValue();
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

    private JSONObject object() throws JSONException {
        if (value instanceof JSONObject) return (JSONObject) value;
        throw must("be an object");
    }

    private JSONException must(String what) {
        return new JSONException(where + ": must " + what);
    }
}

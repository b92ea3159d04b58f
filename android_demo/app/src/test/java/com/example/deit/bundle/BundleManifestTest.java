package com.example.deit.bundle;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** The vectors of tests/vectors/manifest.json, which Python and C++ are held to as well, and any change of a manifest. */
@RunWith(RobolectricTestRunner.class)
public class BundleManifestTest {
    /** How many changes are tried; -Ddeit.fuzz=N tries more. */
    private static final int CHANGES = Integer.getInteger("deit.fuzz", 3000);

    private final JSONObject vectors = vectors();

    private static JSONObject vectors() {
        try (InputStream in = BundleManifestTest.class.getResourceAsStream("/manifest.json")) {
            return new JSONObject(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /** Why the app refuses a manifest; null if it takes it. */
    private static String verdict(String text) {
        try {
            BundleManifest manifest = BundleManifest.parse(text);
            assertTrue(manifest.crop >= 1 && manifest.crop <= manifest.resizeShort && manifest.resizeShort <= 4096);
            for (float mean : manifest.mean) assertTrue(mean >= 0 && mean <= 1);
            for (float std : manifest.std) assertTrue(std >= 0.001f && std <= 1);
            for (String name : manifest.files.keySet()) assertFalse(name, name.contains("/") || name.startsWith("."));
            return null;
        } catch (BundleException e) {
            assertEquals(BundleException.Reason.BAD_MANIFEST, e.reason);
            assertFalse(e.getMessage(), e.getMessage().contains("\n"));
            return e.getMessage();
        }
    }

    /** The text of the vectors' base with JSON text in place of what stands at some paths; null takes it out. */
    private String edited(Map<String, String> edits) throws JSONException {
        JSONObject document = new JSONObject(vectors.getJSONObject("base").toString());
        int number = 0;
        for (Map.Entry<String, String> edit : edits.entrySet()) {
            String[] path = edit.getKey().split("/");
            Object entry = document;
            for (int i = 0; i < path.length - 1; i++) {
                entry = entry instanceof JSONArray
                        ? ((JSONArray) entry).get(Integer.parseInt(path[i]))
                        : ((JSONObject) entry).get(path[i]);
            }
            String last = path[path.length - 1];
            Object value = edit.getValue() == null ? null : "@" + number++ + "@";
            if (entry instanceof JSONObject) ((JSONObject) entry).put(last, value);
            else if (value == null) ((JSONArray) entry).remove(Integer.parseInt(last));
            else ((JSONArray) entry).put(Integer.parseInt(last), value);
        }
        String text = document.toString();
        number = 0;
        for (String value : edits.values()) {
            if (value != null) text = text.replace("\"@" + number++ + "@\"", value);
        }
        return text;
    }

    private static List<String> strings(JSONArray array) throws JSONException {
        List<String> all = new ArrayList<>();
        for (int i = 0; i < array.length(); i++) all.add(array.getString(i));
        return all;
    }

    private static void judge(List<String> wrong, String name, String said, String words) {
        if ((said == null) != (words == null) || words != null && !said.contains(words)) {
            wrong.add(name + ": " + said + " where it should be " + words);
        }
    }

    @Test
    public void everyCaseIsTakenOrRefusedInItsWords() throws Exception {
        List<String> wrong = new ArrayList<>();
        JSONArray cases = vectors.getJSONArray("cases");
        for (int i = 0; i < cases.length(); i++) {
            JSONObject one = cases.getJSONObject(i);
            Map<String, String> edits = new LinkedHashMap<>();
            JSONObject given = one.getJSONObject("edits");
            for (Iterator<String> paths = given.keys(); paths.hasNext(); ) {
                String path = paths.next();
                edits.put(path, given.isNull(path) ? null : given.getString(path));
            }
            judge(wrong, one.getString("name"), verdict(edited(edits)), one.isNull("refused") ? null : one.getString("refused"));
        }
        assertTrue(String.join("\n", wrong), wrong.isEmpty());
        assertTrue(cases.length() > 20);
    }

    @Test
    public void everyValueIsTakenOrRefusedInItsWords() throws Exception {
        List<String> wrong = new ArrayList<>();
        int judged = 0;
        JSONArray rules = vectors.getJSONArray("rules");
        JSONObject words = vectors.getJSONObject("words");
        for (int i = 0; i < rules.length(); i++) {
            JSONObject rule = rules.getJSONObject(i);
            String path = rule.getString("path");
            for (String value : strings(vectors.getJSONArray("values"))) {
                String expected = rule.optString("where", path + ": " + rule.getString("else"));
                for (String kind : new String[] {"no_json", "beyond"}) {
                    if (strings(vectors.getJSONArray(kind)).contains(value)) expected = words.getString(kind);
                }
                if (strings(rule.getJSONArray("takes")).contains(value)) expected = null;
                judge(wrong, path + " = " + value, verdict(edited(Map.of(path, value))), expected);
                judged++;
            }
        }
        assertTrue(String.join("\n", wrong), wrong.isEmpty());
        assertTrue(judged > 1000);
    }

    @Test
    public void anyChangeIsTakenOrRefusedInOneLine() throws Exception {
        List<String> values = strings(vectors.getJSONArray("values"));
        List<String> paths = new ArrayList<>();
        collect(vectors.getJSONObject("base"), "", paths);
        Random random = new Random(15);
        int taken = 0;
        for (int i = 0; i < CHANGES; i++) {
            String path = paths.get(random.nextInt(paths.size()));
            String value = values.get(random.nextInt(values.size()));
            String text = edited(Map.of(path, value));
            // And one that was cut, or has one letter changed.
            if (i % 3 == 1) text = text.substring(0, random.nextInt(text.length()));
            if (i % 3 == 2) {
                char[] letters = text.toCharArray();
                letters[random.nextInt(letters.length)] ^= (char) (1 << random.nextInt(7));
                text = new String(letters);
            }
            if (verdict(text) == null) taken++;
        }
        assertTrue(taken + " of " + CHANGES, taken > CHANGES / 100 && taken < CHANGES);
    }

    private static void collect(Object entry, String path, List<String> paths) throws JSONException {
        if (!path.isEmpty()) paths.add(path);
        if (entry instanceof JSONObject) {
            JSONObject object = (JSONObject) entry;
            for (Iterator<String> keys = object.keys(); keys.hasNext(); ) {
                String key = keys.next();
                collect(object.get(key), path.isEmpty() ? key : path + "/" + key, paths);
            }
        } else if (entry instanceof JSONArray) {
            JSONArray array = (JSONArray) entry;
            for (int i = 0; i < array.length(); i++) collect(array.get(i), path + "/" + i, paths);
        }
    }

    @Test
    public void whatIsNestedWithoutEndIsRefused() throws Exception {
        assertEquals("it is nested too deep", verdict("[".repeat(200_000)));
        assertEquals("it is nested too deep", verdict("{\"a\":".repeat(200_000)));
        assertNull(verdict(edited(Map.of("recipe", "{\"name\": \"mine\", \"deep\": " + "[".repeat(100) + "]".repeat(100) + "}"))));
    }

    @Test
    public void anOlderManifestWithoutDigestsIsTaken() throws Exception {
        String text = edited(Map.of("files/model.nb", "{\"bytes\": 7}", "files/host.nb", "{\"bytes\": 7}"));
        assertFalse(BundleManifest.parse(text).knowsDigests());
        assertTrue(BundleManifest.parse(edited(Map.of())).knowsDigests());
    }
}

package com.example.deit.picture;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** HEIC and AVIF, which phones write and not every Android reads, told by their first bytes as in the C++ core. */
final class PhoneFormat {
    /** As many bytes of a file as have its brands. */
    static final int HEAD = 64;

    private static final List<String> AVIF = Arrays.asList("avif", "avis");
    private static final List<String> HEIC = Arrays.asList(
            "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1");

    private PhoneFormat() {}

    /** What to say of a picture that cannot be decoded, by the beginning of its file; null for other formats. */
    static String refusal(byte[] head) {
        if (has(head, AVIF)) return "AVIF, which Android reads from version 12 on: save it as JPEG";
        if (has(head, HEIC)) return "HEIC, which Android reads from version 9 on: save it as JPEG";
        return null;
    }

    /** Whether the first box of an ISO media file names one of these brands. */
    private static boolean has(byte[] head, List<String> brands) {
        if (head.length < 12 || !four(head, 4).equals("ftyp")) return false;
        int box = (head[0] & 0xFF) << 24 | (head[1] & 0xFF) << 16 | (head[2] & 0xFF) << 8 | head[3] & 0xFF;
        // After the first brand stands its version.
        for (int at = 8; at + 4 <= Math.min(box, head.length); at += at == 8 ? 8 : 4) {
            if (brands.contains(four(head, at))) return true;
        }
        return false;
    }

    private static String four(byte[] head, int at) {
        return new String(head, at, 4, StandardCharsets.ISO_8859_1);
    }
}

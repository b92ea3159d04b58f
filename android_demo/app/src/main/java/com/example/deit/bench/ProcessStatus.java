package com.example.deit.bench;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** What the kernel says of this process, or of one of its threads. */
final class ProcessStatus {
    private static final File PROCESS = new File("/proc/self/status");
    private static final File THREAD = new File("/proc/thread-self/status"); // kernels since 3.17

    private ProcessStatus() {}

    /** Peak resident memory so far in KiB; null if the kernel does not say. */
    static Long peakKib() {
        String value = value(PROCESS, "VmHWM:");
        return value == null ? null : Long.valueOf(value.replace("kB", "").trim());
    }

    /** The processors that this thread may run on, as a hexadecimal mask; empty if the kernel does not say. */
    static String cpuMask() {
        String value = value(THREAD.exists() ? THREAD : PROCESS, "Cpus_allowed:");
        return value == null ? "" : value.replace(",", "").replaceFirst("^0+", "");
    }

    private static String value(File file, String field) {
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(new FileInputStream(file), StandardCharsets.US_ASCII))) {
            for (String line; (line = lines.readLine()) != null; ) {
                if (line.startsWith(field)) return line.substring(field.length()).trim();
            }
        } catch (IOException e) {
            // Not to be read on this device: not known.
        }
        return null;
    }
}

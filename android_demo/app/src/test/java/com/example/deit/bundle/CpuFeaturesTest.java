package com.example.deit.bundle;

import static org.junit.Assert.assertEquals;

import com.example.deit.Processors;
import java.io.File;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** What the lines of features in /proc/cpuinfo say. */
public class CpuFeaturesTest {
    @Rule public final TemporaryFolder folder = new TemporaryFolder();

    private void lacks(boolean expected, String... cores) throws Exception {
        File cpuinfo = Processors.cpuinfo(folder.newFile(), cores);
        assertEquals(String.join(" | ", cores), expected, CpuFeatures.lacks("asimdhp", cpuinfo));
    }

    @Test
    public void everyCoreMustHaveIt() throws Exception {
        lacks(false, Processors.A55, Processors.A55);
        lacks(true, Processors.A53);
        lacks(true, Processors.A55, Processors.A53);
        lacks(true, Processors.A53, Processors.A55);
        lacks(true, "");
    }

    @Test
    public void itsNameIsAWholeWord() throws Exception {
        lacks(true, "fp asimd asimdhpx");
        lacks(true, "fp xasimdhp asimd");
        lacks(false, "asimdhp");
    }

    @Test
    public void whereNothingIsToldNothingIsSaidToLack() throws Exception {
        lacks(false);
        assertEquals(false, CpuFeatures.lacks("asimdhp", new File(folder.getRoot(), "none")));
    }
}

package com.example.deit.bundle;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.io.File;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** Whether a device has OpenCL: by its vendor's libraries. */
public class OpenClTest {
    @Rule public final TemporaryFolder root = new TemporaryFolder();

    private void library(String path) throws Exception {
        File file = new File(root.getRoot(), path);
        assertTrue(file.getParentFile().isDirectory() || file.getParentFile().mkdirs());
        assertTrue(file.createNewFile());
    }

    @Test
    public void withoutALibraryThereIsNone() throws Exception {
        assertFalse(OpenCl.there(root.getRoot(), true));
        library("vendor/lib64/libEGL.so");
        assertFalse(OpenCl.there(root.getRoot(), true));
    }

    @Test
    public void eachProcessNeedsTheLibraryOfItsOwnWidth() throws Exception {
        library("vendor/lib/libOpenCL.so");
        assertFalse(OpenCl.there(root.getRoot(), true));
        assertTrue(OpenCl.there(root.getRoot(), false));
    }

    @Test
    public void theLibrariesOfEachVendorCount() throws Exception {
        String[] paths = {"vendor/lib64/libOpenCL.so", "system/vendor/lib64/egl/libGLES_mali.so", "system/lib64/libPVROCL.so"};
        for (String path : paths) {
            library(path);
            assertTrue(path, OpenCl.there(root.getRoot(), true));
            assertTrue(new File(root.getRoot(), path).delete());
            assertEquals(path, false, OpenCl.there(root.getRoot(), true));
        }
    }
}

package com.example.deit.classify;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * PreparePixels RESIZE_SHORT CROP [PIXELS WIDTH HEIGHT TENSOR]...: the app's preprocessing in Java, for test_jni.py.
 * Turns raw RGBA pixels into raw little-endian float32 tensors, by one preprocessor.
 */
final class PreparePixels {
    private static final float[] MEAN = {0.485f, 0.456f, 0.406f};
    private static final float[] STD = {0.229f, 0.224f, 0.225f};

    private PreparePixels() {}

    public static void main(String[] arguments) throws IOException {
        Preprocessor preprocessor =
                new Preprocessor(Integer.parseInt(arguments[0]), Integer.parseInt(arguments[1]), MEAN, STD);
        for (int i = 2; i < arguments.length; i += 4) {
            byte[] bytes = Files.readAllBytes(Path.of(arguments[i]));
            ByteBuffer pixels = ByteBuffer.allocateDirect(bytes.length).put(bytes);
            int width = Integer.parseInt(arguments[i + 1]);
            float[] tensor = preprocessor.run(pixels, width, Integer.parseInt(arguments[i + 2]), 4 * width);
            ByteBuffer values = ByteBuffer.allocate(tensor.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (float value : tensor) values.putFloat(value);
            Files.write(Path.of(arguments[i + 3]), values.array());
        }
    }
}

package com.example.deit.classify;

import com.example.deit.classify.ClassifierException.Code;
import java.io.DataInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** A bundle's text files, which are UTF-8. */
final class TextFile {
    private TextFile() {}

    /** The whole text. Throws {@code BUNDLE} if the file cannot be read, is over {@code limit} bytes or no UTF-8. */
    static String read(File file, int limit) throws ClassifierException {
        try (DataInputStream stream = new DataInputStream(new FileInputStream(file))) {
            long size = file.length();
            if (size > limit) {
                throw new ClassifierException(Code.BUNDLE, file + " has " + size + " bytes: it is of no bundle");
            }
            byte[] bytes = new byte[(int) size];
            stream.readFully(bytes);
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException error) {
            throw new ClassifierException(Code.BUNDLE, file + " is not UTF-8 text: save it as UTF-8", error);
        } catch (IOException error) {
            throw new ClassifierException(
                    Code.BUNDLE, file + " cannot be read: " + error.getMessage() + "; copy the bundle again", error);
        }
    }
}

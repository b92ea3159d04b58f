import com.github.unidbg.AndroidEmulator;
import com.github.unidbg.Module;
import com.github.unidbg.arm.backend.Unicorn2Factory;
import com.github.unidbg.linux.android.AndroidEmulatorBuilder;
import com.github.unidbg.linux.android.AndroidResolver;
import com.github.unidbg.memory.Memory;
import com.github.unidbg.pointer.UnidbgPointer;
import java.io.File;
import java.nio.charset.StandardCharsets;

/**
 * RunOnBionic ROOT LIBRARY... PROGRAM ARGUMENTS...: calls main of a program, linked as a library, on an emulated arm64
 * processor with Android's libc. ROOT is its file system; LIBRARY... and PROGRAM end in .so and are loaded before.
 */
public final class RunOnBionic {
    private static final int ANDROID_6 = 23;

    private RunOnBionic() {}

    public static void main(String[] words) throws Exception {
        int code;
        try (AndroidEmulator emulator =
                AndroidEmulatorBuilder.for64Bit()
                        .setProcessName("core")
                        .setRootDir(new File(words[0]))
                        .addBackendFactory(new Unicorn2Factory(false))
                        .build()) {
            emulator.getMemory().setLibraryResolver(new AndroidResolver(ANDROID_6));
            Module program = null;
            int next = 1;
            for (; next < words.length && words[next].endsWith(".so"); next++) {
                program = emulator.loadLibrary(new File(words[next]));
            }
            int count = 1 + words.length - next;
            Memory memory = emulator.getMemory();
            UnidbgPointer arguments = memory.malloc(8 * (count + 1), true).getPointer();
            arguments.setPointer(0, text(memory, words[next - 1]));
            for (int i = 1; i < count; i++) arguments.setPointer(8L * i, text(memory, words[next + i - 1]));
            code = program.callFunction(emulator, "main", count, arguments).intValue();
            // What exit() would do.
            program.findSymbolByName("fflush", true).call(emulator, 0L);
        }
        System.out.flush();
        System.exit(code);
    }

    private static UnidbgPointer text(Memory memory, String word) {
        byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
        UnidbgPointer at = memory.malloc(bytes.length + 1, true).getPointer();
        at.write(0, bytes, 0, bytes.length);
        return at;
    }
}

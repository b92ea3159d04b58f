# 32-bit ARMv7 Linux from an x86_64 Debian 12 with g++-arm-linux-gnueabihf: cmake --preset armhf. Compiling for
# it stands in for Android's armeabi-v7a, which has NEON too.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(DEIT_TRIPLET arm-linux-gnueabihf)
set(DEIT_DEBIAN armhf)
include("${CMAKE_CURRENT_LIST_DIR}/linux-cross.cmake")
set(CMAKE_C_FLAGS_INIT "-mfpu=neon")
# GCC notes a change of calling conventions in its version 7 at every vector of doubles.
set(CMAKE_CXX_FLAGS_INIT "-mfpu=neon -Wno-psabi")

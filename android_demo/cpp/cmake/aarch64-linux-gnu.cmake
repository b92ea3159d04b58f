# 64-bit ARM Linux from an x86_64 Debian 12 with g++-aarch64-linux-gnu: cmake --preset arm64
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(DEIT_TRIPLET aarch64-linux-gnu)
set(DEIT_DEBIAN arm64)
include("${CMAKE_CURRENT_LIST_DIR}/linux-cross.cmake")

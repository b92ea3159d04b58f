# What the two toolchain files share. The libraries are Debian's static ones for that architecture, unpacked by
# sysroot.sh into build/sysroot/<architecture>; header-only libraries are this host's.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${DEIT_TRIPLET}-gcc)
set(CMAKE_CXX_COMPILER ${DEIT_TRIPLET}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${DEIT_TRIPLET})

get_filename_component(DEIT_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../../../build/sysroot/${DEIT_DEBIAN}" ABSOLUTE)
if(NOT EXISTS "${DEIT_SYSROOT}/usr/include/webp/demux.h")
  message(FATAL_ERROR "no ${DEIT_DEBIAN} libraries in ${DEIT_SYSROOT}: run android_demo/cpp/sysroot.sh first")
endif()
# Debian keeps headers that differ between architectures apart.
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES "${DEIT_SYSROOT}/usr/include/${DEIT_TRIPLET}")
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES "${DEIT_SYSROOT}/usr/include/${DEIT_TRIPLET}")
# With the other libraries linked in, a binary needs only the C library of where it runs.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-libstdc++ -static-libgcc")
set(CMAKE_FIND_ROOT_PATH "${DEIT_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)

# Warnings, sanitizers, and floating point that gives the same bits on every processor.
if(MSVC)
  message(FATAL_ERROR "build with GCC or Clang: the demo is for Android and Linux")
endif()
add_compile_options(-Wall -Wextra)
if(DEIT_WERROR)
  add_compile_options(-Werror)
endif()
# arm64 has fused multiply-add and GCC uses it by default; one rounding less is another number.
add_compile_options(-ffp-contract=off)
# Part of Android's x86_64 ABI; without it the compiler needs five instructions for one of the resizer's products.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  add_compile_options(-msse4.1)
endif()
if(DEIT_SANITIZE)
  add_compile_options(-fsanitize=${DEIT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${DEIT_SANITIZE})
endif()

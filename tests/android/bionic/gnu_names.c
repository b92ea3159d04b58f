/* Debian's static libraries for arm64 are built for the GNU C library; what they ask of it that Android's calls
 * otherwise, or does without. */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

void* __dso_handle = &__dso_handle;

int* __errno_location(void) {
  return &errno;
}

int __fprintf_chk(FILE* file, int flag, const char* format, ...) {
  va_list arguments;
  int written;
  (void)flag;
  va_start(arguments, format);
  written = vfprintf(file, format, arguments);
  va_end(arguments);
  return written;
}

int __isoc99_sscanf(const char* text, const char* format, ...) {
  va_list arguments;
  int found;
  va_start(arguments, format);
  found = vsscanf(text, format, arguments);
  va_end(arguments);
  return found;
}

void __longjmp_chk(jmp_buf back, int value) {
  longjmp(back, value);
}

/* In place of each function of libjpeg-turbo's SIMD, whose objects have thread-local variables, which Android has from
 * version 10 on: whether there is SIMD for something. */
int no_simd(void) {
  return 0;
}

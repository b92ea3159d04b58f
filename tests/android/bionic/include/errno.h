#pragma once
#include_next <errno.h>
#include <sys/cdefs.h>
#undef errno
__BEGIN_DECLS
int* __errno(void);
__END_DECLS
#define errno (*__errno())

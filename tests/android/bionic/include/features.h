// Bionic's headers are in no package. These files and musl's headers stand in for them: the types of both are the
// kernel's on arm64, and what differs is declared here.
#include_next <features.h>
#define __BIONIC__ 1
// Without a name of its own, which musl's has: it is part of the names of the C++ library's functions.
#ifndef __DEFINED_mbstate_t
typedef struct {
  unsigned char __seq[4];
  unsigned char __reserved[4];
} mbstate_t;
#define __DEFINED_mbstate_t
#endif

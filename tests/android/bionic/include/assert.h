// As often as it is included: NDEBUG may have changed.
#include <sys/cdefs.h>
#undef assert
__BEGIN_DECLS
__attribute__((noreturn)) void __assert2(const char* file, int line, const char* function, const char* what);
__END_DECLS
#ifdef NDEBUG
#define assert(what) ((void)0)
#else
#define assert(what) ((what) ? (void)0 : __assert2(__FILE__, __LINE__, __func__, #what))
#endif

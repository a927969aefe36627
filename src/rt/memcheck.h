/* Valgrind's requests where its header is installed, else nothing. Cost nothing without
 * it. */
#ifndef RT_MEMCHECK_H
#define RT_MEMCHECK_H

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(lo, hi) 0U
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define RUNNING_ON_VALGRIND 0U
#endif

#endif

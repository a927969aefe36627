/* Words of the house that are not in C: contracts the compiler can check. */
#ifndef BASE_DEF_H
#define BASE_DEF_H

#include <assert.h> /* always on: NDEBUG is never defined, a bug ends the process */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A result that must be looked at: 0 or more is success, a negative errno is the world.
 */
#define MUST_USE __attribute__((warn_unused_result))

/* This function may wait: other coroutines run meanwhile. Checked by tools/co_check. */
#define CO

/* Run fn(&variable) when the scope ends, whichever way. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* From a member back to the struct it is embedded in. */
#define CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

#define USEC_PER_SEC INT64_C(1000000)
#define USEC_PER_MSEC INT64_C(1000)

#endif

/*
 * The switch from one stack to another: callee-saved registers and nothing else. The only
 * file with assembly. x86-64 and aarch64; tests: co_switch_test.c, tools/test_aarch64.
 */
#ifndef RT_CO_SWITCH_H
#define RT_CO_SWITCH_H

#include "base/def.h"

#if defined(__SANITIZE_ADDRESS__)
#define RT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RT_ASAN 1
#endif
#endif
#ifndef RT_ASAN
#define RT_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define RT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RT_TSAN 1
#endif
#endif
#ifndef RT_TSAN
#define RT_TSAN 0
#endif

/* Where a flow of control stands while it does not run. */
struct co_context {
	void *sp;             /* tools/gdb/co.py reads the saved registers from here */
	const void *stack_lo; /* the stack, for ASan; of a thread: filled at the first
				 switch */
	size_t stack_n;
	void *fake_stack; /* ASan */
	void *fiber;      /* TSan */
};

/*
 * Make c start in fn(arg) on the stack [lo, lo + n) when it is first switched to; n a
 * multiple of 16 like lo. fn must call co_arrive first and never return.
 */
void co_context_init(struct co_context *c, void *lo, size_t n, void (*fn)(void *),
		     void *arg);

/* The context of the running thread itself, before the first switch away from it. */
void co_context_thread(struct co_context *c);

/* Go to `to`; come back when somebody switches to `from`. */
void co_switch(struct co_context *from, struct co_context *to);

/* The first thing on a new stack: from is the context that switched here. */
void co_arrive(struct co_context *from);

/* The last switch away from a stack that ends. */
_Noreturn void co_leave(struct co_context *from, struct co_context *to);

/* TSan's own record of a flow, kept with its stack; NULL and nothing in other builds. */
void *co_fiber_new(void);
void co_fiber_free(void *fiber);

#endif

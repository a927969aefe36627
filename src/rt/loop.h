/*
 * The event loop: one per thread, coroutines over epoll, timers in a heap.
 * A coroutine lives and dies on the loop that started it; it never changes its thread.
 * Everything here but loop_post is for the loop's own thread.
 */
#ifndef RT_LOOP_H
#define RT_LOOP_H

#include "base/list.h"
#include "base/str.h"

struct loop;

/* A deadline that never comes. All deadlines are absolute, in microseconds of
 * loop_now_us. */
#define DEADLINE_NEVER INT64_MAX
/* A deadline that has passed: a wait with it looks, but never waits. */
#define DEADLINE_PAST INT64_MIN

struct loop_options {
	/*
	 * Time jumps to the next timer when nothing else can run. When nothing can ever
	 * run again (no timer, descriptor, or outside work) all waits are printed and the
	 * process ends: a deadlock.
	 */
	bool virtual_clock;
	int64_t virtual_wall_us; /* the wall time at which a virtual clock starts */
	size_t stack_bytes;    /* 0: the default, 128 KiB (four times that under ASan) */
	size_t coroutines_max; /* 0: the default, 100000; spawn beyond it is -EAGAIN */
};

typedef void co_fn(void *arg); /* the body of a coroutine: CO */

/* NULL without memory or descriptors. options may be NULL. */
MUST_USE struct loop *loop_new(const struct loop_options *options);
void loop_free(struct loop *l); /* no coroutine may be alive */

/*
 * Run fn(arg) as the first coroutine and turn until it and every other coroutine has
 * ended. The loop becomes loop_self() of this thread meanwhile.
 * 0; -ENOMEM when the first coroutine could not be started.
 */
MUST_USE int loop_run(struct loop *l, co_fn *fn, void *arg);

struct loop *loop_self(void); /* asserts that this thread runs one */

/* Monotonic and wall time of the loop, read once per turn. */
int64_t loop_now_us(void);
int64_t loop_wall_us(void);
int64_t loop_after_ms(int64_t ms);  /* now + ms, saturating */
void loop_wall_jump(int64_t by_us); /* for tests: somebody sets a virtual wall clock */

/*
 * From any thread: run p->fn(p) on l's thread, soon, in order. It must not wait (it may
 * wake coroutines). p belongs to the loop until fn runs. Never fails, never allocates.
 */
struct post {
	struct post *next;
	void (*fn)(struct post *p);
};
void loop_post(struct loop *l, struct post *p);

/*
 * Work outside the loop's view is under way (a pool job, a commit): +1 when it starts, -1
 * when it ended. While there is any, a virtual clock stands still and the loop waits.
 */
void loop_outside(struct loop *l, int change);

/* A call at the end of each turn, before the loop sleeps (to flush what was collected).
 */
struct loop_hook {
	struct list node;
	void (*fn)(struct loop_hook *h);
};
void loop_hook_add(struct loop *l, struct loop_hook *h);
void loop_hook_remove(struct loop_hook *h);

struct loop_stats {
	uint64_t turns, switches, spawned, alive, alive_max;
	int64_t slice_us_max; /* longest time that one coroutine ran without waiting … */
	const char *slice_name; /* … and which; to within a tick of the kernel (1-4 ms) */
};
struct loop_stats loop_stats(const struct loop *l);

#endif

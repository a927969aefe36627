/*
 * Waiting, waking, sleeping; groups of coroutines. Cancellation is an error that the next
 * wait returns (-ECANCELED), so that every function ends by returning and cleans up.
 */
#ifndef RT_CO_H
#define RT_CO_H

#include "rt/loop.h"

/*
 * A place where one coroutine waits. {0} is valid. A wake before the wait is remembered
 * (once), so that no wake-up is lost between the look and the wait.
 */
struct waiter {
	struct co *co;
	bool woken;
};

/*
 * 0 woken; -ETIMEDOUT the deadline came; -ECANCELED this coroutine was cancelled.
 * `what` names the wait for the debugger and the transcript; a literal.
 */
CO MUST_USE int co_wait(struct waiter *w, int64_t deadline_us, const char *what);

/* Wait until woken, also when cancelled: for work that borrowed our memory. */
CO void co_wait_shielded(struct waiter *w, const char *what);

void co_wake(struct waiter *w); /* same thread; at most one coroutine waits at w */

/* 0 at the deadline; -ECANCELED. */
CO MUST_USE int co_sleep(int64_t until_us);
CO MUST_USE int co_yield (void); /* let others run once; 0 or -ECANCELED */

bool co_cancelled(void); /* was the running coroutine cancelled? */

/* Many may wait for one condition. list_init by signal_init. */
struct signal {
	struct list waiters;
};
void signal_init(struct signal *s);
CO MUST_USE int signal_wait(struct signal *s, int64_t deadline_us, const char *what);
void signal_one(struct signal *s); /* the one that waits longest */
void signal_all(struct signal *s);

/*
 * Coroutines that end before what they borrow: spawn into a group, join it before return.
 * Cancelling marks every member, present and future, and wakes those that wait.
 */
struct group {
	struct list members;
	struct waiter empty;
	size_t n;
	bool cancelled;
};
void group_init(struct group *g);

/* 0; -ENOMEM; -EAGAIN too many coroutines; -ECANCELED the group was cancelled. */
MUST_USE int group_spawn(struct group *g, const char *name, co_fn *fn, void *arg);
void group_cancel(struct group *g);

/* Wait until all members have ended. If the caller is cancelled meanwhile, so are they.
 */
CO void group_join(struct group *g);

/* Join, but after the deadline cancel those that remain. */
CO void group_join_until(struct group *g, int64_t deadline_us);

/*
 * Stack in use at this point, and the most that this stack ever had in use: fresh stacks
 * are zero, so the first byte that is not tells, in every build.
 */
size_t co_stack_used(void);
size_t co_stack_high(void);

#endif

/* What the files of rt/ share and nobody else sees: the loop and the coroutine
 * themselves. */
#ifndef RT_INSIDE_H
#define RT_INSIDE_H

#include <stdatomic.h>
#include <sys/epoll.h>

#include "base/heap.h"
#include "rt/co.h"
#include "rt/co_switch.h"
#include "rt/net.h"
#include "rt/stack.h"

/* Lives at the top of its own stack. tools/gdb/co.py knows these names. */
struct co {
	struct stack stack; /* first: kept while the stack waits for its next user */
	struct co_context context;
	struct loop *loop;
	struct list alive;     /* in loop->alive */
	struct list ready;     /* in loop->ready when it can go on */
	struct list member;    /* in group->members */
	struct group *group;   /* NULL: the first coroutine of a loop */
	struct waiter *waiter; /* where it waits; NULL when it does not */
	/*
	 * The timer stays when its wait ends: most waits are short and their deadlines
	 * far, so the next one finds it early enough. When it runs out, deadline_us
	 * tells whether it was meant.
	 */
	struct heap_node timer;
	int64_t deadline_us; /* of the wait under way */
	const char *name, *what;
	co_fn *fn;
	void *arg;
	int result; /* of the wait that just ended */
	int calls;  /* calls that might have waited and did not, since it last did */
	bool cancelled, shielded;
};

/* One descriptor number: events carry the generation, so that a late one is known. */
struct io_slot {
	struct io *io;
	uint32_t generation;
};

/* Blocks of STREAM_IN_BYTES, linked through their first word. */
struct stock {
	void *free;
	size_t n;
};

enum {
	LOOP_EVENTS = 256,     /* taken from the kernel at once */
	LOOP_ROUNDS = 32,      /* of ready coroutines before the kernel is asked again */
	LOOP_STOCK_MAX = 1024, /* blocks kept, 16 MiB */
	LOOP_CALLS_MAX = 128,  /* calls without waiting before others get their turn */
	LOOP_COROUTINES = 100000,  /* default of coroutines_max */
	LOOP_STACK_KIB = 128,      /* default of stack_bytes */
	LOOP_DEADLOCK_MS = 2000,   /* real time that a dead virtual clock is given */
	LOOP_WAIT_MS_MAX = 3600000 /* one sleep; the loop then looks again */
};

struct loop {
	struct list node;  /* in rt_loops */
	struct list alive; /* every coroutine */
	struct list ready;
	struct list hooks;
	struct co *current; /* NULL: the loop itself runs */
	struct co_context context;
	struct heap timers;
	struct stack_pool stacks;
	struct stock stock;
	struct io_slot *slots;
	size_t slots_n, listed; /* listed: descriptors in the set */
	int epoll_fd, event_fd;
	int64_t now_us,
		wall_us; /* wall_us: of a real clock read when asked, once per turn */
	int64_t slice_start_us;
	int64_t outside;
	size_t coroutines_max;
	bool virtual_clock, wall_known;
	struct loop_stats stats;
	_Atomic(struct post *) posts; /* newest first */
	atomic_bool asleep;           /* a post must write to event_fd */
	atomic_int posting;           /* threads inside loop_post */
	struct epoll_event events[LOOP_EVENTS];
};

extern struct list rt_loops; /* all loops of the process, for the debugger */

/* NULL outside loop_run. */
struct loop *loop_current(void);

/* End the wait of co, if it waits, with this result. */
void co_resume(struct co *co, int result);

/* Start a coroutine; group may be NULL. 0; -EAGAIN; -ENOMEM. */
MUST_USE int co_spawn(struct loop *l, struct group *g, const char *name, co_fn *fn,
		      void *arg);
void co_run(struct co *co); /* from the loop: until it waits or ends */
void co_cancel(struct co *co);

/* Count a call that did not wait; once in a while let the others run, cancelled or not.
 */
CO void co_fair(void);

/* Print every coroutine with its name and what it waits for to standard error. */
void loop_dump(const struct loop *l);

/* A block of STREAM_IN_BYTES; NULL without memory. */
MUST_USE void *stock_take(struct loop *l);
void stock_give(struct loop *l, void *block);
void stock_done(struct loop *l);

/* Mark what an event says and wake who waits for it. */
void io_event(struct loop *l, uint64_t key, uint32_t events);

#endif

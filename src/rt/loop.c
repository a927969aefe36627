#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <pthread.h>

#include "base/mem.h"
#include "rt/inside.h"
#include "rt/stream.h"

static const uint64_t EVENT_KEY_POST = UINT64_MAX;

struct list rt_loops = { &rt_loops, &rt_loops };
static pthread_mutex_t loops_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local struct loop *current_loop;

static int64_t clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

struct loop *loop_current(void)
{
	return current_loop;
}

struct loop *loop_self(void)
{
	assert(current_loop);
	return current_loop;
}

/* 0 or -errno. */
static int loop_open(struct loop *l)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET,
				  .data.u64 = EVENT_KEY_POST };

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll_fd < 0 || l->event_fd < 0 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->event_fd, &ev) < 0)
		return -errno;
	return 0;
}

static void loop_close(struct loop *l)
{
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	if (l->event_fd >= 0)
		close(l->event_fd);
	stock_done(l);
	stack_pool_done(&l->stacks);
	mem_free(l->slots);
	mem_free(l);
}

struct loop *loop_new(const struct loop_options *options)
{
	struct loop_options o = options ? *options : (struct loop_options){ 0 };
	struct loop *l = mem_alloc(sizeof(*l));

	if (!l)
		return NULL;
	list_init(&l->alive);
	list_init(&l->ready);
	list_init(&l->hooks);
	if (!o.stack_bytes)
		o.stack_bytes = LOOP_STACK_KIB * KIB * (RT_ASAN || RT_TSAN ? 4 : 1);
	stack_pool_init(&l->stacks, o.stack_bytes, sizeof(struct co));
	l->coroutines_max = o.coroutines_max ? o.coroutines_max : LOOP_COROUTINES;
	l->virtual_clock = o.virtual_clock;
	l->wall_us = o.virtual_wall_us;
	if (loop_open(l) < 0) {
		loop_close(l);
		return NULL;
	}
	pthread_mutex_lock(&loops_lock);
	list_push_back(&rt_loops, &l->node);
	pthread_mutex_unlock(&loops_lock);
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(l->stats.alive == 0 && l->listed == 0 && current_loop != l);
	/* A thread whose post has run already may still be on its way out of loop_post.
	 */
	while (atomic_load(&l->posting))
		sched_yield();
	pthread_mutex_lock(&loops_lock);
	list_remove(&l->node);
	pthread_mutex_unlock(&loops_lock);
	loop_close(l);
}

int64_t loop_now_us(void)
{
	return loop_self()->now_us;
}

int64_t loop_wall_us(void)
{
	struct loop *l = loop_self();

	if (!l->wall_known && !l->virtual_clock)
		l->wall_us = clock_us(CLOCK_REALTIME);
	l->wall_known = true;
	return l->wall_us;
}

void loop_wall_jump(int64_t by_us)
{
	struct loop *l = loop_self();

	assert(l->virtual_clock);
	l->wall_us += by_us;
}

int64_t loop_after_ms(int64_t ms)
{
	int64_t us, at;

	if (__builtin_mul_overflow(ms, USEC_PER_MSEC, &us) ||
	    __builtin_add_overflow(loop_now_us(), us, &at))
		return ms < 0 ? INT64_MIN : DEADLINE_NEVER;
	return at;
}

void loop_post(struct loop *l, struct post *p)
{
	struct post *head;

	atomic_fetch_add(&l->posting, 1);
	head = atomic_load_explicit(&l->posts, memory_order_relaxed);
	do
		p->next = head;
	while (!atomic_compare_exchange_weak(&l->posts, &head, p));
	if (atomic_exchange(&l->asleep, false)) {
		ssize_t n = write(l->event_fd, &(uint64_t){ 1 }, sizeof(uint64_t));

		(void)n; /* EAGAIN: the counter is full, so the loop wakes up anyway */
	}
	atomic_fetch_sub(&l->posting, 1);
}

static void posts_run(struct loop *l)
{
	struct post *newest, *first = NULL;

	if (!atomic_load_explicit(&l->posts, memory_order_relaxed))
		return;
	newest = atomic_exchange(&l->posts, NULL);
	while (newest) {
		struct post *next = newest->next;

		newest->next = first;
		first = newest;
		newest = next;
	}
	while (first) {
		struct post *p = first;

		first = p->next; /* fn may free p */
		p->fn(p);
	}
}

void loop_outside(struct loop *l, int change)
{
	l->outside += change;
	assert(l->outside >= 0);
}

void loop_hook_add(struct loop *l, struct loop_hook *h)
{
	list_push_back(&l->hooks, &h->node);
}

void loop_hook_remove(struct loop_hook *h)
{
	list_remove(&h->node);
}

struct loop_stats loop_stats(const struct loop *l)
{
	return l->stats;
}

void loop_dump(const struct loop *l)
{
	(void)fprintf(stderr, "loop: %zu coroutines\n", (size_t)l->stats.alive);
	LIST_EACH(node, &l->alive) {
		const struct co *co = LIST_ITEM(node, struct co, alive);

		(void)fprintf(stderr, "\t%s: %s\n", co->name,
			      co->waiter ? co->what : "ready");
	}
}

/*
 * The slow watch. A precise clock per slice would cost more than the switch, so it is
 * read only when the coarse one has moved.
 */
static void slice_watch(struct loop *l, const char *name, int64_t *tick_us)
{
	int64_t tick = clock_us(CLOCK_MONOTONIC_COARSE), now;

	if (tick == *tick_us)
		return;
	*tick_us = tick;
	now = clock_us(CLOCK_MONOTONIC);
	if (now - l->slice_start_us > l->stats.slice_us_max) {
		l->stats.slice_us_max = now - l->slice_start_us;
		l->stats.slice_name = name;
	}
	l->slice_start_us = now;
}

/* Run those that are ready now; whom they wake runs in the next round. */
static void ready_run(struct loop *l)
{
	struct list batch, *node;
	int64_t tick_us = clock_us(CLOCK_MONOTONIC_COARSE);

	l->slice_start_us = l->virtual_clock ? clock_us(CLOCK_MONOTONIC) : l->now_us;
	for (int round = 0; round < LOOP_ROUNDS && !list_empty(&l->ready); round++) {
		list_init(&batch);
		list_splice(&batch, &l->ready);
		while ((node = list_pop_front(&batch)) != NULL) {
			struct co *co = LIST_ITEM(node, struct co, ready);
			const char *name = co->name; /* co may end */

			co_run(co);
			slice_watch(l, name, &tick_us);
		}
	}
}

/* When this coroutine's wait ends by itself. */
static int64_t co_due_us(const struct co *co)
{
	return co->waiter ? co->deadline_us : DEADLINE_NEVER;
}

/* Put the first timer where it belongs: an earlier wait may have left it. */
static void timer_renew(struct loop *l, struct co *co)
{
	heap_remove(&l->timers, &co->timer);
	if (co_due_us(co) != DEADLINE_NEVER)
		heap_insert(&l->timers, &co->timer, co_due_us(co));
}

/* The first timer; with a virtual clock one that is meant, as time will jump to it. */
static const struct heap_node *timer_first(struct loop *l)
{
	struct heap_node *first;

	while ((first = heap_min(&l->timers)) != NULL && l->virtual_clock) {
		struct co *co = CONTAINER_OF(first, struct co, timer);

		if (co_due_us(co) == first->key)
			break;
		timer_renew(l, co);
	}
	return first;
}

/* How long the kernel may keep us, in ms; -1: until something happens. */
static int sleep_ms(struct loop *l)
{
	const struct heap_node *first = timer_first(l);
	int64_t us;

	if (!list_empty(&l->ready) || (l->stats.alive == 0 && l->outside == 0))
		return 0;
	if (l->virtual_clock) {
		if (l->outside || (!first && l->listed))
			return -1;
		return 0;
	}
	if (!first)
		return -1;
	us = first->key - clock_us(CLOCK_MONOTONIC);
	if (us <= 0)
		return 0;
	if (us > LOOP_WAIT_MS_MAX * USEC_PER_MSEC)
		return LOOP_WAIT_MS_MAX;
	return (int)((us + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

/* Take what the kernel has. Number of events; a post that is waiting counts as one. */
static int events_take(struct loop *l, int timeout_ms)
{
	int n;

	if (timeout_ms != 0) {
		atomic_store(&l->asleep, true);
		if (atomic_load(&l->posts))
			timeout_ms = 0;
	}
	n = epoll_wait(l->epoll_fd, l->events, LOOP_EVENTS, timeout_ms);
	if (timeout_ms != 0)
		atomic_store(&l->asleep, false);
	for (int i = 0; i < n; i++)
		if (l->events[i].data.u64 != EVENT_KEY_POST)
			io_event(l, l->events[i].data.u64, l->events[i].events);
	if (n <= 0)
		n = atomic_load(&l->posts) ? 1 : 0;
	return n;
}

/* Nothing happened and nothing can: jump to the next timer, or give up. */
static void clock_jump(struct loop *l)
{
	const struct heap_node *first = timer_first(l);

	if (first) {
		if (first->key <= l->now_us)
			return;
		l->wall_us += first->key - l->now_us;
		l->now_us = first->key;
		return;
	}
	if (l->listed || l->stats.alive == 0)
		return;
	/* A post of a thread that did not say loop_outside may still be on its way. */
	if (events_take(l, LOOP_DEADLOCK_MS) > 0)
		return;
	loop_dump(l);
	assert(false); /* every coroutine waits and nothing can wake one */
}

static void clock_read(struct loop *l)
{
	if (l->virtual_clock)
		return;
	l->now_us = clock_us(CLOCK_MONOTONIC);
	l->wall_known = false;
}

static void timers_run(struct loop *l)
{
	struct heap_node *first;

	while ((first = heap_min(&l->timers)) != NULL && first->key <= l->now_us) {
		struct co *co = CONTAINER_OF(first, struct co, timer);
		bool meant = co_due_us(co) <= l->now_us;

		if (meant)
			co_resume(co, -ETIMEDOUT);
		timer_renew(l, co);
	}
}

static void loop_turn(struct loop *l)
{
	int timeout_ms;

	l->stats.turns++;
	ready_run(l);
	LIST_EACH(node, &l->hooks) {
		struct loop_hook *h = LIST_ITEM(node, struct loop_hook, node);

		h->fn(h);
	}
	timeout_ms = sleep_ms(l);
	if (events_take(l, timeout_ms) == 0 && l->virtual_clock &&
	    list_empty(&l->ready) && l->outside == 0)
		clock_jump(l);
	clock_read(l);
	posts_run(l);
	timers_run(l);
}

int loop_run(struct loop *l, co_fn *fn, void *arg)
{
	int e;

	assert(!current_loop);
	current_loop = l;
	co_context_thread(&l->context);
	clock_read(l);
	e = co_spawn(l, NULL, "main", fn, arg);
	while (e == 0 && (l->stats.alive || l->outside))
		loop_turn(l);
	posts_run(l);
	current_loop = NULL;
	return e;
}

void *stock_take(struct loop *l)
{
	void *block = l->stock.free;

	if (!block)
		return mem_alloc(STREAM_IN_BYTES);
	l->stock.free = *(void **)block;
	l->stock.n--;
	return block;
}

void stock_give(struct loop *l, void *block)
{
	/* Under ASan every block is a fresh one, so that a borrowed line used late is
	 * seen. */
	if (RT_ASAN || l->stock.n >= LOOP_STOCK_MAX) {
		mem_free(block);
		return;
	}
	*(void **)block = l->stock.free;
	l->stock.free = block;
	l->stock.n++;
}

void stock_done(struct loop *l)
{
	while (l->stock.n) {
		void *block = stock_take(l);

		mem_free(block);
	}
}

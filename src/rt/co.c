#include "rt/inside.h"

static struct co *co_self(void)
{
	struct co *co = loop_self()->current;

	assert(co); /* the loop itself, a post or a hook must not wait */
	return co;
}

/* The first frame on a coroutine's stack; it never returns. */
static void co_main(void *arg)
{
	struct co *co = arg;
	struct loop *l = co->loop;

	co_arrive(&l->context);
	co->fn(co->arg);
	heap_remove(&l->timers, &co->timer);
	list_remove(&co->alive);
	l->stats.alive--;
	if (co->group) {
		list_remove(&co->member);
		if (--co->group->n == 0)
			co_wake(&co->group->empty);
	}
	co->fn = NULL; /* tells co_run that it ended */
	co_leave(&co->context, &l->context);
}

int co_spawn(struct loop *l, struct group *g, const char *name, co_fn *fn, void *arg)
{
	struct stack *stack;
	struct co *co;

	if (l->stats.alive >= l->coroutines_max)
		return -EAGAIN;
	stack = stack_take(&l->stacks);
	if (!stack)
		return -ENOMEM;
	co = CONTAINER_OF(stack, struct co, stack);
	*co = (struct co){
		.stack = *stack, .loop = l, .name = name, .fn = fn, .arg = arg
	};
	co_context_init(&co->context, stack->lo, stack_bytes(stack), co_main, co);
	co->context.fiber = stack->fiber;
	if (g) {
		co->group = g;
		co->cancelled = g->cancelled;
		list_push_back(&g->members, &co->member);
		g->n++;
	}
	list_push_back(&l->alive, &co->alive);
	list_push_back(&l->ready, &co->ready);
	l->stats.spawned++;
	l->stats.alive++;
	if (l->stats.alive > l->stats.alive_max)
		l->stats.alive_max = l->stats.alive;
	return 0;
}

void co_run(struct co *co)
{
	struct loop *l = co->loop;

	l->current = co;
	l->stats.switches++;
	co_switch(&l->context, &co->context);
	l->current = NULL;
	if (!co->fn)
		stack_give(&l->stacks, &co->stack);
}

void co_resume(struct co *co, int result)
{
	assert(co->waiter && co->waiter->co == co);
	co->waiter->co = NULL;
	co->waiter = NULL;
	co->result = result;
	list_push_back(&co->loop->ready, &co->ready);
}

void co_cancel(struct co *co)
{
	co->cancelled = true;
	if (co->waiter && !co->shielded)
		co_resume(co, -ECANCELED);
}

/* Let the loop run; it comes back when co is made ready. */
static void co_park(struct co *co)
{
	co->calls = 0;
	co_switch(&co->context, &co->loop->context);
}

/* A timer that runs out no later will do. */
static void timer_set(struct co *co)
{
	if (co->timer.linked && co->timer.key <= co->deadline_us)
		return;
	heap_remove(&co->loop->timers, &co->timer);
	heap_insert(&co->loop->timers, &co->timer, co->deadline_us);
}

static int co_wait_at(struct co *co, struct waiter *w, const char *what)
{
	assert(!w->co); /* one waiter per place: use struct signal for more */
	w->co = co;
	co->waiter = w;
	co->what = what;
	co_park(co);
	co->what = NULL;
	return co->result;
}

CO int co_wait(struct waiter *w, int64_t deadline_us, const char *what)
{
	struct co *co = co_self();

	if (co->cancelled)
		return -ECANCELED;
	if (w->woken) {
		w->woken = false;
		return 0;
	}
	if (deadline_us <= co->loop->now_us)
		return -ETIMEDOUT;
	co->deadline_us = deadline_us;
	if (deadline_us != DEADLINE_NEVER)
		timer_set(co);
	return co_wait_at(co, w, what);
}

CO void co_wait_shielded(struct waiter *w, const char *what)
{
	struct co *co = co_self();

	if (!w->woken) {
		co->shielded = true;
		co->deadline_us = DEADLINE_NEVER;
		(void)co_wait_at(co, w, what);
		co->shielded = false;
	}
	w->woken = false;
}

void co_wake(struct waiter *w)
{
	if (!w->co) {
		w->woken = true;
		return;
	}
	assert(w->co->loop == loop_self());
	co_resume(w->co, 0);
}

CO int co_sleep(int64_t until_us)
{
	struct waiter w = { 0 };
	int e = co_wait(&w, until_us, "sleep");

	return e == -ETIMEDOUT ? 0 : e;
}

/* Behind those that are ready. */
static void co_pass(struct co *co)
{
	list_push_back(&co->loop->ready, &co->ready);
	co_park(co);
}

CO int co_yield (void)
{
	struct co *co = co_self();

	if (!co->cancelled)
		co_pass(co);
	return co->cancelled ? -ECANCELED : 0;
}

CO void co_fair(void)
{
	struct co *co = co_self();

	if (++co->calls > LOOP_CALLS_MAX)
		co_pass(co);
}

bool co_cancelled(void)
{
	return co_self()->cancelled;
}

size_t co_stack_used(void)
{
	const struct co *co = co_self();

	return (size_t)((const char *)co - (const char *)__builtin_frame_address(0));
}

size_t co_stack_high(void)
{
	return stack_high(&co_self()->stack);
}

struct signal_entry {
	struct list node;
	struct waiter waiter;
};

void signal_init(struct signal *s)
{
	list_init(&s->waiters);
}

CO int signal_wait(struct signal *s, int64_t deadline_us, const char *what)
{
	struct signal_entry entry = { 0 };
	int e;

	list_push_back(&s->waiters, &entry.node);
	e = co_wait(&entry.waiter, deadline_us, what);
	list_remove(&entry.node);
	return e;
}

/* An entry whose wait has ended otherwise but that has not run yet must not eat a signal.
 */
void signal_one(struct signal *s)
{
	LIST_EACH(node, &s->waiters) {
		struct signal_entry *entry = LIST_ITEM(node, struct signal_entry, node);

		if (!entry->waiter.co)
			continue;
		list_remove(node);
		co_wake(&entry->waiter);
		return;
	}
}

void signal_all(struct signal *s)
{
	LIST_EACH(node, &s->waiters) {
		struct signal_entry *entry = LIST_ITEM(node, struct signal_entry, node);

		if (!entry->waiter.co)
			continue;
		list_remove(node);
		co_wake(&entry->waiter);
	}
}

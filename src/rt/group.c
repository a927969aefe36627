#include "rt/inside.h"

void group_init(struct group *g)
{
	*g = (struct group){ 0 };
	list_init(&g->members);
}

int group_spawn(struct group *g, const char *name, co_fn *fn, void *arg)
{
	if (g->cancelled)
		return -ECANCELED;
	return co_spawn(loop_self(), g, name, fn, arg);
}

void group_cancel(struct group *g)
{
	g->cancelled = true;
	LIST_EACH(node, &g->members)
		co_cancel(LIST_ITEM(node, struct co, member));
}

CO void group_join(struct group *g)
{
	group_join_until(g, DEADLINE_NEVER);
}

CO void group_join_until(struct group *g, int64_t deadline_us)
{
	g->empty.woken = false;
	while (g->n) {
		if (g->cancelled) {
			co_wait_shielded(&g->empty, "group end");
			continue;
		}
		if (co_wait(&g->empty, deadline_us, "group") < 0)
			group_cancel(g); /* we were cancelled, or it is time */
	}
	g->empty.woken = false;
}

#include "app/crew.h"

#include <unistd.h>

enum { DRAIN_HURRY_US = 3000000 };

static void order_arrived(struct post *p)
{
	struct order *o = CONTAINER_OF(p, struct order, post);

	list_push_back(&o->crew->orders, &o->node);
	co_wake(&o->crew->orders_came);
}

void crew_order(struct crew *c, struct order *o)
{
	o->crew = c;
	o->post.fn = order_arrived;
	loop_post(c->loop, &o->post);
}

static void choose(void *ctx, struct str address, struct arena *a, struct route *ret)
{
	struct crew *c = ctx;

	route_choose(c->config->routes, address, a, ret);
}

static CO void run_queue(void *arg)
{
	struct crew *c = arg;

	queue_run(c->queue);
}

static CO int build(struct crew *c)
{
	struct server_options server = { .spool = c->spool,
					 .shard = c->shard,
					 .record = c->record,
					 .peers = c->peers,
					 .inspection = c->inspection,
					 .config = &c->config->server };
	struct queue_options queue = { .settings = &c->config->set.queue,
				       .hostname = c->config->set.hostname,
				       .spool = c->spool,
				       .shard = c->shard,
				       .record = c->record,
				       .choose = choose,
				       .choose_ctx = c,
				       .deliver = deliver_run };
	int e = deliver_new(&c->config->set.deliver, c->pool, &c->deliver);

	if (e < 0)
		return e;
	deliver_set_local(c->deliver, c->local);
	queue.agents = c->deliver;
	e = queue_new(&queue, &c->queue);
	if (e < 0)
		return e;
	c->server = server_new(&server);
	if (!c->server)
		return -ENOMEM;
	return group_spawn(&c->group, "queue", run_queue, c);
}

static void configure(struct crew *c, struct app_config *to)
{
	struct app_config *old = c->config;

	server_config_hold(&to->server);
	c->config = to;
	server_configure(c->server, &to->server);
	deliver_configure(c->deliver, &to->set.deliver);
	queue_configure(c->queue, &to->set.queue, to->set.hostname);
	app_config_drop(old);
}

static CO void stop(struct crew *c)
{
	int64_t drain_us = c->config->set.drain_us;

	if (atomic_load(c->hurry) && drain_us > DRAIN_HURRY_US)
		drain_us = DRAIN_HURRY_US;
	server_stop(c->server, loop_now_us() + drain_us);
	queue_stop(c->queue);
	if (atomic_load(c->hurry))
		group_join_until(&c->group, loop_now_us() + DRAIN_HURRY_US);
	else
		group_join(&c->group);
}

static CO void carry_out(struct crew *c, struct order *o)
{
	switch (o->kind) {
	case ORDER_LISTEN:
		o->result = server_listen(c->server, o->fd, str_from(o->service), o->key);
		break;
	case ORDER_UNLISTEN:
		server_unlisten(c->server, o->key);
		break;
	case ORDER_CONFIGURE:
		configure(c, o->config);
		break;
	case ORDER_STOP:
		stop(c);
		break;
	}
}

static CO void take_orders(struct crew *c)
{
	for (;;) {
		struct list *n = list_pop_front(&c->orders);
		struct order *o;
		enum order_kind kind;

		if (!n) {
			(void)!co_wait(&c->orders_came, DEADLINE_NEVER, "orders");
			continue;
		}
		o = LIST_ITEM(n, struct order, node);
		kind = o->kind;
		carry_out(c, o);
		o->done(o);
		if (kind == ORDER_STOP)
			return;
	}
}

CO void crew_run(void *arg)
{
	struct crew *c = arg;
	int e;

	server_config_hold(&c->config->server);
	group_init(&c->group);
	e = build(c);
	/* Without memory for even the frame of a loop there is nothing to serve with; the
	 * master tries again later. */
	if (e < 0) {
		log_text(LOG_ERROR, "loop_not_built", e, "loop %u", c->shard);
		log_flush();
		_exit(1);
	}
	take_orders(c);
	deliver_free(c->deliver);
	queue_free(c->queue);
	server_free(c->server);
	app_config_drop(c->config);
}

#include "client/pool.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rand.h"

/* How long a limit that a peer has shown us (it refused one more connection) is kept to.
 */
#define CLIENT_CAP_KEEP_US (60 * USEC_PER_SEC)
#define CLIENT_FREE_WAIT_US (2 * USEC_PER_SEC)

enum { CLIENT_SWEEP_FIRST = 256 };

struct client_hop {
	struct map_node node;
	struct client_pool *pool;
	size_t refs;        /* takes under way */
	size_t open, ready; /* connections in all; of these, past hello */
	size_t waiting;
	struct signal freed;
	struct list idle; /* the one used last at the front */
	uint64_t cap;     /* 0, or what the peer lets us have until cap_until_us */
	int64_t cap_until_us;
	unsigned failures; /* in a row */
	int64_t rest_until_us;
	struct smtp_reply why; /* of the last failure; text in why_text */
	bool why_own;
	char why_text[CLIENT_WHY_MAX];
	size_t key_n;
	char key[];
};

struct client_pool {
	struct client_pool_settings settings;
	char hostname[256];
	struct dns *dns;
	struct map hops;
	size_t sweep_at;
	struct list idle;   /* all idle connections, the next to end at the front */
	struct group group; /* the janitor, and connections saying QUIT */
	struct waiter janitor;
	bool janitor_runs, closing;
	struct client_pool_stats stats;
};

int client_pool_new(struct dns *dns, const struct client_pool_settings *s,
		    struct client_pool **ret)
{
	struct client_pool *p = mem_alloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->dns = dns;
	p->sweep_at = CLIENT_SWEEP_FIRST;
	list_init(&p->idle);
	group_init(&p->group);
	client_pool_configure(p, s);
	*ret = p;
	return 0;
}

/* The name is copied: a kept connection outlives the configuration that it came from. */
void client_pool_configure(struct client_pool *p, const struct client_pool_settings *s)
{
	struct str name = str_sub(s->options.hostname, 0, sizeof(p->hostname));

	assert(s->connections_per_hop > 0);
	p->settings = *s;
	if (name.n > 0)
		memcpy(p->hostname, name.p, name.n);
	p->settings.options.hostname = str_of(p->hostname, name.n);
}

struct client_pool_stats client_pool_stats(const struct client_pool *p)
{
	struct client_pool_stats s = p->stats;

	s.hops = p->hops.n;
	return s;
}

static bool hop_resting(const struct client_hop *h)
{
	return h->rest_until_us > loop_now_us();
}

static void hop_free(struct client_hop *h)
{
	assert(h->open == 0 && h->refs == 0);
	map_remove(&h->pool->hops, &h->node);
	mem_free(h);
}

static bool hop_forgettable(const struct client_hop *h)
{
	return h->refs == 0 && h->open == 0 &&
	       (h->failures == 0 ||
		loop_now_us() > h->rest_until_us + CLIENT_BACKOFF_MAX_US);
}

static void hop_release(struct client_hop *h)
{
	if (hop_forgettable(h))
		hop_free(h);
}

/* Forget hops that nobody uses; when there are very many, also those that rest. */
static void hops_sweep(struct client_pool *p)
{
	struct map_node *node, *next;

	for (node = map_each(&p->hops, NULL); node; node = next) {
		struct client_hop *h = CONTAINER_OF(node, struct client_hop, node);

		next = map_each(&p->hops, node);
		if (hop_forgettable(h) ||
		    (p->hops.n >= CLIENT_HOPS_MAX && h->refs == 0 && h->open == 0))
			hop_free(h);
	}
	p->sweep_at = 2 * p->hops.n;
	if (p->sweep_at < CLIENT_SWEEP_FIRST)
		p->sweep_at = CLIENT_SWEEP_FIRST;
	if (p->sweep_at > CLIENT_HOPS_MAX)
		p->sweep_at = CLIENT_HOPS_MAX;
}

static struct client_hop *hop_get(struct client_pool *p, struct str key)
{
	uint64_t hash = hash_str(key);
	struct map_node *node = map_first(&p->hops, hash);
	struct client_hop *h;

	for (; node; node = map_next(node)) {
		h = CONTAINER_OF(node, struct client_hop, node);
		if (str_eq(str_of(h->key, h->key_n), key))
			return h;
	}
	if (p->hops.n >= p->sweep_at)
		hops_sweep(p);
	h = mem_alloc(sizeof(*h) + key.n);
	if (!h)
		return NULL;
	if (key.n > 0)
		memcpy(h->key, key.p, key.n);
	h->key_n = key.n;
	h->pool = p;
	signal_init(&h->freed);
	list_init(&h->idle);
	map_insert(&p->hops, &h->node, hash);
	return h;
}

/* How many connections this hop may have now. */
static uint64_t hop_limit(struct client_hop *h)
{
	uint64_t limit = h->pool->settings.connections_per_hop;

	if (h->cap > 0 && h->cap_until_us <= loop_now_us())
		h->cap = 0;
	if (h->failures > 0)
		return 1;
	return h->cap > 0 && h->cap < limit ? h->cap : limit;
}

static bool hop_available(struct client_hop *h)
{
	return !list_empty(&h->idle) || h->open < hop_limit(h) || hop_resting(h);
}

/* The next in line may look, if there is something to look at. */
static void hop_pass(struct client_hop *h)
{
	if (h->waiting > 0 && hop_available(h))
		signal_one(&h->freed);
}

static void conn_unidle(struct client_conn *c)
{
	list_remove(&c->node);
	list_remove(&c->pool_node);
	c->hop->pool->stats.idle--;
}

static void conn_close(struct client_conn *c)
{
	struct client_hop *h = c->hop;

	if (c->linked)
		client_link_close(&c->link);
	client_done(&c->client);
	arena_done(&c->arena);
	if (c->ready)
		h->ready--;
	h->open--;
	h->pool->stats.open--;
	mem_free(c);
	hop_pass(h);
	hop_release(h);
}

static CO void conn_bye(void *arg)
{
	struct client_conn *c = arg;

	c->client.arena = &c->arena;
	c->client.note = NULL;
	client_quit(&c->client);
	conn_close(c);
}

/* QUIT in a coroutine of its own, so that nobody waits for the answer. */
static void conn_end(struct client_conn *c)
{
	struct client_pool *p = c->hop->pool;

	if (!client_reusable(&c->client) ||
	    group_spawn(&p->group, "client quit", conn_bye, c) < 0)
		conn_close(c);
}

static CO void janitor_run(void *arg)
{
	struct client_pool *p = arg;
	int e = 0;

	while (e != -ECANCELED && !p->closing && !list_empty(&p->idle)) {
		struct client_conn *c = LIST_ITEM(p->idle.next, struct client_conn,
						  pool_node);

		if (c->idle_until_us > loop_now_us()) {
			e = co_wait(&p->janitor, c->idle_until_us, "idle connections");
			continue;
		}
		conn_unidle(c);
		conn_end(c);
	}
	p->janitor_runs = false;
}

static void janitor_start(struct client_pool *p)
{
	if (p->janitor_runs)
		return;
	p->janitor_runs = group_spawn(&p->group, "client janitor", janitor_run, p) == 0;
}

CO void client_pool_free(struct client_pool *p)
{
	struct map_node *node;

	if (!p)
		return;
	p->closing = true;
	co_wake(&p->janitor);
	LIST_EACH(at, &p->idle) {
		struct client_conn *c = LIST_ITEM(at, struct client_conn, pool_node);

		conn_unidle(c);
		conn_end(c);
	}
	group_join_until(&p->group, loop_now_us() + CLIENT_FREE_WAIT_US);
	while ((node = map_each(&p->hops, NULL)))
		hop_free(CONTAINER_OF(node, struct client_hop, node));
	map_done(&p->hops);
	mem_free(p);
}

/* A kept connection that is still alive, or NULL. */
static struct client_conn *idle_take(struct client_hop *h)
{
	while (!list_empty(&h->idle)) {
		struct client_conn *c = LIST_ITEM(h->idle.next, struct client_conn, node);

		conn_unidle(c);
		if (client_link_quiet(&c->link)) {
			c->reused = true;
			h->pool->stats.reuses++;
			return c;
		}
		/* The peer has closed it, or says 421: neither needs a QUIT. The hop
		 * lives on: its caller holds a reference. */
		conn_close(c);
	}
	return NULL;
}

static void why_set(struct client_hop *h, struct smtp_reply reply, bool own)
{
	size_t n = reply.text.n < CLIENT_WHY_MAX ? reply.text.n : CLIENT_WHY_MAX;

	if (n > 0)
		memcpy(h->why_text, reply.text.p, n);
	h->why = reply;
	h->why.text = str_of(h->why_text, n);
	h->why_own = own;
}

/* Our own words for a link that could not be opened or broke in hello. */
static void why_errno(struct client_hop *h, const struct client_conn *c,
		      const struct client_take *t, int err)
{
	struct smtp_reply reply = { .code = 451, .cls = 4, .subject = 4, .detail = 1 };
	char text[CLIENT_WHY_MAX];
	const char *reason = strerrordesc_np(-err);
	int n;

	if (err == -ENOENT || err == -EAGAIN || err == -EBADMSG)
		reply.detail = 3; /* RFC 3463 3.5: directory server failure */
	if (err == -ENOENT)
		reason = "no such host";
	if (err == -EAGAIN)
		reason = "the name could not be looked up";
	if (err == -EBADMSG)
		reason = "not a host name";
	if (err == -EPROTO)
		reason = "it does not speak SMTP";
	if (c->linked) {
		reply.detail = 2;
		n = snprintf(text, sizeof(text), "connection to %s broken in %s: %s",
			     c->link.peer, c->client.doing, reason);
	} else {
		n = snprintf(text, sizeof(text), "cannot connect to %.*s: %s",
			     STR_ARG(t->at.target.host), reason);
	}
	reply.text = str_of(text,
			    (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	why_set(h, reply, true);
}

/* The peer will not talk to us. For the message that is a matter of time, not of content.
 */
static void why_refused(struct client_hop *h, struct smtp_reply r)
{
	char text[CLIENT_WHY_MAX];
	int n;

	if (smtp_reply_temporary(r)) {
		why_set(h, r, false);
		return;
	}
	n = snprintf(text, sizeof(text), "refuses to talk to us: %u %.*s", r.code,
		     STR_ARG(r.text));
	r = (struct smtp_reply){ .code = 451, .cls = 4, .subject = 3, .detail = 2 };
	r.text = str_of(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	why_set(h, r, false);
}

/* Trouble of this machine: the hop is not to blame. */
static bool error_is_ours(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS;
}

static void hop_rest(struct client_hop *h)
{
	int64_t us = CLIENT_BACKOFF_FIRST_US;

	for (unsigned i = 0; i < h->failures && us < CLIENT_BACKOFF_MAX_US; i++)
		us *= 2;
	if (us > CLIENT_BACKOFF_MAX_US)
		us = CLIENT_BACKOFF_MAX_US;
	h->failures++;
	h->pool->stats.failures++;
	/* Jitter, so that many senders do not come back together: 3/4 to 5/4. */
	us = us * 3 / 4 + (int64_t)rand_below((uint64_t)us / 2);
	h->rest_until_us = loop_now_us() + us;
	signal_all(&h->freed);
}

/* 0; 1 the peer refused and h->why says so; -E… and so it does. */
static CO int conn_open(struct client_conn *c, struct client_take *t)
{
	struct client_hop *h = c->hop;
	struct client_pool *p = h->pool;
	struct client_options options = p->settings.options;
	struct smtp_reply reply = { 0 };
	int e;

	options.lmtp = t->at.lmtp;
	e = client_link_open(p->dns, &t->at.target,
			     loop_now_us() + p->settings.connect_us, &c->link);
	c->linked = e == 0;
	client_init(&c->client, &c->link.stream, &options);
	c->client.link = &c->link;
	c->client.arena = t->arena;
	c->client.note = t->note;
	if (e == 0) {
		client_note_open(&c->client);
		e = client_hello(&c->client, &reply);
	}
	if (e < 0)
		why_errno(h, c, t, e);
	if (e == 0 && !smtp_reply_ok(reply)) {
		why_refused(h, reply);
		client_quit(&c->client); /* RFC 5321 3.1 */
		return 1;
	}
	return e;
}

/*
 * 0: *ret; -EAGAIN: look again (the peer wants no more than we have); -EHOSTDOWN: t->why;
 * -ECANCELED; -ENOMEM.
 */
static CO int hop_connect(struct client_hop *h, struct client_take *t,
			  struct client_conn **ret)
{
	struct client_conn *c = mem_alloc(sizeof(*c));
	int e;

	if (!c)
		return -ENOMEM;
	c->hop = h;
	h->open++;
	h->pool->stats.open++;
	h->pool->stats.connects++;
	e = conn_open(c, t);
	if (e == 0) {
		c->ready = true;
		h->ready++;
		h->failures = 0;
		*ret = c;
		return 0;
	}
	if (e != -ECANCELED && !error_is_ours(e) && h->ready > 0) {
		h->cap = h->ready;
		h->cap_until_us = loop_now_us() + CLIENT_CAP_KEEP_US;
		e = -EAGAIN;
	} else if (e != -ECANCELED) {
		t->why.reply = h->why;
		t->why.reply.text = arena_str(t->arena, h->why.text);
		t->why.own = h->why_own;
		if (!error_is_ours(e))
			hop_rest(h);
		e = -EHOSTDOWN;
	}
	conn_close(c);
	return e;
}

static int hop_told(struct client_hop *h, struct client_take *t)
{
	t->why.reply = h->why;
	t->why.reply.text = arena_str(t->arena, h->why.text);
	t->why.own = h->why_own;
	return -EHOSTDOWN;
}

/* In line behind those who came before. 0 look again; -ECANCELED. */
static CO int hop_wait(struct client_hop *h)
{
	int64_t until_us = h->cap > 0 ? h->cap_until_us : DEADLINE_NEVER;
	int e;

	h->waiting++;
	e = signal_wait(&h->freed, until_us, "a connection to the next hop");
	h->waiting--;
	return e == -ETIMEDOUT ? 0 : e;
}

static CO int hop_take(struct client_hop *h, struct client_take *t,
		       struct client_conn **ret)
{
	bool queue = h->waiting > 0; /* nobody overtakes */
	int e = 0;

	while (e == 0 || e == -EAGAIN) {
		if (queue || !hop_available(h))
			e = hop_wait(h);
		else
			e = 0;
		queue = false;
		if (e < 0)
			return e;
		if (hop_resting(h))
			return hop_told(h, t);
		*ret = idle_take(h);
		if (*ret)
			return 0;
		if (h->open < hop_limit(h)) {
			e = hop_connect(h, t, ret);
			if (e == 0)
				return 0;
		}
	}
	return e;
}

CO int client_pool_take(struct client_pool *p, struct client_take *t,
			struct client_conn **ret)
{
	struct client_hop *h = hop_get(p, t->at.key);
	struct client_conn *c = NULL;
	int e;

	assert(!p->closing);
	if (!h)
		return -ENOMEM;
	h->refs++;
	if (t->fresh) {
		LIST_EACH(at, &h->idle) {
			struct client_conn *old = LIST_ITEM(at, struct client_conn, node);

			conn_unidle(old);
			conn_close(old);
		}
	}
	e = hop_take(h, t, &c);
	h->refs--;
	hop_pass(h);
	if (e < 0) {
		hop_release(h);
		return e;
	}
	c->client.arena = t->arena;
	c->client.note = t->note;
	if (c->reused)
		client_note_open(&c->client);
	*ret = c;
	return 0;
}

static bool conn_fit(const struct client_conn *c)
{
	const struct client_pool *p = c->hop->pool;
	uint32_t mail_max = c->client.offer.mail_max; /* RFC 9422 4.1 */

	return !p->closing && client_reusable(&c->client) &&
	       client_link_quiet(&c->link) &&
	       c->messages < p->settings.messages_per_connection &&
	       p->settings.idle_us > 0 && (mail_max == 0 || c->messages < mail_max);
}

CO void client_pool_give(struct client_pool *p, struct client_conn *c)
{
	struct client_hop *h = c->hop;

	c->client.arena = &c->arena;
	c->client.note = NULL;
	c->messages++;
	if (!conn_fit(c)) {
		conn_end(c);
		return;
	}
	c->idle_until_us = loop_now_us() + p->settings.idle_us;
	list_push_front(&h->idle, &c->node);
	list_push_back(&p->idle, &c->pool_node);
	p->stats.idle++;
	janitor_start(p);
	hop_pass(h);
}

#include "app/worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "app/crew.h"
#include "app/local_ask.h"
#include "app/wire.h"
#include "base/fmt.h"
#include "base/mem.h"
#include "log/log.h"

enum {
	POOL_THREADS = 24,
	INSPECTIONS_PER_LOOP = 2,
	SPOOL_WAIT_MS = 20000,
	SPOOL_WAIT_STEP_MS = 50,
	ANSWER_STEP_MS = 50,
	ANSWER_TRIES = 200,
};

struct worker {
	const struct worker_start *start;
	struct app_config *config;
	struct pool *pool;
	struct spool *spool;
	struct record *record;
	struct peers *peers;
	struct inspection *inspection;
	struct crew crews[WORKER_LOOPS_MAX];
	struct order
		orders[WORKER_LOOPS_MAX]; /* one under way per crew: never allocated */
	unsigned n;
	struct group group; /* of loop 0 */
	struct io master;
	struct local_ask local_ask;
	struct deliver_local local;
	struct ctl *ctl;
	uint64_t control_key;
	atomic_uint orders_open;
	struct post orders_done_post;
	struct waiter orders_done;
	atomic_int order_error;
	int listen_error;  /* of a listener that the next reload needs */
	struct group line; /* listens to the master, also while draining */
	struct waiter stop_asked;
	bool stopping;      /* asked to: the orders are those of the end now */
	atomic_bool orphan; /* the master is gone: end soon, another may want to begin */
	int status;
};

static void spool_problem(void *ctx, struct str line)
{
	(void)ctx;
	log_text(LOG_ERROR, "spool_problem", 0, "%.*s", STR_ARG(line));
}

/* The worker before us may still be ending: wait for its lock a while. */
static CO int open_spool(struct worker *w)
{
	const struct app_spool_settings *s = &w->config->set.spool;
	char path[1024];
	struct spool_log_options o = { .path = path,
				       .shards = w->n,
				       .pool = w->pool,
				       .segment_bytes = s->segment_bytes,
				       .inline_bytes_max = s->inline_bytes_max,
				       .draft_memory_bytes = s->draft_memory_bytes,
				       .free_bytes_min = s->free_bytes_min,
				       .commit_us = s->commit_us,
				       .wait_us_max = w->config->set.queue.retry_max_us *
						      2 };
	int64_t last_us = loop_after_ms(SPOOL_WAIT_MS);
	int e = str_to_cstr(s->path, path, sizeof(path));

	if (e == 0)
		e = spool_log_open(&o, spool_problem, NULL, &w->spool);
	while (e == -EWOULDBLOCK && loop_now_us() < last_us) {
		(void)!co_sleep(loop_after_ms(SPOOL_WAIT_STEP_MS));
		e = spool_log_open(&o, spool_problem, NULL, &w->spool);
	}
	if (e < 0)
		log_text(LOG_ERROR, "spool_not_opened", e, "%s%s", path,
			 e == -EWOULDBLOCK ? ": another postern uses it" : "");
	return e;
}

static void open_record(struct worker *w)
{
	const struct app_record_settings *r = &w->config->set.record;
	char path[1024];
	int e;

	if (!r->keep)
		return;
	(void)snprintf(path, sizeof(path), "%.*s/record",
		       STR_ARG(w->config->set.spool.path));
	e = record_open(path, r->file_bytes, r->bytes_max, &w->record);
	if (e < 0)
		log_text(LOG_WARN, "record_not_opened", e, "%s: nothing can be explained",
			 path);
}

static void *crew_thread(void *arg)
{
	struct crew *c = arg;
	char name[16]; /* with its NUL, what the kernel keeps */

	(void)fmt_text(name, sizeof(name), "loop %u", c->shard);
	(void)pthread_setname_np(pthread_self(), name);
	if (loop_run(c->loop, crew_run, c) < 0) {
		log_text(LOG_ERROR, "loop_not_started", -ENOMEM, "loop %u", c->shard);
		log_flush();
		_exit(EX_OSERR);
	}
	return NULL;
}

static int start_crews(struct worker *w)
{
	int e = 0;

	for (unsigned i = 0; i < w->n; i++) {
		struct crew *c = &w->crews[i];

		c->shard = i;
		c->config = w->config;
		c->pool = w->pool;
		c->spool = w->spool;
		c->record = w->record;
		c->peers = w->peers;
		c->inspection = w->inspection;
		c->local = &w->local;
		c->hurry = &w->orphan;
		list_init(&c->orders);
		if (i == 0) {
			c->loop = loop_self();
			e = group_spawn(&w->group, "crew", crew_run, c);
		} else {
			c->loop = loop_new(NULL);
			e = c->loop ? -pthread_create(&c->thread, NULL, crew_thread, c)
				    : -ENOMEM;
		}
		if (e < 0) {
			log_text(LOG_ERROR, "loop_not_started", e, "loop %u", i);
			return e;
		}
	}
	return 0;
}

/* The last of a set of orders: wake loop 0, from whichever thread. */
static void orders_done(struct post *p)
{
	co_wake(&CONTAINER_OF(p, struct worker, orders_done_post)->orders_done);
}

static void order_done(struct order *o)
{
	struct worker *w = o->ctx;
	int result = o->result;

	app_config_drop(o->config);
	if (result < 0)
		atomic_store(&w->order_error, result);
	if (atomic_fetch_sub(&w->orders_open, 1) == 1) {
		w->orders_done_post.fn = orders_done;
		loop_post(w->crews[0].loop, &w->orders_done_post);
	}
}

/* To each crew at most one between begin and wait. */
static void order(struct worker *w, struct crew *c, struct order what)
{
	struct order *o = &w->orders[c->shard];

	*o = what;
	o->done = order_done;
	o->ctx = w;
	if (o->config)
		server_config_hold(&o->config->server);
	atomic_fetch_add(&w->orders_open, 1);
	crew_order(c, o);
}

/* Orders are given between begin and wait; the extra count keeps them from ending early.
 */
static void orders_begin(struct worker *w)
{
	atomic_store(&w->orders_open, 1);
	atomic_store(&w->order_error, 0);
	w->orders_done = (struct waiter){ 0 };
}

static CO int orders_wait(struct worker *w)
{
	if (atomic_fetch_sub(&w->orders_open, 1) != 1)
		co_wait_shielded(&w->orders_done, "crews");
	return atomic_load(&w->order_error);
}

static CO int order_listen(struct worker *w, int fd, uint64_t key, unsigned loop,
			   const char *service)
{
	struct order o = { .kind = ORDER_LISTEN, .fd = fd, .key = key };

	if (fd < 0) /* without a free descriptor the kernel lets it fall: recvmsg(2) */
		return -EMFILE;
	if (strcmp(service, "control") == 0) {
		w->control_key = key;
		return ctl_listen(w->ctl, fd);
	}
	memcpy(o.service, service, strnlen(service, sizeof(o.service) - 1));
	orders_begin(w);
	order(w, &w->crews[loop < w->n ? loop : 0], o);
	return orders_wait(w);
}

static CO int listen_all(struct worker *w)
{
	const struct listeners *l = w->start->listeners;
	int e = 0;

	for (size_t i = 0; e == 0 && i < l->n; i++)
		e = order_listen(w, l->v[i].fd, l->v[i].key, l->v[i].loop,
				 l->v[i].service);
	return e;
}

/* The master takes no further reload before it has the answer to one. */
static CO void answer(struct worker *w, enum wire_kind kind, const char *text)
{
	struct wire m = { .kind = kind };
	int e;

	memcpy(m.text, text, strnlen(text, sizeof(m.text) - 1));
	e = wire_send(w->master.fd, &m, -1);
	for (int i = 0; e == -EAGAIN && i < ANSWER_TRIES; i++) {
		(void)!co_sleep(loop_after_ms(ANSWER_STEP_MS));
		e = wire_send(w->master.fd, &m, -1);
	}
	if (e < 0)
		log_text(LOG_WARN, "master_not_told", e, "%s", text);
}

static int read_config(struct worker *w, int fd, struct app_config **ret)
{
	CLEANUP(buf_done) struct buf text = { .bytes_max = CONF_BYTES_MAX };
	struct arena arena = { 0 };
	struct conf_diags diags = { .arena = &arena };
	char block[4096];
	ssize_t n = 0;
	off_t at = 0;
	int e;

	while (!text.err && (n = pread(fd, block, sizeof(block), at)) > 0) {
		buf_add_bytes(&text, block, (size_t)n);
		at += n;
	}
	e = n < 0 ? -errno : text.err;
	if (e == 0)
		e = app_config_load(buf_str(&text), w->config->file, w->start->options,
				    &diags, ret);
	if (e < 0 && diags.first)
		log_text(LOG_ERROR, "reload_fault", 0,
			 "%.*s (can the worker's user read it?)",
			 STR_ARG(diags.first->fault));
	arena_done(&arena);
	return e;
}

/* The master closes the listeners that came with a reload when it is refused. */
static CO void apply(struct worker *w, int fd)
{
	struct app_config *c = NULL;
	int e = fd < 0 ? -EMFILE : w->listen_error;

	w->listen_error = 0;
	if (e < 0) {
		answer(w, WIRE_REFUSED,
		       e == -EMFILE ? "no descriptors for it"
				    : "a listener could not be taken over");
		return;
	}
	if (read_config(w, fd, &c) < 0) {
		answer(w, WIRE_REFUSED, "the worker could not load it");
		return;
	}
	orders_begin(w);
	for (unsigned i = 0; i < w->n; i++)
		order(w, &w->crews[i],
		      (struct order){ .kind = ORDER_CONFIGURE, .config = c });
	(void)!orders_wait(w);
	app_config_drop(w->config);
	w->config = c;
	answer(w, WIRE_APPLIED, "");
}

static CO void unlisten(struct worker *w, uint64_t key)
{
	if (key == w->control_key) {
		ctl_unlisten(w->ctl);
		return;
	}
	orders_begin(w);
	for (unsigned i = 0; i < w->n; i++)
		order(w, &w->crews[i],
		      (struct order){ .kind = ORDER_UNLISTEN, .key = key });
	(void)!orders_wait(w);
}

/* Takes fd over. A listener that failed makes the reload that it came with fail. */
static CO void listen_more(struct worker *w, const struct wire *m, int fd)
{
	int e = order_listen(w, fd, m->key, m->loop, m->text);

	if (e == 0)
		return;
	w->listen_error = e;
	log_text(LOG_ERROR, "listen_failed", e, "service %s", m->text);
}

static CO void obey(struct worker *w, const struct wire *m, int fd)
{
	switch (m->kind) {
	case WIRE_STOP:
		w->stopping = true;
		co_wake(&w->stop_asked);
		break;
	case WIRE_LISTEN:
		if (!w->stopping) {
			listen_more(w, m, fd);
			return;
		}
		break;
	case WIRE_UNLISTEN:
		if (!w->stopping)
			unlisten(w, m->key);
		break;
	case WIRE_RELOAD:
		if (!w->stopping)
			apply(w, fd);
		break;
	case WIRE_LOCAL:
		local_ask_answer(&w->local_ask, m->key, fd);
		return;
	default:
		break;
	}
	if (fd >= 0)
		close(fd);
}

/* Until the master or the worker ends. */
static CO void obey_master(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		struct wire m;
		int fd = -1, got = wire_receive(w->master.fd, &m, &fd);

		if (got == 1) {
			obey(w, &m, fd);
			continue;
		}
		if (got == -EAGAIN) {
			w->master.readable = false;
			if (io_wait_read(&w->master, DEADLINE_NEVER) == -ECANCELED)
				return;
			continue;
		}
		log_text(LOG_WARN, "master_gone", got, "ending in order");
		local_ask_close(&w->local_ask);
		atomic_store(&w->orphan, true);
		w->stopping = true;
		co_wake(&w->stop_asked);
		return;
	}
}

static CO void stop_crews(struct worker *w)
{
	orders_begin(w);
	for (unsigned i = 0; i < w->n; i++)
		order(w, &w->crews[i], (struct order){ .kind = ORDER_STOP });
	(void)!orders_wait(w);
	group_join(&w->group);
	for (unsigned i = 1; i < w->n; i++) {
		pthread_join(w->crews[i].thread, NULL);
		loop_free(w->crews[i].loop);
	}
}

static CO int build(struct worker *w)
{
	struct ctl_options ctl;
	int e = open_spool(w);

	if (e < 0)
		return e;
	open_record(w);
	w->peers = peers_new();
	w->inspection = inspection_new(INSPECTIONS_PER_LOOP * w->n);
	if (!w->peers || !w->inspection)
		return -ENOMEM;
	local_ask_init(&w->local_ask, loop_self(), w->master.fd);
	w->local = (struct deliver_local){ local_ask, &w->local_ask };
	ctl = (struct ctl_options){ .spool = w->spool,
				    .record = w->record,
				    .pool = w->pool };
	e = ctl_new(&ctl, &w->ctl);
	if (e == 0)
		e = start_crews(w);
	return e < 0 ? e : listen_all(w);
}

static CO void worker_main(void *arg)
{
	struct worker *w = arg;

	group_init(&w->group);
	group_init(&w->line);
	if (io_open(&w->master, w->start->master_sock) < 0 || build(w) < 0 ||
	    group_spawn(&w->line, "master", obey_master, w) < 0) {
		log_close();
		_exit(EX_TEMPFAIL);
	}
	answer(w, WIRE_UP, "");
	(void)!co_wait(&w->stop_asked, DEADLINE_NEVER, "the wish to stop");
	ctl_free(w->ctl);
	stop_crews(w);
	group_cancel(&w->line);
	group_join(&w->line);
	w->spool->ops->close(w->spool);
	record_close(w->record);
	inspection_free(w->inspection);
	peers_free(w->peers);
	io_close(&w->master);
}

int worker_run(const struct worker_start *start)
{
	struct worker *w = mem_alloc(sizeof(*w));
	struct loop *loop;
	int e = privsep_drop(start->user), status;

	if (e < 0 || !w) {
		log_text(LOG_ERROR, "rights_not_dropped", e,
			 "the worker does not run like this");
		return EX_NOPERM;
	}
	mem_tune();
	signal(SIGPIPE, SIG_IGN);
	w->start = start;
	w->config = start->config;
	server_config_hold(&w->config->server);
	w->n = start->loops;
	e = log_open(STDERR_FILENO, (enum log_format)w->config->set.log.format,
		     (enum log_level)w->config->set.log.level);
	w->pool = e ? NULL : pool_new(POOL_THREADS);
	loop = w->pool ? loop_new(NULL) : NULL;
	if (!loop || loop_run(loop, worker_main, w) < 0) {
		log_text(LOG_ERROR, "worker_not_built", e,
			 "no threads, memory or descriptors for it; the master tries "
			 "again");
		log_close();
		return EX_OSERR;
	}
	loop_free(loop);
	pool_free(w->pool);
	app_config_drop(w->config);
	status = w->status;
	mem_free(w);
	log_close();
	return status;
}

/*
 * A whole session in one coroutine, without sockets: the server reads from and writes to
 * this. Each time it waits, `next` decides what the client sends now, having heard all
 * that was said. For smuggle.c, model.c, receive_test.c and fuzz/session.c.
 */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include <string.h>

#include "app/config.h"
#include "base/buf.h"
#include "rt/co.h"
#include "server/server.h"

enum { TALK_SAID_BYTES = 64 * 1024 };

struct talk {
	struct app_config *config;
	struct spool *spool;
	struct spool
		*memory; /* below spool, when a test has put a faulty one before it */
	struct peers *peers;
	struct server *server;
	struct addr peer, local;
	/* What the client sends next; empty: it hangs up. Bytes are borrowed. */
	struct str (*next)(struct talk *t);
	void *ctx;
	size_t chop;       /* 0, or the most that one read gives */
	int64_t pause_us;  /* virtual time before each segment */
	struct str unread; /* of the segment that the server reads */
	struct buf said;   /* by the server, since talk_run began */
	size_t heard;      /* bytes of said that talk_reply has taken */
};

static inline ptrdiff_t talk_read(void *ctx, void *p, size_t n, int64_t deadline_us)
{
	struct talk *t = ctx;
	struct str part = str_sub(t->unread, 0, t->chop && t->chop < n ? t->chop : n);

	(void)deadline_us;
	if (!t->unread.p)
		return 0; /* hung up */
	if (part.n == 0)
		return -ETIMEDOUT;
	memcpy(p, part.p, part.n);
	t->unread = str_skip(t->unread, part.n);
	return (ptrdiff_t)part.n;
}

static inline ptrdiff_t talk_write(void *ctx, const void *p, size_t n,
				   int64_t deadline_us)
{
	struct talk *t = ctx;

	(void)deadline_us;
	buf_add_bytes(&t->said, p, n);
	assert(!t->said.err);
	return (ptrdiff_t)n;
}

static inline CO int talk_wait(void *ctx, int64_t deadline_us)
{
	struct talk *t = ctx;
	int64_t then_us = loop_now_us() + t->pause_us;
	struct str s;
	int e = 0;

	if (t->pause_us && t->unread.p)
		e = co_sleep(then_us < deadline_us ? then_us : deadline_us);
	if (e < 0)
		return e;
	if (t->pause_us && then_us >= deadline_us)
		return -ETIMEDOUT;
	s = t->next(t);
	t->unread = s.n ? s : STR_NONE;
	return 0;
}

static inline void talk_close(void *ctx)
{
	struct talk *t = ctx;

	t->unread = STR_NONE;
}

/* From the first greeting to the last reply. Room for what is said is taken before. */
static inline CO void talk_run(struct talk *t)
{
	static const struct stream_ops ops = {
		.read = talk_read,
		.write = talk_write,
		.wait = talk_wait,
		.close = talk_close,
	};
	struct stream io;

	buf_clear(&t->said);
	t->heard = 0;
	t->unread = STR("");
	stream_init(&io, &ops, t);
	server_converse(t->server, &io, &t->peer, &t->local);
	stream_close(&io);
}

/* The code of the next whole reply; 0: there is none yet. Asserts RFC 5321 4.2.1,
 * 4.5.3.1.5: three digits, one code in all its lines, CRLF, printable, 512 bytes. */
static inline unsigned talk_reply(struct talk *t, struct str *text)
{
	struct str rest = str_skip(buf_str(&t->said), t->heard), line = STR_NONE;
	unsigned code = 0;
	bool more = rest.n > 0;

	if (text)
		*text = rest;
	while (more) {
		unsigned this = 0;

		assert(str_find(rest, '\n') > 0 && str_split(&rest, '\n', &line));
		assert(line.n >= 5 && line.n < 512 && line.p[line.n - 1] == '\r');
		for (size_t i = 0; i < 3; i++) {
			assert(ch_digit(line.p[i]));
			this = this * 10 + (unsigned)(line.p[i] - '0');
		}
		for (size_t i = 3; i + 1 < line.n; i++)
			assert(!ch_control(line.p[i]));
		assert(line.p[3] == ' ' || line.p[3] == '-');
		assert(this >= 200 && this < 600 && (code == 0 || code == this));
		code = this;
		more = line.p[3] == '-';
	}
	if (rest.p)
		t->heard = (size_t)(rest.p - t->said.p);
	else if (code)
		t->heard = t->said.n;
	return code;
}

static inline uint64_t talk_stored(const struct talk *t)
{
	struct spool_stats stats = { 0 };

	t->memory->ops->stats(t->memory, &stats);
	return stats.waiting;
}

/* The oldest message of the spool. false: there is none. */
static inline bool talk_oldest(const struct talk *t, spool_id *ret)
{
	struct spool_head h;

	if (t->memory->ops->list(t->memory, 0, &h, 1) == 0)
		return false;
	*ret = h.id;
	return true;
}

/* Its content as the client sent it: without our Received field, which ends where the
 * first line without a tab begins. */
static inline void talk_content(const struct talk *t, spool_id id, struct buf *ret)
{
	char block[4096];
	struct str all, line;
	ptrdiff_t n;

	buf_clear(ret);
	while ((n = t->memory->ops->read(t->memory, id, ret->n, block, sizeof(block))) >
	       0)
		buf_add_bytes(ret, block, (size_t)n);
	assert(n == 0 && !ret->err);
	all = buf_str(ret);
	assert(str_starts(all, STR("Received: from ")));
	do
		(void)str_split(&all, '\n', &line);
	while (all.n && all.p[0] == '\t');
	buf_shift(ret, ret->n - all.n);
}

static inline void talk_forget(const struct talk *t)
{
	spool_id id = 0;

	while (talk_oldest(t, &id))
		assert(t->memory->ops->remove(t->memory, id) == 0);
}

/* Once, before the first session: a line per message is too much. */
static inline void talk_quiet(void)
{
	(void)!log_open(2, LOG_LOGFMT, LOG_ERROR);
}

/* A server of one configuration with a spool in memory. Inside a loop. */
static inline void talk_open(struct talk *t, struct str conf)
{
	struct arena arena = { 0 };
	struct conf_diags diags = { .arena = &arena };
	struct app_options o = { .descriptors_max = 10000, .directory = STR("/nowhere") };
	struct server_options so = { 0 };

	assert(app_config_load(conf, STR("test"), &o, &diags, &t->config) == 0);
	arena_done(&arena);
	t->config->set.limits.early_talk = true; /* all is there from the beginning */
	if (!t->memory)
		assert(spool_mem_open(1, &t->memory) == 0);
	if (!t->spool)
		t->spool = t->memory;
	t->peers = peers_new();
	assert(t->peers);
	so.spool = t->spool;
	so.peers = t->peers;
	so.config = &t->config->server;
	t->server = server_new(&so);
	assert(t->server);
	assert(addr_parse(STR("192.0.2.1:4711"), &t->peer) == 0);
	assert(addr_parse(STR("192.0.2.25:25"), &t->local) == 0);
	assert(buf_reserve(&t->said, TALK_SAID_BYTES) == 0);
}

static inline CO void talk_shut(struct talk *t)
{
	server_stop(t->server, loop_now_us());
	server_free(t->server);
	peers_free(t->peers);
	t->memory->ops->close(t->memory);
	app_config_drop(t->config);
	buf_done(&t->said);
}

#endif

/*
 * server/session.h, the whole session: the input is what a client sends, in pieces that
 * its first bytes choose, under one of some configurations, perhaps with memory failing
 * once. Whatever it is: the session ends, each reply is well-formed, as many messages are
 * stored as were said to be, each with clean lines, and nothing is left behind.
 */
#include "../tests/talk.h"
#include "base/mem.h"
#include "fuzz.h"

enum { INPUT_BYTES_MAX = 16384, SAID_BYTES = 1024 * 1024 };

#define CONF \
	"hostname = mx.example.org\n" \
	"domain \"shop.net\" { deliver = discard, users = [guest, anna] }\n" \
	"domain \"all.example\" { deliver = discard, catch_all = \"guest@shop.net\" }\n"

static const struct {
	struct str conf;
	uint64_t line_max; /* as it says */
} configs[] = {
	{ STR_INIT(CONF), 1000 },
	{ STR_INIT(CONF "limits { pipelined_data = yes, line_size = 0, memory = 64K }\n"
			"relay { from = [\"192.0.2.1\"], via = \"127.0.0.1:26\" }\n"),
	  0 },
	{ STR_INIT(CONF "limits { pipelined_data = yes, errors = 1000, unknown_recipients"
			" = 1000, idle_commands = 1000, header_size = 1K, hops = 5, "
			"line_size = 80 }\n"),
	  80 },
	{ STR_INIT(CONF "limits { errors = 5, unknown_recipients = 3, idle_commands = 5, "
			"commands = 20, messages = 2, recipients = 100, command_size = "
			"512, command_time = 1m, data_time = 1m, session_time = 10m }\n"),
	  1000 },
};

enum pieces { ALL, LINES, WINDOWS, SLOW_LINES };

struct input {
	struct str rest;
	enum pieces pieces;
	uint32_t seed;
	long fail_after; /* -1: memory never fails */
	struct talk *talk;
	struct str conf;
	uint64_t line_max;
	struct arena arena;
	struct buf content;
};

static struct str next_piece(struct talk *t)
{
	struct input *in = t->ctx;
	ptrdiff_t lf = str_find(in->rest, '\n');
	size_t n = in->rest.n;
	struct str piece;

	if (in->pieces == WINDOWS)
		n = fuzz_cut(&in->seed);
	else if (in->pieces != ALL && lf >= 0)
		n = (size_t)lf + 1;
	piece = str_sub(in->rest, 0, n);
	in->rest = str_skip(in->rest, n);
	return piece;
}

/* All replies; how many of them say that a message is stored. bare: so many more may mean
 * that: a reply without memory is only its code. */
static uint64_t replies_check(struct talk *t, uint64_t *bare)
{
	static const char stored[] = "stored, queued as ";
	struct str text;
	uint64_t count = 0;
	unsigned code;

	while ((code = talk_reply(t, &text))) {
		text.n = (size_t)(t->said.p + t->heard - text.p);
		if (code == 250 && memmem(text.p, text.n, stored, sizeof(stored) - 1))
			count++;
		*bare += str_eq(text, STR("250 ok\r\n"));
	}
	return count;
}

/* RFC 5321 2.3.8, 4.5.3.1.6: what is stored can be sent on. */
static void lines_check(struct str s, uint64_t line_max)
{
	size_t line = 0;

	for (size_t i = 0; i < s.n; i++) {
		bool pair = i > 0 && s.p[i - 1] == '\r';

		assert(s.p[i] != 0 && (s.p[i] == '\n') == pair);
		line++;
		assert(!line_max || line <= line_max);
		if (s.p[i] == '\n')
			line = 0;
	}
	assert(s.n == 0 || s.p[s.n - 1] != '\r');
}

static void address_check(struct str a, bool utf8)
{
	for (size_t i = 0; i < a.n; i++)
		assert(!ch_control(a.p[i]) && (utf8 || (unsigned char)a.p[i] < 128));
}

static CO void message_check(struct input *in, spool_id id)
{
	struct envelope e = { 0 };
	struct spool *s = in->talk->memory;

	arena_reset(&in->arena);
	assert(s->ops->load(s, id, &in->arena, &e) == 0);
	assert(e.rcpt_count > 0 && e.rcpt_count <= 2000);
	address_check(e.sender, e.smtputf8);
	for (size_t i = 0; i < e.rcpt_count; i++)
		address_check(e.rcpts[i].to, e.smtputf8);
	talk_content(in->talk, id, &in->content);
	if (e.body != BODY_BINARYMIME)
		lines_check(buf_str(&in->content), in->line_max);
	assert(s->ops->remove(s, id) == 0);
}

static CO void session_check(struct input *in)
{
	struct talk *t = in->talk;
	uint64_t said, stored = 0, bare = 0;
	spool_id id = 0;

	if (in->fail_after >= 0)
		mem_fail_on(in->fail_after, 1);
	talk_run(t);
	(void)mem_fail_off();
	said = replies_check(t, &bare);
	while (talk_oldest(t, &id)) {
		message_check(in, id);
		stored++;
	}
	if (in->fail_after < 0)
		bare = 0;
	assert(said <= stored && stored <= said + bare);
	assert(server_sessions(t->server) == 0 && peers_total(t->peers) == 0);
}

static CO void run(void *arg)
{
	struct input *in = arg;
	struct talk *t = in->talk;

	if (!t->server) {
		talk_open(t, in->conf);
		assert(buf_reserve(&t->said, SAID_BYTES) == 0);
	}
	t->ctx = in;
	session_check(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loop *l;
	static struct talk talks[COUNT_OF(configs)]; /* kept: to make one is slow */
	struct loop_options o = { .virtual_clock = true };
	struct input in = { .rest = str_of(data, size) };
	uint8_t how = fuzz_byte(&in.rest), fail = fuzz_byte(&in.rest);
	size_t c = how % COUNT_OF(configs);

	if (size > INPUT_BYTES_MAX)
		return 0;
	if (!l) {
		l = loop_new(&o);
		talk_quiet();
	}
	assert(l);
	in.talk = &talks[c];
	in.conf = configs[c].conf;
	in.line_max = configs[c].line_max;
	in.pieces = (enum pieces)((how >> 2) % 4);
	in.seed = size > 8 ? data[size - 1] : 1;
	in.fail_after = fail < 128 ? -1 : fail - 128;
	in.talk->next = next_piece;
	in.talk->chop = how & 16 ? 1 + (how >> 5) : 0;
	in.talk->pause_us = in.pieces == SLOW_LINES ? (how >> 5) * 10 * USEC_PER_SEC : 0;
	assert(loop_run(l, run, &in) == 0);
	arena_done(&in.arena);
	buf_done(&in.content);
	return 0;
}

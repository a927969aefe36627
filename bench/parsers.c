/*
 * What the pure parsers cost: ns per call and MB/s, the best of several rounds (noise
 * only ever adds). Run on a release build: build/release/bench/bench-parsers.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "mime/parse.h"
#include "smtp/command.h"
#include "smtp/data.h"
#include "smtp/ext.h"
#include "smtp/reply.h"

enum { ROUNDS = 2000, ROUND_BYTES = 200000, CALLS_MAX = 200, LINE = 76 };

static volatile uint64_t sink; /* so that no work is optimised away */

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct work {
	const char *name;
	void (*run)(const struct work *w);
	struct str in;
};

static void measure(const struct work *w)
{
	size_t calls = ROUND_BYTES / w->in.n + 1;
	double best = 1e18;

	/* Short rounds, many of them: one of them runs undisturbed. */
	if (calls > CALLS_MAX)
		calls = CALLS_MAX;
	for (int i = 0; i < ROUNDS; i++) {
		double t = now_ns();

		for (size_t k = 0; k < calls; k++)
			w->run(w);
		t = (now_ns() - t) / (double)calls;
		best = t < best ? t : best;
	}
	printf("%-28s %9.1f ns %9.0f MB/s\n", w->name, best,
	       (double)w->in.n * 1e3 / best);
}

static void run_data(const struct work *w)
{
	struct str in = w->in, span;
	struct smtp_data d;

	smtp_data_init(&d, 1000);
	while (smtp_data_next(&d, &in, &span))
		sink += span.n;
	sink += d.flaws;
}

static void run_watch(const struct work *w)
{
	struct smtp_data d;

	smtp_data_init(&d, 1000);
	smtp_data_watch(&d, w->in);
	sink += d.flaws;
}

static struct buf out; /* kept between calls, as a connection keeps its buffer */

static void run_stuff(const struct work *w)
{
	struct smtp_stuff st = { 0 };

	buf_clear(&out);
	sink += smtp_stuff_add(&st, w->in, &out) == 0;
}

static void run_command(const struct work *w)
{
	sink += smtp_command_parse(w->in).verb;
}

static const struct smtp_grammar all = { true, true, true, true, true, true };

static void run_mail(const struct work *w)
{
	struct smtp_command c = smtp_command_parse(w->in);
	struct smtp_mail m;
	struct str bad;

	sink += smtp_mail_parse(c.args, all, &m, &bad) == 0 ? m.path.address.n : 0;
}

static void run_rcpt(const struct work *w)
{
	struct smtp_command c = smtp_command_parse(w->in);
	struct smtp_rcpt r;
	struct str bad;

	sink += smtp_rcpt_parse(c.args, all, &r, &bad) == 0 ? r.path.address.n : 0;
}

static void run_path(const struct work *w)
{
	struct str in = w->in;
	struct smtp_path p;

	sink += smtp_path_parse(&in, true, &p) == 0 ? p.address.n : 0;
}

static void run_reply_write(const struct work *w)
{
	buf_clear(&out);
	smtp_reply_write((struct smtp_reply){ 250, 2, 1, 5, w->in }, true, &out);
	sink += out.n;
}

static void run_reply_parse(const struct work *w)
{
	static struct smtp_reply_parser p;
	struct smtp_reply r;

	sink += smtp_reply_parse(&p, w->in, &r) == 1 ? r.code : 0;
}

static void run_mime(const struct work *w)
{
	static const struct mime_visitor deaf;
	struct mime_parser *p = mime_parser_new(&deaf, NULL);

	assert(p);
	mime_parser_feed(p, w->in);
	mime_parser_finish(p);
	sink += mime_parser_findings(p, MIME_ODD);
	mime_parser_free(p);
}

/* A head, and n bytes of lines in the alphabet of base64. */
static struct str attachment(size_t n, const char *head)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s\r\n", head);
	for (size_t i = 0; i < n; i++)
		buf_add_c(&b, i % 78 < 76 ? (char)('a' + i % 25) : "\r\n"[i % 78 - 76]);
	assert(!b.err);
	return buf_str(&b); /* kept to the end */
}

/* Lines of ordinary length; with dots, every tenth begins with two. */
static struct str text(size_t n, bool dots, bool end)
{
	char *p = mem_alloc(n + 8);

	assert(p);
	memset(p, 'x', n);
	for (size_t i = 0; i + 2 <= n; i += LINE) {
		size_t to = i + LINE < n ? i + LINE : n;

		memcpy(p + to - 2, "\r\n", 2);
		if (dots && i / LINE % 10 == 0 && to - i > 4)
			memcpy(p + i, "..", 2);
	}
	if (end)
		memcpy(p + n, ".\r\n", 3);
	return str_of(p, n + (end ? 3 : 0));
}

int main(void)
{
	const struct work works[] = {
		{ "data 4 KiB", run_data, text(4096, false, true) },
		{ "data 4 KiB, 1/10 dots", run_data, text(4096, true, true) },
		{ "data 64 KiB", run_data, text(65536, false, true) },
		{ "watch 4 KiB", run_watch, text(4096, false, false) },
		{ "stuff 4 KiB", run_stuff, text(4096, false, false) },
		{ "stuff 4 KiB, 1/10 dots", run_stuff, text(4096, true, false) },
		{ "mime text 64 KiB", run_mime, attachment(65536, "From: a\r\n") },
		{ "mime base64 64 KiB", run_mime,
		  attachment(65536, "Content-Transfer-Encoding: base64\r\n") },
		{ "mime text 1 MiB", run_mime, attachment(1 << 20, "From: a\r\n") },
		{ "command QUIT", run_command, STR("QUIT") },
		{ "MAIL with SIZE, BODY", run_mail,
		  STR("MAIL FROM:<sender.name@mail.example.org> SIZE=4096 "
		      "BODY=8BITMIME") },
		{ "RCPT", run_rcpt, STR("RCPT TO:<recipient@mail.example.org>") },
		{ "path", run_path, STR("<recipient@mail.example.org>") },
		{ "reply write", run_reply_write, STR("recipient accepted, go on") },
		{ "reply parse", run_reply_parse,
		  STR("250 2.1.5 recipient accepted, go on") },
	};

	for (size_t i = 0; i < COUNT_OF(works); i++)
		measure(&works[i]);
	return 0;
}

/*
 * Smuggling (S1-S8, S12, S13): whatever a message holds, and wherever the network cuts
 * the stream, exactly the right messages are stored, byte for byte, and nothing of their
 * content runs as a command. RFC 5321 4.1.1.4: only CRLF.CRLF ends it.
 */
#include "base/mem.h"
#include "base/test.h"
#include "talk.h"

#define HEAD "Subject: x\r\n\r\nbody"
#define EVIL \
	"MAIL FROM:<evil@b.example>\r\nRCPT TO:<anna@shop.net>\r\nDATA\r\n" \
	"Subject: evil\r\n\r\nevil"
#define END "\r\n.\r\n"
#define GREETING "EHLO x.example\r\n"
#define ENVELOPE "MAIL FROM:<a@b.example>\r\nRCPT TO:<guest@shop.net>\r\n"
#define GOOD "Subject: good\r\n\r\ngood\r\n"
#define GOOD_ENVELOPE "NOOP\r\nMAIL FROM:<good@b.example>\r\nRCPT TO:<guest@shop.net>\r\n"

/* What stands between the text and the commands that it wants to smuggle in. */
struct variant {
	struct str sent; /* with its true end */
	struct str kept; /* what is stored; none: the message is refused */
};
#define REFUSED(between) \
	{ \
		STR_INIT(HEAD between EVIL END), \
		{ \
			NULL, 0 \
		} \
	}
#define KEPT(between, as) \
	{ \
		STR_INIT(HEAD between EVIL END), STR_INIT(HEAD as EVIL "\r\n") \
	}
#define ENDS(sent, kept) \
	{ \
		STR_INIT(sent), kept \
	}

static const struct variant variants[] = {
	/* S1, S2, S3 */
	REFUSED("\n.\n"),
	REFUSED("\n.\r\n"),
	REFUSED("\r\n.\n"),
	/* S4 */
	REFUSED("\r.\r"),
	REFUSED("\r.\n"),
	REFUSED("\n.\r"),
	REFUSED("\r.\r\n"),
	REFUSED("\r\n.\r"),
	REFUSED("\n\r.\n\r"),
	REFUSED("\r\r.\r\r"),
	REFUSED("\n\n.\n\n"),
	/* S5, S6 */
	REFUSED("\r\n\0.\r\n"),
	REFUSED("\r\n.\0\r\n"),
	REFUSED("\r\0\n.\r\n"),
	REFUSED("\r\n.\r\0\n"),
	REFUSED("\r\n\0.\0\r\n"),
	/* S7 */
	REFUSED("\r\n.\r\r\n"),
	REFUSED("\r\n.\r\r\r\n"),
	REFUSED("\r\n.\r.\r\n"),
	REFUSED("\r\n..\r\r\n.\r\r\n"),
	/* S8: not the end either, but without a fault; one dot is taken off */
	KEPT("\r\n..\r\n", "\r\n.\r\n"),
	KEPT("\r\n...\r\n", "\r\n..\r\n"),
	KEPT("\r\n.. \r\n", "\r\n. \r\n"),
	KEPT("\r\n. \r\n", "\r\n \r\n"),
	KEPT("\r\n.\t\r\n", "\r\n\t\r\n"),
	KEPT("\r\n.x\r\n", "\r\nx\r\n"),
	KEPT("\r\n .\r\n", "\r\n .\r\n"),
	KEPT(".\r\n", ".\r\n"),
	KEPT("\r\n\r\n..\r\n\r\n", "\r\n\r\n.\r\n\r\n"),
	KEPT("\r\n.\x0b\r\n", "\r\n\x0b\r\n"),
	KEPT("\r\n.\x0c\r\n", "\r\n\x0c\r\n"),
	KEPT("\x0b.\x0b\r\n", "\x0b.\x0b\r\n"),
	KEPT("\r\n.\xc2\x85\r\n", "\r\n\xc2\x85\r\n"),
	KEPT("\xe2\x80\xa8.\xe2\x80\xa8\r\n", "\xe2\x80\xa8.\xe2\x80\xa8\r\n"),
	/* The true end, whatever comes before it. */
	ENDS(".\r\n", STR_INIT("")),
	ENDS("\r\n.\r\n", STR_INIT("\r\n")),
	ENDS("..\r\n.\r\n", STR_INIT(".\r\n")),
	ENDS(HEAD "\0" END, { NULL }),
	ENDS(HEAD "\r" END, { NULL }),
	ENDS(HEAD "\n" END, { NULL }),
	ENDS(HEAD "\r\n.\r" END, { NULL }),
};

enum { SEGMENTS_MAX = 8, CODES_MAX = 24 };

struct play {
	struct talk talk;
	struct str segments[SEGMENTS_MAX];
	size_t count, at;
	unsigned codes[CODES_MAX]; /* of the replies that must come, in order */
	size_t code_count;
	struct str kept[2]; /* content that must be stored, oldest first */
	size_t kept_count;
	unsigned long sessions;
	struct buf content;
};

static struct str next_segment(struct talk *t)
{
	struct play *p = t->ctx;

	while (p->at < p->count && p->segments[p->at].n == 0)
		p->at++;
	return p->at < p->count ? p->segments[p->at++] : STR_NONE;
}

static void expect(struct play *p, unsigned code)
{
	assert_true(p->code_count < CODES_MAX);
	p->codes[p->code_count++] = code;
}

static void expect_stored(struct play *p, struct str content)
{
	expect(p, 250);
	p->kept[p->kept_count++] = content;
}

static void begin(struct play *p)
{
	p->count = p->code_count = p->kept_count = 0;
	expect(p, 220);
	expect(p, 250);
}

static void segment(struct play *p, struct str bytes)
{
	assert_true(p->count < SEGMENTS_MAX);
	p->segments[p->count++] = bytes;
}

static void check_stored(struct play *p)
{
	struct talk *t = &p->talk;
	spool_id id = 0;

	assert_int_equal(talk_stored(t), p->kept_count);
	for (size_t i = 0; i < p->kept_count; i++) {
		assert_true(talk_oldest(t, &id));
		talk_content(t, id, &p->content);
		assert_str(buf_str(&p->content), p->kept[i]);
		assert_int_equal(t->memory->ops->remove(t->memory, id), 0);
	}
}

static void run(struct play *p)
{
	struct talk *t = &p->talk;

	p->at = 0;
	talk_run(t);
	for (size_t i = 0; i < p->code_count; i++) {
		unsigned code = talk_reply(t, NULL);

		if (code != p->codes[i])
			print_error("reply %zu of\n%.*s", i, STR_ARG(buf_str(&t->said)));
		assert_int_equal(code, p->codes[i]);
	}
	assert_int_equal(talk_reply(t, NULL), 0); /* nothing else has run */
	check_stored(p);
	p->sessions++;
}

/* The same stream in two pieces, cut at every place, and in pieces of one size. */
static void run_cut(struct play *p, size_t which)
{
	struct str whole = p->segments[which];

	assert_true(p->count < SEGMENTS_MAX);
	memmove(p->segments + which + 1, p->segments + which,
		(p->count - which) * sizeof(whole));
	p->count++;
	for (size_t cut = 0; cut < whole.n; cut++) {
		p->segments[which] = str_sub(whole, 0, cut);
		p->segments[which + 1] = str_skip(whole, cut);
		run(p);
	}
	for (p->talk.chop = 1; p->talk.chop <= 9; p->talk.chop++)
		run(p);
	p->talk.chop = 0;
	p->count--;
	memmove(p->segments + which, p->segments + which + 1,
		(p->count - which) * sizeof(whole));
}

/* In three pieces: both cuts within `length` bytes from `from`. */
static void run_cut_twice(struct play *p, size_t which, size_t from, size_t length)
{
	struct str whole = p->segments[which];

	assert_true(p->count + 2 <= SEGMENTS_MAX);
	memmove(p->segments + which + 2, p->segments + which,
		(p->count - which) * sizeof(whole));
	p->count += 2;
	for (size_t a = from; a < from + length && a < whole.n; a++)
		for (size_t b = a + 1; b < from + length && b < whole.n; b++) {
			p->segments[which] = str_sub(whole, 0, a);
			p->segments[which + 1] = str_sub(whole, a, b - a);
			p->segments[which + 2] = str_skip(whole, b);
			run(p);
		}
}

/* After the message a good one must still get through. */
static void expect_variant(struct play *p, const struct variant *v)
{
	expect(p, 250);
	expect(p, 250);
	expect(p, 354);
	if (v->kept.p)
		expect_stored(p, v->kept);
	else
		expect(p, 550);
}

static void expect_good(struct play *p)
{
	for (int i = 0; i < 3; i++)
		expect(p, 250); /* NOOP, MAIL, RCPT */
	expect(p, 354);
	expect_stored(p, STR(GOOD));
	expect(p, 221);
}

/* A client that waits for each 354; the content is cut everywhere. */
static void lock_step(struct play *p)
{
	CLEANUP(buf_done) struct buf body = { 0 };

	for (size_t i = 0; i < COUNT_OF(variants); i++) {
		const struct variant *v = &variants[i];

		buf_clear(&body);
		buf_add(&body, v->sent);
		buf_add(&body, STR(GOOD_ENVELOPE "DATA\r\n"));
		begin(p);
		expect_variant(p, v);
		expect_good(p);
		segment(p, STR(GREETING ENVELOPE "DATA\r\n"));
		segment(p, buf_str(&body));
		segment(p, STR(GOOD ".\r\nQUIT\r\n"));
		run_cut(p, 1);
		run_cut_twice(p, 1, sizeof(HEAD) - 4, 14);
	}
}

/* A client that sends all at once, which limits.pipelined_data allows; all is cut. */
static void all_at_once(struct play *p)
{
	CLEANUP(buf_done) struct buf all = { 0 };

	for (size_t i = 0; i < COUNT_OF(variants); i++) {
		const struct variant *v = &variants[i];

		buf_clear(&all);
		buf_add(&all, STR(GREETING ENVELOPE "DATA\r\n"));
		buf_add(&all, v->sent);
		buf_add(&all, STR(GOOD_ENVELOPE "DATA\r\n" GOOD ".\r\nQUIT\r\n"));
		begin(p);
		expect_variant(p, v);
		expect_good(p);
		segment(p, buf_str(&all));
		run_cut(p, 0);
	}
}

static bool clean(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool pair = i > 0 && s.p[i - 1] == '\r';

		if (s.p[i] == 0 || (s.p[i] == '\n') != pair)
			return false;
	}
	return s.n == 0 || s.p[s.n - 1] != '\r';
}

/* S12: content by BDAT is counted, not searched: what would end a DATA ends nothing. The
 * content is divided into two chunks at every place, each sent as a segment. */
static void chunks(struct play *p)
{
	CLEANUP(buf_done) struct buf first = { 0 }, second = { 0 };

	for (size_t i = 0; i < COUNT_OF(variants); i++)
		for (size_t cut = 0; cut <= variants[i].sent.n; cut++) {
			struct str all = variants[i].sent;

			buf_clear(&first);
			buf_clear(&second);
			buf_printf(&first, GREETING ENVELOPE "BDAT %zu\r\n", cut);
			buf_add(&first, str_sub(all, 0, cut));
			buf_printf(&second, "BDAT %zu LAST\r\n", all.n - cut);
			buf_add(&second, str_skip(all, cut));
			buf_add(&second, STR(GOOD_ENVELOPE "DATA\r\n"));
			begin(p);
			for (int k = 0; k < 3; k++)
				expect(p, 250);
			if (clean(all))
				expect_stored(p, all);
			else
				expect(p, 550);
			expect_good(p);
			segment(p, buf_str(&first));
			segment(p, buf_str(&second));
			segment(p, STR(GOOD ".\r\nQUIT\r\n"));
			run(p);
		}
}

/* S13: the octets of a chunk that is refused are content all the same. */
static void refused_chunk(struct play *p)
{
	struct str evil = STR(EVIL END);
	CLEANUP(buf_done) struct buf all = { 0 };

	buf_printf(&all, GREETING "MAIL FROM:<a@b.example>\r\nBDAT %zu LAST\r\n", evil.n);
	buf_add(&all, evil);
	buf_printf(&all, "RSET\r\nBDAT %zu\r\n", evil.n);
	buf_add(&all, evil);
	buf_add(&all, STR(GOOD_ENVELOPE "DATA\r\n"));
	begin(p);
	expect(p, 250);
	expect(p, 503);
	expect(p, 250);
	expect(p, 503);
	expect_good(p);
	segment(p, buf_str(&all));
	segment(p, STR(GOOD ".\r\nQUIT\r\n"));
	run_cut(p, 0);
}

/* S21, S22: content behind a DATA that nobody answered yet never runs as commands,
 * whether DATA would be taken or not: cut anywhere before it, the end is the same. */
static void unasked(struct play *p)
{
	static const struct str starts[] = {
		STR_INIT(GREETING ENVELOPE),
		STR_INIT(GREETING "MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@shop.net>"
				  "\r\n"),
	};

	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		CLEANUP(buf_done) struct buf all = { 0 };
		size_t data;

		buf_add(&all, starts[i]);
		data = all.n;
		buf_add(&all, STR("DATA\r\n" EVIL END));
		begin(p);
		expect(p, 250);
		expect(p, i ? 550 : 250);
		expect(p, 554);
		for (size_t cut = 1; cut < data + 6; cut++) {
			p->count = 0;
			segment(p, str_sub(buf_str(&all), 0, cut));
			segment(p, str_skip(buf_str(&all), cut));
			run(p);
		}
	}
}

struct start {
	void (*test)(struct play *p);
	struct play *play;
	struct str conf;
};

static void inside(void *arg)
{
	struct start *s = arg;

	talk_open(&s->play->talk, s->conf);
	s->test(s->play);
	talk_shut(&s->play->talk);
}

#define CONF \
	"hostname = mx.example.org\n" \
	"domain \"shop.net\" { deliver = discard, users = [guest, anna] }\n"

static void with(void **state, void (*test)(struct play *p), struct str conf)
{
	struct loop_options o = { .virtual_clock = true };
	struct start s = { test, mem_alloc(sizeof(struct play)), conf };
	struct loop *l = loop_new(&o);

	(void)state;
	assert_true(s.play && l);
	s.play->talk.next = next_segment;
	s.play->talk.ctx = s.play;
	assert_int_equal(loop_run(l, inside, &s), 0);
	loop_free(l);
	buf_done(&s.play->content);
	printf("%lu sessions\n", s.play->sessions);
	assert_true(s.play->sessions > 50);
	mem_free(s.play);
}

static void content_cut_anywhere(void **state)
{
	with(state, lock_step, STR(CONF));
}

static void stream_cut_anywhere(void **state)
{
	with(state, all_at_once, STR(CONF "limits { pipelined_data = yes }\n"));
}

static void chunks_cut_anywhere(void **state)
{
	with(state, chunks, STR(CONF));
}

static void refused_chunks(void **state)
{
	with(state, refused_chunk, STR(CONF));
}

static void unasked_content(void **state)
{
	with(state, unasked, STR(CONF));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_cut_anywhere),
		cmocka_unit_test(stream_cut_anywhere),
		cmocka_unit_test(chunks_cut_anywhere),
		cmocka_unit_test(refused_chunks),
		cmocka_unit_test(unasked_content),
	};

	talk_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * model LENGTH [COMMAND…]: the server against a small model of a session, for all
 * sequences of so many commands out of an alphabet, behind the commands given. The model
 * is written from RFC 5321 and RFC 3030, not from the server; at each step the replies
 * and the number of stored messages must agree, and at the end the content of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "talk.h"

enum letter {
	EHLO,
	HELO,
	EHLO_BAD,
	MAIL,
	MAIL_BINARY,
	MAIL_BAD,
	RCPT,
	RCPT_REFUSED,
	DATA,
	DATA_BAD,
	BDAT,
	BDAT_LAST,
	BDAT_LAST_BAD,
	RSET,
	NOOP,
	GARBAGE,
	QUIT,
	LETTERS
};

#define CHUNK "Subject: chunk\r\n"
#define CHUNK_BAD "a\nb\r\n"
#define BODY "Subject: y\r\n\r\n..\r\n"

static const struct {
	const char *name;
	struct str sent, content;
} letters[LETTERS] = {
	[EHLO] = { "EHLO", STR_INIT("EHLO x.example\r\n"), { 0 } },
	[HELO] = { "HELO", STR_INIT("HELO x.example\r\n"), { 0 } },
	[EHLO_BAD] = { "EHLO!", STR_INIT("EHLO\r\n"), { 0 } },
	[MAIL] = { "MAIL", STR_INIT("MAIL FROM:<a@b.example>\r\n"), { 0 } },
	[MAIL_BINARY] = { "MAIL-binary",
			  STR_INIT("MAIL FROM:<> BODY=BINARYMIME\r\n"),
			  { 0 } },
	[MAIL_BAD] = { "MAIL!", STR_INIT("MAIL FROM:<a b>\r\n"), { 0 } },
	[RCPT] = { "RCPT", STR_INIT("RCPT TO:<guest@shop.net>\r\n"), { 0 } },
	[RCPT_REFUSED] = { "RCPT!", STR_INIT("RCPT TO:<nobody@shop.net>\r\n"), { 0 } },
	[DATA] = { "DATA", STR_INIT("DATA\r\n"), STR_INIT(BODY ".\r\n") },
	[DATA_BAD] = { "DATA!", STR_INIT("DATA\r\n"), STR_INIT("a\nb\r\n.\r\n") },
	[BDAT] = { "BDAT", STR_INIT("BDAT 16\r\n" CHUNK), { 0 } },
	[BDAT_LAST] = { "BDAT-LAST", STR_INIT("BDAT 16 LAST\r\n" CHUNK), { 0 } },
	[BDAT_LAST_BAD] = { "BDAT-LAST!", STR_INIT("BDAT 5 LAST\r\n" CHUNK_BAD), { 0 } },
	[RSET] = { "RSET", STR_INIT("RSET\r\n"), { 0 } },
	[NOOP] = { "NOOP", STR_INIT("NOOP\r\n"), { 0 } },
	[GARBAGE] = { "GARBAGE", STR_INIT("QUITE\r\n"), { 0 } },
	[QUIT] = { "QUIT", STR_INIT("QUIT\r\n"), { 0 } },
};

enum { LENGTH_MAX = 12 };

struct message {
	unsigned chunks; /* whole ones; 0: it came by DATA */
	bool bad_end;    /* the last chunk was the bad one */
};

struct model {
	bool greeted, esmtp, mail, binary, ended;
	unsigned rcpts, chunks;
	unsigned stored;
	struct message messages[LENGTH_MAX];
};

/* What the standards want as an answer: a code, or 500 for any 5yz. 354: content is next,
 * and what comes after it is said by model_content. */
static unsigned model_store(struct model *m, struct message how)
{
	m->messages[m->stored++] = how;
	m->mail = m->binary = false;
	m->rcpts = m->chunks = 0;
	return 250;
}

static unsigned model_forget(struct model *m, unsigned code)
{
	m->mail = m->binary = false;
	m->rcpts = m->chunks = 0;
	return code;
}

static unsigned model_chunk(struct model *m, enum letter c)
{
	if (!m->mail || m->rcpts == 0) /* RFC 3030 2: the octets are read and dropped */
		return m->mail ? 500 : 503;
	if (c == BDAT_LAST_BAD && !m->binary) /* RFC 5321 2.3.8 */
		return model_forget(m, 550);
	m->chunks += c != BDAT_LAST_BAD;
	if (c == BDAT)
		return 250;
	return model_store(m, (struct message){ m->chunks, c == BDAT_LAST_BAD });
}

static unsigned model_mail(struct model *m, enum letter c)
{
	if (!m->greeted || m->mail) /* RFC 5321 4.1.4 */
		return 503;
	if (c == MAIL_BAD)
		return 501;
	if (c == MAIL_BINARY && !m->esmtp) /* RFC 5321 4.1.1.11 */
		return 555;
	m->mail = true;
	m->binary = c == MAIL_BINARY;
	return 250;
}

static unsigned model_step(struct model *m, enum letter c)
{
	switch (c) {
	case EHLO:
	case HELO: /* RFC 5321 4.1.4: as RSET, if it is accepted */
		m->greeted = true;
		m->esmtp = c == EHLO;
		return model_forget(m, 250);
	case EHLO_BAD: /* RFC 5321 4.1.4: the state stays what it was */
		return 501;
	case MAIL:
	case MAIL_BINARY:
	case MAIL_BAD:
		return model_mail(m, c);
	case RCPT:
	case RCPT_REFUSED:
		if (!m->mail || m->chunks) /* RFC 3030 2: after BDAT only BDAT */
			return 503;
		m->rcpts += c == RCPT;
		return c == RCPT ? 250 : 550;
	case DATA:
	case DATA_BAD:
		if (!m->mail || m->chunks || m->binary) /* RFC 3030 2, 3 */
			return m->mail && m->rcpts == 0 ? 500 : 503;
		return m->rcpts ? 354 : 500; /* RFC 5321 3.3: 503 or 554 */
	case BDAT:
	case BDAT_LAST:
	case BDAT_LAST_BAD:
		return model_chunk(m, c);
	case RSET:
		return model_forget(m, 250);
	case NOOP:
		return 250;
	case QUIT:
		m->ended = true;
		return 221;
	default:
		return 500;
	}
}

static unsigned model_content(struct model *m, enum letter c)
{
	if (c == DATA)
		return model_store(m, (struct message){ 0 });
	return model_forget(m, 550);
}

struct walk {
	struct talk talk;
	struct model model;
	enum letter word[LENGTH_MAX];
	size_t length, fixed, at;
	unsigned want; /* the reply that must come now */
	unsigned long sessions, commands, messages;
	struct buf content_buf, want_buf;
};

static void fault(const struct walk *w, const char *what, unsigned have, unsigned want)
{
	(void)fprintf(stderr, "model:");
	for (size_t i = 0; i < w->length; i++)
		(void)fprintf(stderr, " %s%s", letters[w->word[i]].name,
			      i + 1 == w->at ? "*" : "");
	(void)fprintf(stderr, ": %s %u, the model wants %u\n%.*s", what, have, want,
		      STR_ARG(buf_str(&w->talk.said)));
	exit(1);
}

/* Everything that was said must be what the model said, and nothing more. */
static void check(struct walk *w)
{
	unsigned have = talk_reply(&w->talk, NULL);

	if (w->want == 500 ? have / 100 != 5 : have != w->want)
		fault(w, "reply", have, w->want);
	have = talk_reply(&w->talk, NULL);
	if (have)
		fault(w, "a second reply", have, 0);
	have = (unsigned)talk_stored(&w->talk);
	if (have != w->model.stored)
		fault(w, "stored", have, w->model.stored);
}

static struct str next_command(struct talk *t)
{
	struct walk *w = t->ctx;
	enum letter last = w->at ? w->word[w->at - 1] : NOOP;

	check(w);
	if (w->want == 354) {
		w->want = model_content(&w->model, last);
		return letters[last].content;
	}
	if (w->at == w->length)
		return STR_NONE;
	last = w->word[w->at++];
	w->commands++;
	w->want = model_step(&w->model, last);
	return letters[last].sent;
}

static void check_content(struct walk *w, const struct message *m)
{
	spool_id id = 0;

	buf_clear(&w->want_buf);
	for (unsigned i = 0; i < m->chunks; i++)
		buf_add(&w->want_buf, STR(CHUNK));
	if (m->bad_end)
		buf_add(&w->want_buf, STR(CHUNK_BAD));
	else if (!m->chunks)
		buf_add(&w->want_buf, STR("Subject: y\r\n\r\n.\r\n"));
	assert(talk_oldest(&w->talk, &id));
	talk_content(&w->talk, id, &w->content_buf);
	if (!str_eq(buf_str(&w->content_buf), buf_str(&w->want_buf)))
		fault(w, "bytes of a message", (unsigned)w->content_buf.n,
		      (unsigned)w->want_buf.n);
	assert(w->talk.memory->ops->remove(w->talk.memory, id) == 0);
	w->messages++;
}

static void walk_one(struct walk *w)
{
	w->model = (struct model){ 0 };
	w->at = 0;
	w->want = 220;
	talk_run(&w->talk);
	if (w->model.ended)
		check(w);
	for (unsigned i = 0; i < w->model.stored; i++)
		check_content(w, &w->model.messages[i]);
	w->sessions++;
}

/* The next sequence; what follows a QUIT is cut off. false: that was the last. */
static bool advance(struct walk *w, size_t length)
{
	size_t i = w->length;

	while (i > w->fixed && w->word[i - 1] == QUIT)
		i--;
	if (i == w->fixed)
		return false;
	w->word[i - 1]++;
	while (w->word[i - 1] != QUIT && i < length)
		w->word[i++] = EHLO;
	w->length = i;
	return true;
}

static void walk_all(void *arg)
{
	struct walk *w = arg;
	size_t length = w->length;

	talk_open(&w->talk, STR("hostname = mx.example.org\n"
				"domain \"shop.net\" { deliver = discard, users = "
				"[guest] }\n"));
	do
		walk_one(w);
	while (advance(w, length));
	talk_shut(&w->talk);
}

static bool fix(struct walk *w, int count, char **names)
{
	for (int i = 0; i < count; i++) {
		int c = 0;

		while (c < LETTERS && strcmp(letters[c].name, names[i]) != 0)
			c++;
		if (c == LETTERS)
			return false;
		w->word[w->fixed++] = (enum letter)c;
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct walk w;
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);
	struct timespec from, to;
	uint64_t length = 0;

	if (!l || argc < 2 || argc > 6 || !fix(&w, argc - 2, argv + 2) ||
	    str_to_u64(str_from(argv[1]), LENGTH_MAX - 4, &length) < 0 || length == 0) {
		(void)fprintf(stderr, "model LENGTH [COMMAND…], at most 8 and 4\n");
		return 2;
	}
	w.length = w.fixed + (size_t)length;
	w.talk.next = next_command;
	w.talk.ctx = &w;
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	talk_quiet();
	if (loop_run(l, walk_all, &w) < 0)
		return 2;
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	loop_free(l);
	buf_done(&w.content_buf);
	buf_done(&w.want_buf);
	printf("%d commands, length %u: %lu sequences, %lu commands, %lu messages, %.0f "
	       "s\n",
	       LETTERS, (unsigned)length, w.sessions, w.commands, w.messages,
	       (double)(to.tv_sec - from.tv_sec));
	return 0;
}

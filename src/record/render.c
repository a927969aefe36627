#include "record/render.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/escape.h"
#include "base/time.h"
#include "record/columns.h"
#include "record/explain.h"

enum { ASKED_MAX = 64, LINES_SHOWN = 6, INDENT = 12 };

/* Where the client's lines belong. */
enum place { IN_COMMANDS, IN_HEADER, IN_BODY, IN_LOGIN };

struct table {
	const struct record_view *view;
	size_t width, column[3];
	int64_t start_us; /* times are shown from here */
	struct buf *out;
	struct buf text; /* one note, made harmless */
	enum place place;
	size_t lines;                /* of the header or the body so far */
	struct str asked[ASKED_MAX]; /* verbs without an answer yet: pipelining */
	size_t asked_n;
	bool between; /* a reply of several lines has begun */
	bool spoken;  /* somebody has said something */
};

struct str record_id_text(const struct record_view *view, uint64_t id, char *ret)
{
	if (view->id_text)
		return view->id_text(id, ret);
	(void)snprintf(ret, RECORD_ID_TEXT, "%" PRIx64, id);
	return str_from(ret);
}

static struct str word(const struct table *t, enum explain_word w)
{
	return explain_word(w, t->view->lang);
}

static void row(struct table *t, struct str explanation, struct str client,
		struct str server)
{
	const struct str cell[3] = { explanation, client, server };

	columns_row(cell, t->column, t->out);
}

static void rule(struct table *t)
{
	for (size_t c = 0; c < 3; c++) {
		for (size_t i = 0; i < t->column[c]; i++)
			buf_add_c(t->out, '-');
		buf_add(t->out, c < 2 ? STR("-+-") : STR("\n"));
	}
}

static struct str verb_of(struct str line)
{
	struct str verb;

	if (!str_word(&line, &verb))
		return STR("");
	return verb;
}

static void ask(struct table *t, struct str verb)
{
	if (t->asked_n < ASKED_MAX)
		t->asked[t->asked_n++] = verb;
}

static struct str answered(struct table *t, bool last)
{
	struct str verb = t->asked_n ? t->asked[0] : STR("");

	if (!last || t->asked_n == 0)
		return verb;
	t->asked_n--;
	for (size_t i = 0; i < t->asked_n; i++)
		t->asked[i] = t->asked[i + 1];
	return verb;
}

/* "… 12 further lines" */
static void more_lines(struct table *t)
{
	char text[64];
	size_t more = t->lines > LINES_SHOWN ? t->lines - LINES_SHOWN : 0;

	t->lines = 0;
	if (more == 0)
		return;
	(void)snprintf(text, sizeof(text), "… %zu %.*s", more,
		       STR_ARG(word(t, WORD_MORE_LINES)));
	row(t, STR(""), str_from(text), STR(""));
}

static void content_line(struct table *t, struct str shown)
{
	enum explain_word heading = t->place == IN_HEADER ? WORD_HEADER : WORD_CONTENT;

	if (t->lines++ < LINES_SHOWN)
		row(t, t->lines == 1 ? word(t, heading) : STR(""), shown, STR(""));
}

static void command_line(struct table *t, struct str raw, struct str shown)
{
	struct str verb = verb_of(raw);

	if (t->place == IN_LOGIN) {
		row(t, word(t, WORD_LOGIN), shown, STR(""));
		ask(t, STR("AUTH"));
		t->place = IN_COMMANDS;
		return;
	}
	ask(t, verb);
	row(t, explain_verb(verb, t->view->lang), shown, STR(""));
}

static void client_line(struct table *t, struct str raw, struct str shown)
{
	bool content = t->place == IN_HEADER || t->place == IN_BODY;

	if (content && str_eq(raw, STR("."))) {
		more_lines(t);
		t->place = IN_COMMANDS;
		content = false;
	}
	if (t->place == IN_HEADER && raw.n == 0) {
		more_lines(t);
		row(t, word(t, WORD_EMPTY_LINE), STR(""), STR(""));
		t->place = IN_BODY;
	} else if (content) {
		content_line(t, shown);
	} else {
		command_line(t, raw, shown);
	}
}

static void server_line(struct table *t, struct str raw, struct str shown)
{
	bool last = raw.n < 4 || raw.p[3] != '-';
	struct str verb, said = STR("");
	uint64_t code = 0;

	if (!t->spoken)
		ask(t, STR("^"));
	if (t->place == IN_HEADER || t->place == IN_BODY) {
		ask(t, STR(".")); /* the server does not note the content, nor its end */
		t->place = IN_COMMANDS;
	}
	verb = answered(t, last);
	if (str_to_u64(str_sub(raw, 0, 3), 999, &code) < 0)
		code = 0;
	if (!t->between)
		said = explain_reply(verb, (unsigned)code, t->view->lang);
	t->between = !last;
	if (code == 354 && last) {
		t->place = IN_HEADER;
		t->lines = 0;
	} else if (code == 334 && last) {
		t->place = IN_LOGIN;
	}
	row(t, said, STR(""), shown);
}

/* "+0.012 s    decided: …", over all columns */
static void event_line(struct table *t, const struct note *note, int64_t start_us,
		       struct str shown)
{
	int64_t us = note->at_us > start_us ? note->at_us - start_us : 0;
	struct buf line = { 0 };
	struct str kind = explain_kind(note->kind, t->view->lang);

	buf_printf(&line, "+%" PRId64 ".%03d s", us / USEC_PER_SEC,
		   (int)(us % USEC_PER_SEC / USEC_PER_MSEC));
	do
		buf_add_c(&line, ' ');
	while (line.n && line.n < INDENT);
	buf_add(&line, kind);
	buf_add(&line, shown.n ? STR(": ") : STR(""));
	buf_add(&line, shown);
	columns_text(buf_str(&line), t->width, INDENT, t->out);
	buf_done(&line);
}

static void note_lines(struct table *t, const struct note *note, int64_t start_us)
{
	struct str shown;

	buf_clear(&t->text);
	escape_add(&t->text, ESCAPE_PLAIN, note->text);
	shown = buf_str(&t->text);
	if (note->kind != NOTE_CLIENT && note->kind != NOTE_SERVER) {
		event_line(t, note, start_us, shown);
		return;
	}
	if (note->kind == NOTE_CLIENT)
		client_line(t, note->text, shown);
	else
		server_line(t, note->text, shown);
	t->spoken = true;
}

static void title_text(struct table *t, enum explain_word w, struct str text)
{
	if (text.n == 0)
		return;
	buf_clear(&t->text);
	buf_add(&t->text, STR("  "));
	buf_add(&t->text, word(t, w));
	buf_add(&t->text, STR(": "));
	escape_add(&t->text, ESCAPE_PLAIN, text);
	columns_text(buf_str(&t->text), t->width, 4, t->out);
}

static void title(struct table *t, const struct episode *e)
{
	static const enum explain_word kind[] = { WORD_RECEIVED, WORD_DELIVERED,
						  WORD_ADMIN };
	char id[RECORD_ID_TEXT], iso[TIME_TEXT_MAX];
	struct str rcpts = e->rcpts, rcpt;
	bool is_report = e->message && e->sender.n == 0 && e->kind != EPISODE_ADMIN;

	buf_clear(&t->text);
	buf_add(&t->text, time_iso(e->start_us, iso));
	buf_printf(&t->text, "  %.*s ", STR_ARG(word(t, kind[e->kind])));
	escape_add(&t->text, ESCAPE_PLAIN, e->peer);
	if (e->message) {
		buf_add(&t->text, STR("  "));
		buf_add(&t->text, record_id_text(t->view, e->message, id));
	}
	columns_text(buf_str(&t->text), t->width, 4, t->out);
	title_text(t, WORD_FROM, is_report ? STR("<>") : e->sender);
	while (str_split(&rcpts, '\n', &rcpt))
		title_text(t, WORD_TO, rcpt);
	title_text(t, WORD_OUTCOME, e->outcome);
}

static void head(struct table *t, const struct episode *e)
{
	t->place = IN_COMMANDS;
	t->asked_n = 0;
	t->between = t->spoken = false;
	t->start_us = e->start_us;
	title(t, e);
	rule(t);
	row(t, word(t, WORD_EXPLANATION), word(t, WORD_TO_SERVER),
	    word(t, WORD_TO_CLIENT));
	rule(t);
}

/* The end of a connection belongs under its last message: one dialogue, one table. */
static bool goes_on(const struct episode *before, const struct episode *e)
{
	return e->connection && e->part == before->part + 1 &&
	       before->connection == e->connection && before->message == e->message;
}

static void notes(struct table *t, const struct episode *e)
{
	struct str rest = e->notes;
	int64_t at = e->start_us;
	struct note note;

	while (transcript_next(&rest, &at, &note))
		note_lines(t, &note, t->start_us);
	more_lines(t);
}

static size_t clip(size_t width)
{
	if (width == 0)
		return RECORD_WIDTH;
	if (width < RECORD_WIDTH_MIN)
		return RECORD_WIDTH_MIN;
	return width > RECORD_WIDTH_MAX ? RECORD_WIDTH_MAX : width;
}

void record_render(const struct episode *e, size_t n, const struct record_view *view,
		   struct buf *out)
{
	struct table t = { .view = view, .out = out, .width = clip(view->width) };
	size_t inner = t.width - 6; /* two times " | " */

	t.column[1] = t.column[2] = inner * 32 / 100;
	t.column[0] = inner - 2 * t.column[1];
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !goes_on(&e[i - 1], &e[i])) {
			if (i)
				buf_add_c(out, '\n');
			head(&t, &e[i]);
		}
		notes(&t, &e[i]);
	}
	if (t.text.err && !out->err)
		out->err = t.text.err;
	buf_done(&t.text);
}

#include "log/transcript.h"

#include <stdarg.h>
#include <string.h>

#include "base/fmt.h"
#include "base/varint.h"

/* What a kind must leave free for those that matter more; the farewell may fill it all.
 */
enum {
	ROOM_WIRE = 6 * 1024,
	ROOM_DECISION = 3 * 1024,
	ROOM_RESULT = TRANSCRIPT_TEXT_MAX + 64,
	FIRST_BYTES = 512,
};

static const char letters[] = {
#define NOTE(id, letter, text) [NOTE_##id] = letter,
#include "log/notes.def"
#undef NOTE
};

static const struct str phrases[] = {
#define PHRASE(text) STR_INIT(text),
#include "log/phrases.def"
#undef PHRASE
};

/* In a record a capital letter says that the number of a phrase follows, not a text. */
enum { PHRASE_LETTER = 'A' - 'a' };

/* The number of the phrase that s is, or -1. */
static int phrase_of(struct str s)
{
	for (size_t i = 0; i < COUNT_OF(phrases); i++)
		if (phrases[i].n == s.n && memcmp(phrases[i].p, s.p, s.n) == 0)
			return (int)i;
	return -1;
}

static size_t room_left_free(enum note_kind kind)
{
	switch (kind) {
	case NOTE_CLIENT:
	case NOTE_SERVER:
	case NOTE_BODY:
	case NOTE_WAIT:
		return ROOM_WIRE;
	case NOTE_OPEN:
	case NOTE_DECISION:
		return ROOM_DECISION;
	case NOTE_RESULT:
	case NOTE_TROUBLE:
		return ROOM_RESULT;
	default:
		return 0;
	}
}

/* Never inside a character. */
static struct str cut(struct str s)
{
	size_t n = TRANSCRIPT_TEXT_MAX;

	if (s.n <= n)
		return s;
	while (n > TRANSCRIPT_TEXT_MAX - 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return str_sub(s, 0, n);
}

/* The first piece is of the size that a greeting and its answer take. */
static int reserve(struct buf *b, size_t n)
{
	return buf_reserve(b, b->cap || n > FIRST_BYTES ? n : FIRST_BYTES);
}

void transcript_note(struct transcript *t, enum note_kind kind, int64_t wall_us,
		     struct str text)
{
	size_t need, limit = TRANSCRIPT_BYTES_MAX - room_left_free(kind);
	struct buf *b = &t->data;
	uint64_t step;
	int phrase;

	text = cut(text);
	need = 2 * VARINT_BYTES_MAX + 1 + text.n;
	if (b->n == 0)
		t->start_us = t->last_us = wall_us;
	if (b->n + need > limit || reserve(b, need) < 0) {
		b->err = 0; /* no memory now does not mean none later */
		t->dropped++;
		return;
	}
	step = (uint64_t)wall_us - (uint64_t)t->last_us;
	b->n += varint_put(varint_zigzag((int64_t)step), b->p + b->n);
	t->last_us = wall_us;
	phrase = text.n ? phrase_of(text) : -1;
	if (phrase >= 0) {
		b->p[b->n++] = (char)(letters[kind] + PHRASE_LETTER);
		b->n += varint_put((uint64_t)phrase, b->p + b->n);
		return;
	}
	b->p[b->n++] = letters[kind];
	b->n += varint_put(text.n, b->p + b->n);
	if (text.n)
		memcpy(b->p + b->n, text.p, text.n);
	b->n += text.n;
}

void transcript_notef(struct transcript *t, enum note_kind kind, int64_t wall_us,
		      const char *fmt, ...)
{
	char text[TRANSCRIPT_TEXT_MAX + 1];
	va_list args;
	size_t n;

	va_start(args, fmt);
	n = fmt_text_v(text, sizeof(text), fmt, args);
	va_end(args);
	if (n >= sizeof(text))
		n = sizeof(text) - 1;
	transcript_note(t, kind, wall_us, str_of(text, n));
}

void transcript_clear(struct transcript *t)
{
	buf_clear(&t->data);
	t->start_us = t->last_us = 0;
	t->dropped = 0;
}

void transcript_done(struct transcript *t)
{
	buf_done(&t->data);
	transcript_clear(t);
}

static bool kind_of(char letter, enum note_kind *ret)
{
	for (size_t i = 0; i < NOTE_KIND_COUNT; i++) {
		if (letters[i] == letter) {
			*ret = (enum note_kind)i;
			return true;
		}
	}
	return false;
}

bool transcript_next(struct str *data, int64_t *at_us, struct note *ret)
{
	struct str s = *data;
	struct note note;
	uint64_t step, n;
	bool phrase;
	char letter;

	if (!varint_take(&s, &step) || s.n == 0)
		return false;
	phrase = s.p[0] >= 'A' && s.p[0] <= 'Z';
	letter = (char)(phrase ? s.p[0] - PHRASE_LETTER : s.p[0]);
	s = str_skip(s, 1);
	if (!kind_of(letter, &note.kind) || !varint_take(&s, &n))
		return false;
	if (phrase ? n >= COUNT_OF(phrases) : n > s.n || n > TRANSCRIPT_TEXT_MAX)
		return false;
	note.text = phrase ? phrases[n] : str_sub(s, 0, (size_t)n);
	note.at_us = (int64_t)((uint64_t)*at_us + (uint64_t)varint_unzigzag(step));
	*at_us = note.at_us;
	*data = phrase ? s : str_skip(s, (size_t)n);
	*ret = note;
	return true;
}

#include "record/entry.h"

#include <string.h>

#include "base/hash.h"
#include "base/varint.h"

enum { VERSION = 1, NUMBERS = 4, TEXTS = 5 };

static const struct str magic = STR_INIT("PRC1");

static void put_u32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++, v >>= 8)
		p[i] = (char)v;
}

static uint32_t get_u32(const char *p)
{
	uint32_t v = 0;

	for (int i = 3; i >= 0; i--)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

/* Stands for an outcome that is the last note, as the reply after the content is. */
static const struct str as_last_note = STR_INIT("=");

static struct str last_note(struct str notes)
{
	struct note note = { .text = STR_NONE };
	int64_t at = 0;

	while (transcript_next(&notes, &at, &note))
		;
	return note.text;
}

static void cut_texts(const struct episode *e, struct str ret[TEXTS])
{
	ret[0] = str_sub(e->peer, 0, ENTRY_LINE_MAX);
	ret[1] = str_sub(e->sender, 0, ENTRY_LINE_MAX);
	ret[2] = str_sub(e->rcpts, 0, ENTRY_RCPTS_MAX);
	ret[3] = str_sub(e->outcome, 0, ENTRY_LINE_MAX);
	ret[4] = str_sub(e->notes, 0, TRANSCRIPT_BYTES_MAX);
}

_Static_assert(3 * ENTRY_LINE_MAX + ENTRY_RCPTS_MAX + TRANSCRIPT_BYTES_MAX +
			       (NUMBERS + TEXTS) * VARINT_BYTES_MAX + 2 <
		       ENTRY_PAYLOAD_MAX,
	       "every episode can be read back");

size_t entry_bytes_max(const struct episode *e)
{
	size_t n = ENTRY_HEAD_BYTES + 2 + (NUMBERS + TEXTS) * VARINT_BYTES_MAX;
	struct str text[TEXTS];

	cut_texts(e, text);
	for (size_t i = 0; i < TEXTS; i++)
		n += text[i].n;
	return n;
}

size_t entry_put(const struct episode *e, char *ret)
{
	const uint64_t number[NUMBERS] = { e->connection, e->part, e->message,
					   varint_zigzag(e->start_us) };
	char *payload = ret + ENTRY_HEAD_BYTES, *at = payload;
	struct str text[TEXTS];
	size_t n;

	cut_texts(e, text);
	if (text[3].n && str_eq(text[3], last_note(text[4])))
		text[3] = as_last_note;
	*at++ = VERSION;
	*at++ = (char)e->kind;
	for (size_t i = 0; i < NUMBERS; i++)
		at += varint_put(number[i], at);
	for (size_t i = 0; i < TEXTS; i++) {
		at += varint_put(text[i].n, at);
		if (text[i].n)
			memcpy(at, text[i].p, text[i].n);
		at += text[i].n;
	}
	n = (size_t)(at - payload);
	memcpy(ret, magic.p, magic.n);
	put_u32(ret + 4, (uint32_t)n);
	put_u32(ret + 8, hash_crc32c(0, str_of(payload, n)));
	return ENTRY_HEAD_BYTES + n;
}

/* The entry at the very front of s, if it is whole and undamaged. */
static bool at_front(struct str s, struct str *ret)
{
	struct str payload;

	if (s.n < ENTRY_HEAD_BYTES || !str_starts(s, magic))
		return false;
	if (get_u32(s.p + 4) > ENTRY_PAYLOAD_MAX ||
	    get_u32(s.p + 4) > s.n - ENTRY_HEAD_BYTES)
		return false;
	payload = str_sub(s, ENTRY_HEAD_BYTES, get_u32(s.p + 4));
	if (hash_crc32c(0, payload) != get_u32(s.p + 8))
		return false;
	*ret = payload;
	return true;
}

bool entry_next(struct str *rest, struct str *ret_payload)
{
	while (rest->n >= ENTRY_HEAD_BYTES) {
		const char *next;

		if (at_front(*rest, ret_payload)) {
			*rest = str_skip(*rest, ENTRY_HEAD_BYTES + ret_payload->n);
			return true;
		}
		next = memmem(rest->p + 1, rest->n - 1, magic.p, magic.n);
		*rest = str_skip(*rest, next ? (size_t)(next - rest->p) : rest->n);
	}
	return false;
}

static bool take_text(struct str *s, struct str *ret)
{
	uint64_t n;

	if (!varint_take(s, &n) || n > s->n)
		return false;
	*ret = str_sub(*s, 0, (size_t)n);
	*s = str_skip(*s, (size_t)n);
	return true;
}

int entry_read(struct str s, struct episode *ret)
{
	uint64_t number[NUMBERS];
	struct episode e;

	if (s.n < 2 || s.p[0] != VERSION || (unsigned char)s.p[1] > EPISODE_ADMIN)
		return -EBADMSG;
	e.kind = (enum episode_kind)s.p[1];
	s = str_skip(s, 2);
	for (size_t i = 0; i < NUMBERS; i++)
		if (!varint_take(&s, &number[i]))
			return -EBADMSG;
	if (number[1] > UINT32_MAX)
		return -EBADMSG;
	e.connection = number[0];
	e.part = (uint32_t)number[1];
	e.message = number[2];
	e.start_us = varint_unzigzag(number[3]);
	if (!take_text(&s, &e.peer) || !take_text(&s, &e.sender) ||
	    !take_text(&s, &e.rcpts) || !take_text(&s, &e.outcome) ||
	    !take_text(&s, &e.notes))
		return -EBADMSG;
	if (str_eq(e.outcome, as_last_note))
		e.outcome = last_note(e.notes);
	*ret = e;
	return 0;
}

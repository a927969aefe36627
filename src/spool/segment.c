#include "spool/segment.h"

#include <string.h>

#include "base/hash.h"
#include "spool/bytes.h"

enum {
	FORMAT_VERSION = 1,
	WINDOW_BYTES = 1 << 20, /* one read of the walk */
};

static const char head_magic[8] = "PoSpool";

struct segment_key segment_key_of(const struct segment_head *h)
{
	struct segment_key k;
	char number[8];

	put_le(number, h->number, 8);
	k.seed = hash_crc32c(0, str_of(h->key, sizeof(h->key)));
	k.seed = hash_crc32c(k.seed, str_of(number, 8));
	k.magic = hash_crc32c(k.seed, STR("record")) | 1; /* never zero */
	return k;
}

void segment_head_encode(const struct segment_head *h, char ret[SEGMENT_HEAD_BYTES])
{
	memset(ret, 0, SEGMENT_HEAD_BYTES);
	memcpy(ret, head_magic, 8);
	put_le(ret + 8, FORMAT_VERSION, 4);
	put_le(ret + 12, h->generation, 4);
	put_le(ret + 16, h->number, 8);
	memcpy(ret + 24, h->key, 16);
	put_le(ret + 40, h->id_floor, 8);
	put_le(ret + 60, hash_crc32c(0, str_of(ret, 60)), 4);
}

int segment_head_decode(struct str bytes, struct segment_head *ret)
{
	struct segment_head h;

	if (bytes.n < SEGMENT_HEAD_BYTES || memcmp(bytes.p, head_magic, 8) != 0)
		return -EBADMSG;
	if (get_le(bytes.p + 60, 4) != hash_crc32c(0, str_sub(bytes, 0, 60)))
		return -EBADMSG;
	if (get_le(bytes.p + 8, 4) != FORMAT_VERSION)
		return -EBADMSG;
	h.generation = (uint32_t)get_le(bytes.p + 12, 4);
	h.number = get_le(bytes.p + 16, 8);
	memcpy(h.key, bytes.p + 24, 16);
	h.id_floor = get_le(bytes.p + 40, 8);
	*ret = h;
	return 0;
}

uint64_t record_bytes(const struct record *r)
{
	uint64_t n = RECORD_HEAD_BYTES + (uint64_t)r->envelope_bytes;

	if (r->type == RECORD_MESSAGE)
		n += r->size;
	return (n + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

static uint32_t record_crc(struct segment_key k, struct str head, struct str envelope)
{
	return hash_crc32c(hash_crc32c(k.seed, str_sub(head, 8, RECORD_HEAD_BYTES - 8)),
			   envelope);
}

void record_encode(const struct record *r, struct segment_key k, struct str envelope,
		   char ret[RECORD_HEAD_BYTES])
{
	put_le(ret, k.magic, 4);
	ret[8] = (char)r->type;
	ret[9] = (char)r->flags;
	put_le(ret + 10, r->attempts, 2);
	put_le(ret + 12, r->envelope_bytes, 4);
	put_le(ret + 16, r->lsn, 8);
	put_le(ret + 24, r->id, 8);
	put_le(ret + 32, r->size, 8);
	put_le(ret + 40, (uint64_t)r->next_us, 8);
	put_le(ret + 48, (uint64_t)r->arrived_us, 8);
	put_le(ret + 56, r->content_crc, 4);
	put_le(ret + 60, r->flushed, 4);
	put_le(ret + 4, record_crc(k, str_of(ret, RECORD_HEAD_BYTES), envelope), 4);
}

static bool type_known(uint8_t type)
{
	return type == RECORD_MESSAGE || type == RECORD_BIG || type == RECORD_STATE ||
	       type == RECORD_REMOVE || type == RECORD_END || type == RECORD_SEAL;
}

int record_decode(struct str bytes, struct segment_key k, struct record *ret)
{
	const char *p = bytes.p;
	struct record r;

	if (bytes.n < RECORD_HEAD_BYTES || get_le(p, 4) != k.magic)
		return -EBADMSG;
	r.type = (uint8_t)p[8];
	r.flags = (uint8_t)p[9];
	r.attempts = (uint16_t)get_le(p + 10, 2);
	r.envelope_bytes = (uint32_t)get_le(p + 12, 4);
	r.lsn = get_le(p + 16, 8);
	r.id = get_le(p + 24, 8);
	r.size = get_le(p + 32, 8);
	r.next_us = (int64_t)get_le(p + 40, 8);
	r.arrived_us = (int64_t)get_le(p + 48, 8);
	r.content_crc = (uint32_t)get_le(p + 56, 4);
	r.flushed = (uint32_t)get_le(p + 60, 4);
	if (!r.id || !type_known(r.type) || r.envelope_bytes > ENVELOPE_BYTES_MAX ||
	    (r.type == RECORD_MESSAGE && r.size > UINT32_MAX))
		return -EBADMSG;
	*ret = r;
	return 0;
}

bool record_check(struct str head, struct segment_key k, struct str envelope)
{
	return get_le(head.p + 4, 4) == record_crc(k, head, envelope);
}

/* The next n bytes at `at`, from the window; fewer at the end of the segment. */
static int window_get(struct segment_walk *w, uint64_t at, size_t n, struct str *ret)
{
	size_t want = n > WINDOW_BYTES ? n : WINDOW_BYTES, have = 0;

	if (at >= w->window_at && at - w->window_at <= w->window.n &&
	    (w->window.n - (at - w->window_at) >= n ||
	     w->window_at + w->window.n >= w->size)) {
		*ret = str_sub(buf_str(&w->window), (size_t)(at - w->window_at), n);
		return 0;
	}
	want = (want + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN; /* see resync */
	if (at >= w->size)
		want = 0;
	else if (want > w->size - at)
		want = (size_t)(w->size - at);
	buf_clear(&w->window);
	w->window_at = at;
	if (buf_reserve(&w->window, want) < 0)
		return -ENOMEM;
	while (have < want) {
		ptrdiff_t got = w->read(w->ctx, w->window.p + have, want - have,
					at + have);

		if (got < 0)
			return (int)got;
		if (!got)
			w->size = at + have;
		if (!got)
			break;
		have += (size_t)got;
	}
	w->window.n = have;
	*ret = str_sub(buf_str(&w->window), 0, n);
	return 0;
}

static bool all_zero(struct str s)
{
	return !s.n || (!s.p[0] && (s.n == 1 || !memcmp(s.p, s.p + 1, s.n - 1)));
}

int segment_walk_begin(struct segment_walk *w, segment_read_fn *read, void *ctx,
		       uint64_t size)
{
	struct str area;
	int rc;

	*w = (struct segment_walk){ .read = read, .ctx = ctx, .size = size };
	rc = window_get(w, 0, SEGMENT_RECORDS_AT, &area);
	if (rc < 0)
		return rc;
	if (segment_head_decode(area, &w->head) < 0 &&
	    segment_head_decode(str_skip(area, SEGMENT_COPY_AT), &w->head) < 0)
		return all_zero(area) ? -ENODATA : -EBADMSG;
	w->key = segment_key_of(&w->head);
	w->at = SEGMENT_RECORDS_AT;
	return 0;
}

/* Is there a whole valid record at `at`? 1, 0, or an error of reading. */
static int record_at(struct segment_walk *w, uint64_t at, struct walk_step *ret)
{
	struct str s;
	struct record r;
	int rc = window_get(w, at, RECORD_HEAD_BYTES, &s);

	if (rc < 0)
		return rc;
	if (record_decode(s, w->key, &r) < 0 || record_bytes(&r) > w->size - at ||
	    (uint64_t)r.flushed * RECORD_ALIGN > at)
		return 0;
	rc = window_get(w, at, RECORD_HEAD_BYTES + (size_t)r.envelope_bytes, &s);
	if (rc < 0)
		return rc;
	if (s.n < RECORD_HEAD_BYTES + (size_t)r.envelope_bytes ||
	    !record_check(s, w->key, str_skip(s, RECORD_HEAD_BYTES)))
		return 0;
	*ret = (struct walk_step){ .kind = WALK_RECORD,
				   .at = at,
				   .bytes = record_bytes(&r),
				   .record = r,
				   .envelope = str_skip(s, RECORD_HEAD_BYTES) };
	return 1;
}

/* Offset of the next magic in s on the grid, or s.n. */
static size_t magic_find(struct str s, uint32_t magic)
{
	size_t i = 0;

	while (i + 4 <= s.n && get_le(s.p + i, 4) != magic)
		i += RECORD_ALIGN;
	return i + 4 <= s.n ? i : s.n;
}

/* After damage: look for the next record that is whole. */
static int resync(struct segment_walk *w, uint64_t from, struct walk_step *ret)
{
	struct walk_step found;
	struct str s;
	uint64_t at = from;
	bool zero = true;
	int rc;

	while (at < w->size) {
		size_t skip;

		rc = window_get(w, at, RECORD_HEAD_BYTES, &s);
		if (rc < 0)
			return rc;
		if (!s.n)
			break;
		s = str_skip(buf_str(&w->window), (size_t)(at - w->window_at));
		skip = at == from ? RECORD_ALIGN : 0;
		skip += magic_find(str_skip(s, skip), w->key.magic);
		skip = skip < s.n ? skip : s.n;
		zero = zero && all_zero(str_sub(s, 0, skip));
		at += skip;
		if (skip == s.n)
			continue;
		rc = record_at(w, at, &found);
		if (rc < 0)
			return rc;
		if (rc)
			break;
		zero = false;
		at += RECORD_ALIGN;
	}
	at = at < w->size ? at : w->size;
	*ret = (struct walk_step){ .kind = at < w->size ? WALK_GAP : WALK_TAIL,
				   .at = from,
				   .bytes = at - from,
				   .zero = zero };
	w->at = at;
	return 0;
}

int segment_walk_next(struct segment_walk *w, struct walk_step *ret)
{
	uint64_t flushed;
	int rc;

	if (w->over || w->at >= w->size) {
		*ret = (struct walk_step){ .kind = WALK_END, .at = w->at };
		return 0;
	}
	rc = record_at(w, w->at, ret);
	if (rc < 0)
		return rc;
	if (!rc) {
		rc = resync(w, w->at, ret);
		w->over = !rc && ret->kind == WALK_TAIL;
		return rc;
	}
	w->at += ret->bytes;
	flushed = (uint64_t)ret->record.flushed * RECORD_ALIGN;
	if (flushed > w->flushed)
		w->flushed = flushed;
	return 0;
}

int segment_walk_content(struct segment_walk *w, const struct walk_step *step)
{
	uint64_t at = step->at + RECORD_HEAD_BYTES + step->record.envelope_bytes;
	uint64_t left = step->record.type == RECORD_MESSAGE ? step->record.size : 0;
	uint32_t crc = 0;
	char part[2048];

	if (step->record.type != RECORD_MESSAGE)
		return 0;
	while (left) {
		size_t n = left < sizeof(part) ? (size_t)left : sizeof(part);
		ptrdiff_t got = w->read(w->ctx, part, n, at);

		if (got < 0)
			return (int)got;
		if (!got)
			return -EBADMSG;
		crc = hash_crc32c(crc, str_of(part, (size_t)got));
		at += (uint64_t)got;
		left -= (uint64_t)got;
	}
	return crc == step->record.content_crc ? 0 : -EBADMSG;
}

void segment_walk_done(struct segment_walk *w)
{
	buf_done(&w->window);
}

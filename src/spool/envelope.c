#include "spool/envelope.h"

/*
 * Form: version, then the fields in the order of the struct; numbers as LEB128, strings
 * as length and bytes. A reader knows every version up to its own; a field is only ever
 * added at the end of a new version.
 */
enum {
	ENVELOPE_VERSION = 1,
	RCPT_BYTES_LEAST = 7, /* four empty strings and three numbers */
	NUMBER_BYTES_MAX = 10,
};

static void put_number(struct buf *b, uint64_t v)
{
	char bytes[NUMBER_BYTES_MAX];
	size_t n = 0;

	if (v < 0x80) {
		buf_add_c(b, (char)v);
		return;
	}
	for (; v >= 0x80; v >>= 7)
		bytes[n++] = (char)((v & 0x7f) | 0x80);
	bytes[n++] = (char)v;
	buf_add_bytes(b, bytes, n);
}

static void put_string(struct buf *b, struct str s)
{
	put_number(b, s.n);
	buf_add(b, s);
}

static void put_rcpt(struct buf *b, const struct envelope_rcpt *r)
{
	put_string(b, r->to);
	put_string(b, r->original);
	put_string(b, r->orcpt);
	put_number(b, r->notify);
	put_number(b, r->state);
	put_number(b, r->delay_warned);
	put_string(b, r->last_reply);
}

size_t envelope_pending(const struct envelope *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->rcpt_count; i++)
		n += e->rcpts[i].state == RCPT_PENDING;
	return n;
}

void envelope_encode(const struct envelope *e, struct buf *ret)
{
	put_number(ret, ENVELOPE_VERSION);
	put_string(ret, e->sender);
	put_number(ret, e->body);
	put_number(ret, e->ret);
	put_number(ret, e->smtputf8);
	put_string(ret, e->envid);
	put_number(ret, (uint64_t)e->arrived_us);
	put_number(ret, e->attempts);
	put_string(ret, e->client);
	put_string(ret, e->protocol);
	put_number(ret, e->rcpt_count);
	for (size_t i = 0; i < e->rcpt_count; i++)
		put_rcpt(ret, &e->rcpts[i]);
}

/* Reading: the first failure sticks, later reads give zeros. */
struct reader {
	struct str left;
	struct arena *arena;
	int err;
};

static uint64_t get_number(struct reader *r, uint64_t max)
{
	uint64_t v = 0;

	for (size_t i = 0; i < r->left.n && i < NUMBER_BYTES_MAX; i++) {
		unsigned char c = (unsigned char)r->left.p[i];

		if (i == NUMBER_BYTES_MAX - 1 && c > 1)
			break;
		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (c & 0x80)
			continue;
		r->left = str_skip(r->left, i + 1);
		if (v > max)
			break;
		return v;
	}
	r->err = r->err ? r->err : -EBADMSG;
	r->left = STR_NONE;
	return 0;
}

static struct str get_string(struct reader *r)
{
	size_t n = (size_t)get_number(r, SIZE_MAX);
	struct str s;

	if (n > r->left.n) {
		r->err = r->err ? r->err : -EBADMSG;
		r->left = STR_NONE;
	}
	if (r->err || !n)
		return STR("");
	s = arena_str(r->arena, str_sub(r->left, 0, n));
	r->left = str_skip(r->left, n);
	if (!s.p)
		r->err = -ENOMEM;
	return s.p ? s : STR("");
}

static void get_rcpt(struct reader *r, struct envelope_rcpt *ret)
{
	ret->to = get_string(r);
	ret->original = get_string(r);
	ret->orcpt = get_string(r);
	ret->notify = (uint8_t)get_number(r, 15);
	ret->state = (uint8_t)get_number(r, RCPT_FAILED);
	ret->delay_warned = get_number(r, 1);
	ret->last_reply = get_string(r);
}

static void get_rcpts(struct reader *r, struct envelope *e)
{
	e->rcpt_count = (size_t)get_number(r, r->left.n / RCPT_BYTES_LEAST);
	if (r->err)
		return;
	e->rcpts = arena_alloc(r->arena, (e->rcpt_count + 1) * sizeof(*e->rcpts));
	if (!e->rcpts) {
		r->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < e->rcpt_count && !r->err; i++)
		get_rcpt(r, &e->rcpts[i]);
}

int envelope_decode(struct str bytes, struct arena *a, struct envelope *ret)
{
	struct reader r = { .left = bytes, .arena = a };
	struct envelope e = { 0 };

	if (get_number(&r, ENVELOPE_VERSION) != ENVELOPE_VERSION)
		return -EBADMSG;
	e.sender = get_string(&r);
	e.body = (uint8_t)get_number(&r, BODY_BINARYMIME);
	e.ret = (uint8_t)get_number(&r, RET_HDRS);
	e.smtputf8 = get_number(&r, 1);
	e.envid = get_string(&r);
	e.arrived_us = (int64_t)get_number(&r, UINT64_MAX);
	e.attempts = (uint32_t)get_number(&r, UINT32_MAX);
	e.client = get_string(&r);
	e.protocol = get_string(&r);
	get_rcpts(&r, &e);
	if (r.err)
		return r.err;
	if (r.left.n)
		return -EBADMSG;
	*ret = e;
	return 0;
}

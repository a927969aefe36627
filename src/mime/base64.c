#include "mime/base64.h"

enum { PAD = 64, BLANK = 65, JUNK = 255 };

/* One more than the value, so that what is not named is none. */
static const uint8_t values[256] = {
	0,  0,  0,  0,  0,  0,  0,  0,  0,  66, 66, 0,  0,  66, 0,  0,  0,  0,  0,
	0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  66, 0,  0,  0,  0,  0,
	0,  0,  0,  0,  0,  63, 0,  0,  0,  64, 53, 54, 55, 56, 57, 58, 59, 60, 61,
	62, 0,  0,  0,  65, 0,  0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
	12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0,  0,  0,  0,
	0,  0,  27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
	44, 45, 46, 47, 48, 49, 50, 51, 52, 0,  0,  0,  0,  0,
};

uint8_t mime_base64_value(char c)
{
	return (uint8_t)(values[(unsigned char)c] - 1);
}

void mime_base64_init(struct mime_base64 *d, enum mime_base64_rule rule)
{
	memset(d, 0, offsetof(struct mime_base64, hold));
	d->rule = (uint8_t)rule;
}

static void put(struct mime_base64 *d, uint32_t c)
{
	d->hold[d->n++] = (char)c;
}

/* What is complete of a group that goes no further. */
static void flush_group(struct mime_base64 *d)
{
	if (d->phase == 2) {
		put(d, d->bits >> 4);
	} else if (d->phase == 3) {
		put(d, d->bits >> 10);
		put(d, d->bits >> 2);
	}
	d->phase = 0;
	d->pads = 0;
	d->bits = 0;
}

static void sextet(struct mime_base64 *d, uint32_t v)
{
	d->bits = d->bits << 6 | v;
	if (++d->phase < 4)
		return;
	if (d->pads < 3)
		put(d, d->bits >> 16);
	if (d->pads < 2)
		put(d, d->bits >> 8);
	if (d->pads < 1)
		put(d, d->bits);
	d->phase = 0;
	d->pads = 0;
	d->bits = 0;
}

void mime_base64_set_rule(struct mime_base64 *d, enum mime_base64_rule rule)
{
	uint8_t pads = d->pads;

	d->rule = (uint8_t)rule;
	d->told = UINT8_MAX;
	d->block = false;
	if (rule == BASE64_STOP_JUNK || rule == BASE64_STOP_PAD) {
		flush_group(d);
		d->ended = true;
	} else if (rule == BASE64_KEEP_PAD) {
		d->pads = 0;
	} else if (rule == BASE64_ZERO) {
		for (uint8_t i = 0; i < pads && d->phase; i++)
			sextet(d, 0);
		d->pads = 0;
	} else if (rule == BASE64_LINE) {
		flush_group(d);
	} else if (rule == BASE64_LINE_DROP) {
		d->line_junk = true;
	}
}

static void line_end(struct mime_base64 *d)
{
	if (d->rule == BASE64_LINE_DROP && d->line_junk) {
		d->n = d->line_at;
		d->bits = d->saved_bits;
		d->phase = d->saved_phase;
		d->pads = d->saved_pads;
	} else if (d->rule == BASE64_LINE) {
		flush_group(d);
	}
	/* A block may begin behind an empty line and behind one that was no base64. */
	if (d->any && (d->line_junk || (d->line_end && !d->data_in_line)))
		d->block = true;
	if (d->data_in_line || d->line_junk)
		d->line_end = true;
	d->line_junk = d->data_in_line = false;
	d->saved_bits = d->bits;
	d->saved_phase = d->phase;
	d->saved_pads = d->pads;
	d->line_at = d->n;
}

static bool tell(struct mime_base64 *d, enum mime_base64_event event)
{
	if (d->told & 1u << event)
		return false;
	d->told |= (uint8_t)(1u << event);
	return true;
}

static enum mime_base64_event data(struct mime_base64 *d, uint32_t v)
{
	if (d->block) {
		d->block = false;
		if (!(d->told & 1u << BASE64_BLOCK))
			return BASE64_BLOCK; /* told again for each block */
	}
	if (d->pads && d->rule != BASE64_ZERO) {
		if (tell(d, BASE64_PAD))
			return BASE64_PAD;
		flush_group(d);
	}
	if (d->line_end && d->phase && !d->data_in_line && tell(d, BASE64_SPLIT))
		return BASE64_SPLIT;
	d->line_end = false;
	d->any = d->data_in_line = true;
	sextet(d, v);
	return BASE64_NONE;
}

static enum mime_base64_event other(struct mime_base64 *d, char c)
{
	if (tell(d, BASE64_JUNK))
		return BASE64_JUNK;
	if (d->rule == BASE64_URL && (c == '-' || c == '_'))
		return data(d, c == '-' ? 62 : 63);
	if (d->rule == BASE64_STOP_JUNK) {
		flush_group(d);
		d->ended = true;
		return BASE64_NONE;
	}
	if (d->rule == BASE64_ZERO) {
		d->any = d->data_in_line = true;
		sextet(d, 0);
	} else if (d->rule == BASE64_GROUP) {
		d->phase = 0;
		d->bits = 0;
	}
	d->line_junk = true;
	d->any = true;
	return BASE64_NONE;
}

static void pad(struct mime_base64 *d)
{
	d->data_in_line = true;
	if (d->rule == BASE64_KEEP_PAD)
		return;
	if (d->pads < 4)
		d->pads++;
	if (d->rule == BASE64_ZERO)
		sextet(d, 0);
}

/* Whole groups, as long as nothing else is there. */
static void fast(struct mime_base64 *d, struct str *in)
{
	const unsigned char *p = (const unsigned char *)in->p;
	size_t n = in->n, out = d->n;

	while (n >= 4 && out + 8 < BASE64_HOLD_BYTES) {
		uint32_t a = values[p[0]] - 1u, b = values[p[1]] - 1u;
		uint32_t c = values[p[2]] - 1u, e = values[p[3]] - 1u;

		if ((a | b | c | e) > 63)
			break;
		a = a << 18 | b << 12 | c << 6 | e;
		d->hold[out] = (char)(a >> 16);
		d->hold[out + 1] = (char)(a >> 8);
		d->hold[out + 2] = (char)a;
		out += 3;
		p += 4;
		n -= 4;
	}
	d->n = (uint16_t)out;
	*in = str_of(p, n);
}

static enum mime_base64_event one(struct mime_base64 *d, char c)
{
	uint8_t v = mime_base64_value(c);

	if (v < PAD)
		return data(d, v);
	if (v == PAD)
		pad(d);
	else if (v == JUNK)
		return other(d, c);
	else if (c == '\r' || (c == '\n' && !d->cr))
		line_end(d);
	d->cr = c == '\r';
	return BASE64_NONE;
}

enum mime_base64_event mime_base64_feed(struct mime_base64 *d, struct str *in)
{
	enum mime_base64_event event;

	while (in->n && !d->ended && d->n + 8 < BASE64_HOLD_BYTES) {
		if (d->data_in_line && d->phase == 0 && d->pads == 0 && !d->block)
			fast(d, in);
		if (!in->n || d->n + 8 >= BASE64_HOLD_BYTES)
			break;
		event = one(d, in->p[0]);
		if (event)
			return event;
		*in = str_skip(*in, 1);
	}
	if (d->ended)
		*in = STR_NONE;
	return BASE64_NONE;
}

struct str mime_base64_ready(const struct mime_base64 *d)
{
	bool whole = d->line_at == 0 || d->rule != BASE64_LINE_DROP;

	return str_of(d->hold, whole ? d->n : d->line_at);
}

void mime_base64_drop(struct mime_base64 *d, size_t n)
{
	memmove(d->hold, d->hold + n, d->n - n);
	d->n = (uint16_t)(d->n - n);
	d->line_at = (uint16_t)(d->line_at > n ? d->line_at - n : 0);
}

void mime_base64_finish(struct mime_base64 *d)
{
	if (d->rule == BASE64_LINE_DROP && d->line_junk)
		line_end(d);
	flush_group(d);
	d->line_at = 0;
}

size_t mime_base64_simple(struct str in, char *ret)
{
	uint32_t bits = 0;
	unsigned count = 0;
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		uint8_t v = mime_base64_value(in.p[i]);

		if (v > 63)
			continue;
		bits = (bits << 6 | v) & 0xFFFFFF;
		count += 6;
		if (count >= 8) {
			count -= 8;
			ret[n++] = (char)(bits >> count);
		}
	}
	return n;
}

#include "inspect/unfilter.h"

#define ZLIB_CONST
#include <zlib.h>

#include "base/mem.h"

enum {
	INFLATE_STEP = 8192, /* bytes of output for which there is room at once */
	INFLATE_FIRST = 512, /* at first: most streams are small */
	LZW_CODES = 4096,
	LZW_CLEAR = 256,
	LZW_END = 257,
	LZW_BITS = 12,
	ROW_MAX = 1024 * 1024, /* bytes of a row of a predictor */
};

enum filter filter_of(struct str name)
{
	static const struct {
		struct str name;
		enum filter filter;
	} rows[] = {
		{ STR_INIT("ASCIIHexDecode"), FILTER_HEX },
		{ STR_INIT("AHx"), FILTER_HEX },
		{ STR_INIT("ASCII85Decode"), FILTER_85 },
		{ STR_INIT("A85"), FILTER_85 },
		{ STR_INIT("RunLengthDecode"), FILTER_RUN },
		{ STR_INIT("RL"), FILTER_RUN },
		{ STR_INIT("LZWDecode"), FILTER_LZW },
		{ STR_INIT("LZW"), FILTER_LZW },
		{ STR_INIT("FlateDecode"), FILTER_FLATE },
		{ STR_INIT("Fl"), FILTER_FLATE },
		{ STR_INIT("DCTDecode"), FILTER_IMAGE },
		{ STR_INIT("DCT"), FILTER_IMAGE },
		{ STR_INIT("JPXDecode"), FILTER_IMAGE },
		{ STR_INIT("CCITTFaxDecode"), FILTER_IMAGE },
		{ STR_INIT("CCF"), FILTER_IMAGE },
		{ STR_INIT("JBIG2Decode"), FILTER_IMAGE },
		{ STR_INIT("Crypt"), FILTER_SAME },
		{ STR_INIT("SubFileDecode"), FILTER_SAME },
		{ STR_INIT("ReusableStreamDecode"), FILTER_SAME },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (str_eq(rows[i].name, name))
			return rows[i].filter;
	return FILTER_UNKNOWN;
}

static bool unhex(struct str in, size_t most, struct made *m, size_t *used)
{
	int v = 0;
	size_t digits = 0, i;

	for (i = 0; i < in.n && in.p[i] != '>' && m->out.n < most && !m->full; i++) {
		if (!ch_hex(in.p[i]))
			continue; /* blanks by the standard, others by tolerance */
		v = v * 16 + ch_hex_value(in.p[i]);
		if (++digits % 2 == 0) {
			made_c(m, (char)v);
			v = 0;
		}
	}
	if (digits % 2)
		made_c(m, (char)(v * 16));
	*used = i + (i < in.n);
	return !m->full;
}

static bool un85(struct str in, size_t most, struct made *m, size_t *used)
{
	uint32_t v = 0;
	size_t k = 0, i = str_starts(in, STR("<~")) ? 2 : 0;

	for (; i < in.n && in.p[i] != '~' && m->out.n < most && !m->full; i++) {
		if (in.p[i] == 'z' && k == 0)
			made_add(m, "\0\0\0", 4);
		if (in.p[i] < '!' || in.p[i] > 'u')
			continue;
		v = v * 85 + (uint32_t)(in.p[i] - '!');
		if (++k < 5)
			continue;
		for (k = 4; k > 0; k--)
			made_c(m, (char)(v >> (k - 1) * 8));
		v = 0;
	}
	for (size_t j = k; j < 5 && k > 1; j++)
		v = v * 85 + 84;
	for (size_t j = 1; j < k; j++)
		made_c(m, (char)(v >> (4 - j) * 8));
	*used = i + 2 < in.n ? i + 2 : in.n;
	return !m->full;
}

static bool unrun(struct str in, size_t most, struct made *m, size_t *used)
{
	size_t i = 0;

	while (i < in.n && m->out.n < most && !m->full) {
		unsigned n = (unsigned char)in.p[i++];

		if (n == 128)
			break;
		if (n < 128) {
			struct str run = str_sub(in, i, n + 1);

			made_add(m, run.p, run.n);
			i += run.n;
		} else if (i < in.n) {
			for (unsigned k = 0; k < 257 - n; k++)
				made_c(m, in.p[i]);
			i++;
		}
	}
	*used = i;
	return !m->full;
}

static void *z_alloc(void *ctx, unsigned n, unsigned size)
{
	(void)ctx;
	return size && n > SIZE_MAX / size ? NULL : mem_alloc((size_t)n * size);
}

static void z_free(void *ctx, void *p)
{
	(void)ctx;
	mem_free(p);
}

/* bits: 15 with a zlib header, -15 without one, which some viewers take as well. */
static bool inflate_as(int bits, struct str in, size_t most, struct made *m, size_t *used)
{
	z_stream z = { .zalloc = z_alloc, .zfree = z_free };
	int e = Z_OK;

	*used = 0;
	if (inflateInit2(&z, bits) != Z_OK) {
		m->full = true;
		page_tell(m->p, INSPECT_MEMORY, 0, STR_NONE);
		return false;
	}
	z.next_in = (const Bytef *)in.p;
	z.avail_in = (uInt)in.n;
	while (e == Z_OK && m->out.n < most) {
		unsigned step = m->out.n < INFLATE_STEP ? INFLATE_FIRST : INFLATE_STEP;

		if (!made_reserve(m, step))
			break;
		z.next_out = (Bytef *)m->out.p + m->out.n;
		z.avail_out = step;
		e = inflate(&z, Z_NO_FLUSH);
		m->out.n += step - z.avail_out;
	}
	*used = in.n - z.avail_in;
	(void)inflateEnd(&z);
	return e == Z_STREAM_END || (e == Z_OK && !m->full);
}

static bool uninflate(struct str in, size_t most, struct made *m, size_t *used)
{
	size_t before = m->out.n;

	if (in.n > UINT32_MAX)
		in.n = UINT32_MAX;
	/* Line ends before the data, by those who wrote "stream" in their own way. */
	while (in.n && (in.p[0] == '\r' || in.p[0] == '\n'))
		in = str_skip(in, 1);
	if (inflate_as(15, in, most, m, used) || m->out.n > before || m->full)
		return m->out.n > before || in.n < 16;
	if (in.n > 2 && inflate_as(-15, str_skip(in, 2), most, m, used))
		return true;
	return m->out.n > before;
}

struct lzw {
	uint16_t before[LZW_CODES];
	uint8_t last[LZW_CODES], first[LZW_CODES];
	uint16_t length[LZW_CODES];
};

static void lzw_put(const struct lzw *t, unsigned code, struct made *m)
{
	size_t n = t->length[code];

	if (!made_reserve(m, n))
		return;
	m->out.n += n;
	for (size_t i = 1; i <= n; i++, code = t->before[code])
		m->out.p[m->out.n - i] = (char)t->last[code];
}

static void lzw_add(struct lzw *t, unsigned code, unsigned before, uint8_t last)
{
	t->before[code] = (uint16_t)before;
	t->last[code] = last;
	t->first[code] = t->first[before];
	t->length[code] = (uint16_t)(t->length[before] + 1);
}

/* One code after another; `next` is the first code that stands for nothing yet. */
static bool lzw_run(struct lzw *t, struct str in, bool late, size_t most, struct made *m)
{
	unsigned next = LZW_END + 1, width = 9, before = LZW_CLEAR, have = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < in.n && m->out.n < most && !m->full;) {
		unsigned code;

		while (have < width && i < in.n) {
			bits = bits << 8 | (unsigned char)in.p[i++];
			have += 8;
		}
		if (have < width)
			break;
		code = bits >> (have - width) & ((1u << width) - 1);
		have -= width;
		if (code == LZW_END)
			break;
		if (code == LZW_CLEAR) {
			next = LZW_END + 1;
			width = 9;
			before = LZW_CLEAR;
			continue;
		}
		if (code > next || (code == next && before == LZW_CLEAR))
			return false;
		if (before != LZW_CLEAR && next < LZW_CODES) {
			lzw_add(t, next, before, t->first[code < next ? code : before]);
			next++;
		}
		if (code >= next)
			return false;
		lzw_put(t, code, m);
		before = code;
		while (width < LZW_BITS && next + !late >= 1u << width)
			width++;
	}
	return !m->full;
}

bool unfilter_lzw(struct str in, bool late, size_t most, struct made *m)
{
	struct lzw *t = mem_alloc(sizeof(*t));
	bool ok;

	if (!t) {
		m->full = true;
		page_tell(m->p, INSPECT_MEMORY, 0, STR_NONE);
		return false;
	}
	for (unsigned i = 0; i < 256; i++) {
		t->last[i] = t->first[i] = (uint8_t)i;
		t->length[i] = 1;
	}
	ok = lzw_run(t, in, late, most, m);
	mem_free(t);
	return ok;
}

bool unfilter(enum filter f, struct str in, size_t most, struct made *m, size_t *used)
{
	*used = in.n;
	switch (f) {
	case FILTER_HEX:
		return unhex(in, most, m, used);
	case FILTER_85:
		return un85(in, most, m, used);
	case FILTER_RUN:
		return unrun(in, most, m, used);
	case FILTER_LZW:
		return unfilter_lzw(in, false, most, m);
	case FILTER_FLATE:
		return uninflate(in, most, m, used);
	case FILTER_SAME:
		made_add(m, in.p, in.n < most ? in.n : most);
		return !m->full;
	case FILTER_UNKNOWN:
	case FILTER_IMAGE:
		break;
	}
	return false;
}

static uint8_t paeth(int a, int b, int c)
{
	int p = a + b - c, pa = p > a ? p - a : a - p, pb = p > b ? p - b : b - p;
	int pc = p > c ? p - c : c - p;

	if (pa <= pb && pa <= pc)
		return (uint8_t)a;
	return (uint8_t)(pb <= pc ? b : c);
}

/* ISO/IEC 15948 9.2. `up` is the row before, or NULL. */
static void unpng(uint8_t *row, const uint8_t *up, size_t n, size_t pixel, uint8_t how)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t a = i >= pixel ? row[i - pixel] : 0, b = up ? up[i] : 0;
		uint8_t c = up && i >= pixel ? up[i - pixel] : 0;

		if (how == 1)
			row[i] = (uint8_t)(row[i] + a);
		else if (how == 2)
			row[i] = (uint8_t)(row[i] + b);
		else if (how == 3)
			row[i] = (uint8_t)(row[i] + (a + b) / 2);
		else if (how == 4)
			row[i] = (uint8_t)(row[i] + paeth(a, b, c));
	}
}

bool unfilter_predict(const struct unfilter_params *p, struct str in, struct made *m)
{
	uint64_t colors = p->colors ? p->colors : 1, bits = p->bits ? p->bits : 8;
	uint64_t columns = p->columns ? p->columns : 1;
	size_t row, pixel, before = 0;

	if (colors > 64 || bits > 16 || columns > ROW_MAX)
		return false;
	row = (size_t)((columns * colors * bits + 7) / 8);
	pixel = (size_t)((colors * bits + 7) / 8);
	if (row > ROW_MAX || (p->predictor == 2 && bits != 8))
		return false;
	for (size_t i = 0; i < in.n; i += row + (p->predictor >= 10)) {
		struct str one = str_sub(in, i + (p->predictor >= 10), row);
		uint8_t *at, how = p->predictor >= 10 ? (uint8_t)in.p[i] : 1;

		if (!one.n)
			return true;
		if (!made_reserve(m, one.n))
			return false;
		buf_add(&m->out, one);
		at = (uint8_t *)m->out.p + m->out.n - one.n;
		unpng(at, before && p->predictor >= 10 ? at - before : NULL, one.n, pixel,
		      how);
		before = one.n;
	}
	return true;
}

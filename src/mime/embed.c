#include "mime/embed.h"

#include "mime/lines.h"

enum { UU_NAME_AT = 6, RLE = 0x90 };

static void flush(struct mime_embed *e)
{
	if (e->out_n)
		e->out->bytes(e->ctx, str_of(e->hold, e->out_n));
	e->out_n = 0;
}

static void put(struct mime_embed *e, uint32_t c)
{
	if (e->out_n == sizeof(e->hold))
		flush(e);
	e->hold[e->out_n++] = (char)c;
}

static void begin(struct mime_embed *e, enum mime_embed_kind kind, struct str name)
{
	e->kind = (uint8_t)kind;
	e->out->begin(e->ctx, kind, str_trim(name));
}

static void end(struct mime_embed *e)
{
	flush(e);
	if (e->kind && !(e->kind == EMBED_BINHEX && e->fork == 0))
		e->out->end(e->ctx);
	e->kind = EMBED_NONE;
}

/* "begin 644 name": three or four octal digits, and a name. */
static bool uu_begin(struct mime_embed *e, struct str line)
{
	bool base64 = str_starts_nocase(line, STR("begin-base64 "));
	struct str mode;

	if (!base64 && !str_starts_nocase(line, STR("begin ")))
		return false;
	line = str_skip(line, base64 ? 13 : UU_NAME_AT);
	if (!str_word(&line, &mode) || mode.n < 3 || mode.n > 5)
		return false;
	for (size_t i = 0; i < mode.n; i++)
		if (mode.p[i] < '0' || mode.p[i] > '7')
			return false;
	if (!str_trim(line).n)
		return false;
	begin(e, base64 ? EMBED_UU64 : EMBED_UU, line);
	return true;
}

static bool yenc_begin(struct mime_embed *e, struct str line)
{
	const char *at;

	if (!str_starts(line, STR("=ybegin ")))
		return false;
	at = memmem(line.p, line.n, "name=", 5);
	e->escape = false;
	begin(e, EMBED_YENC, at ? str_skip(line, (size_t)(at - line.p) + 5) : STR_NONE);
	return true;
}

static void uu_line(struct mime_embed *e, struct str line)
{
	size_t want = line.n ? ((unsigned char)line.p[0] - 32u) & 63 : 0, at = 1;

	if (line.n == 0)
		return;
	if (str_eq(str_trim(line), STR("end"))) {
		end(e);
		return;
	}
	if ((unsigned char)line.p[0] < 32 || (unsigned char)line.p[0] > 96)
		return; /* no line of it: skipped, as most readers do */
	while (want) {
		uint32_t bits = 0;

		for (size_t i = 0; i < 4; i++) {
			char c = at + i < line.n ? line.p[at + i] : ' ';

			bits = bits << 6 | (((unsigned char)c - 32u) & 63);
		}
		at += 4;
		for (int shift = 16; shift >= 0 && want; shift -= 8, want--)
			put(e, bits >> shift);
	}
}

static void uu64_line(struct mime_embed *e, struct str line);

static void yenc_bytes(struct mime_embed *e, struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if (!e->escape && c == '=') {
			e->escape = true;
			continue;
		}
		put(e, (uint32_t)(c - 42 - (e->escape ? 64 : 0)));
		e->escape = false;
	}
}

static void yenc_line(struct mime_embed *e, struct str line)
{
	if (str_starts(line, STR("=yend")))
		end(e);
	else if (!str_starts(line, STR("=ypart ")))
		yenc_bytes(e, line);
}

static void binhex_byte(struct mime_embed *e, uint8_t c)
{
	if (e->fork == 1) {
		if (e->left == 0) {
			end(e);
			return;
		}
		put(e, c);
		if (--e->left == 0)
			end(e);
		return;
	}
	if (e->head_n < sizeof(e->head))
		e->head[e->head_n++] = (char)c;
	/* name, 0, type, creator, flags, length of data, of resources, CRC. RFC 1741 4 */
	if (e->head_n == (uint8_t)e->head[0] + 22u || e->head_n == sizeof(e->head)) {
		const unsigned char *at = (const unsigned char *)e->head + e->head_n - 10;

		e->left = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
			  (uint32_t)at[2] << 8 | at[3];
		e->fork = 1;
		e->out->begin(e->ctx, EMBED_BINHEX,
			      str_of(e->head + 1, (uint8_t)e->head[0] < 200
							  ? (uint8_t)e->head[0]
							  : 200u));
	}
}

/* A byte of the stream; 0x90 n repeats the one before. */
static void binhex_rle(struct mime_embed *e, uint8_t c)
{
	if (e->run) {
		e->run = 0;
		if (c == 0) {
			e->last = RLE;
			binhex_byte(e, RLE);
			return;
		}
		for (uint8_t i = 1; i < c && e->kind; i++)
			binhex_byte(e, e->last);
	} else if (c == RLE) {
		e->run = 1;
	} else {
		e->last = c;
		binhex_byte(e, c);
	}
}

static void binhex_line(struct mime_embed *e, struct str line)
{
	static const char alphabet[] = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ"
				       "[`abcdefhijklmpqr";

	for (size_t i = 0; i < line.n && e->kind; i++) {
		const char *at = line.p[i] ? strchr(alphabet, line.p[i]) : NULL;

		if (line.p[i] == ':') {
			if (e->phase || e->head_n)
				end(e);
			continue;
		}
		if (!at)
			continue;
		e->bits = e->bits << 6 | (uint32_t)(at - alphabet);
		if (++e->phase < 2)
			continue;
		binhex_rle(e, (uint8_t)(e->bits >> (8 - 2 * e->phase)));
		if (e->phase == 4)
			e->phase = 0;
	}
}

static void binhex_begin(struct mime_embed *e)
{
	e->kind = EMBED_BINHEX;
	e->phase = e->run = e->fork = 0;
	e->head_n = 0;
	e->bits = 0;
}

static const char alphabet64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789+/";

static void uu64_line(struct mime_embed *e, struct str line)
{
	if (str_starts(line, STR("====")) || str_eq(str_trim(line), STR("end"))) {
		end(e);
		return;
	}
	for (size_t i = 0; i < line.n; i++) {
		const char *at = line.p[i] ? strchr(alphabet64, line.p[i]) : NULL;

		if (!at)
			continue;
		e->bits = e->bits << 6 | (uint32_t)(at - alphabet64);
		if (++e->phase >= 2)
			put(e, e->bits >> (8 - 2 * e->phase));
		if (e->phase == 4)
			e->phase = 0;
	}
	e->phase = 0;
}

static void whole_line(struct mime_embed *e, bool binhex)
{
	struct str line = str_of(e->line, e->n);
	bool named = memmem(e->line, e->n, "onverted with BinHex", 20) != NULL;

	if (e->kind == EMBED_UU) {
		if (line.n < 12 || !str_starts(line, STR("begin ")) || !uu_begin(e, line))
			uu_line(e, line);
	} else if (e->kind == EMBED_UU64) {
		uu64_line(e, line);
	} else if (e->kind == EMBED_YENC) {
		yenc_line(e, line);
	} else if (e->kind == EMBED_BINHEX) {
		binhex_line(e, line);
	} else if (named) {
		binhex_begin(e);
	} else if (binhex && line.n > 20 && line.p[0] == ':') {
		binhex_begin(e);
		binhex_line(e, line);
	} else {
		e->phase = 0;
		(void)(uu_begin(e, line) || yenc_begin(e, line));
	}
}

/* May something begin with a line like this? Its first byte tells. */
static bool interesting(const struct mime_embed *e, char c)
{
	return e->kind || c == 'b' || c == 'B' || c == '=' || c == '(' || c == ':';
}

static void line_end(struct mime_embed *e, bool binhex)
{
	if (!e->skip && (e->n || e->kind))
		whole_line(e, binhex);
	e->n = 0;
	e->skip = false;
}

void mime_embed_feed(struct mime_embed *e, struct str s, bool binhex)
{
	while (s.n) {
		size_t n = mime_line_bytes(s), room = sizeof(e->line) - e->n;

		if (n && e->n == 0 && !e->skip)
			e->skip = !interesting(e, s.p[0]);
		if (n && !e->skip) {
			if (n > room && e->kind == EMBED_YENC) {
				yenc_bytes(e, str_of(e->line, e->n));
				e->n = 0;
				room = sizeof(e->line);
			}
			memcpy(e->line + e->n, s.p, n < room ? n : room);
			e->n = (uint16_t)(e->n + (n < room ? n : room));
		}
		if (n)
			e->cr = false;
		s = str_skip(s, n);
		if (!s.n)
			break;
		if (s.p[0] == '\r' || !e->cr)
			line_end(e, binhex);
		e->cr = s.p[0] == '\r';
		s = str_skip(s, 1);
	}
}

void mime_embed_finish(struct mime_embed *e)
{
	line_end(e, false);
	end(e);
}

#include "mime/words.h"

#include <iconv.h>

#include "base/buf.h"
#include "mime/base64.h"

enum { CHARSET_BYTES_MAX = 40, CONVERT_BYTES_MAX = 4096 };

bool mime_charset_hides(struct str charset)
{
	static const struct str hiding[] = {
		STR_INIT("utf-7"),
		STR_INIT("utf7"),
		STR_INIT("unicode-1-1-utf-7"),
		STR_INIT("utf-16"),
		STR_INIT("utf16"),
		STR_INIT("utf-32"),
		STR_INIT("utf32"),
		STR_INIT("ucs-2"),
		STR_INIT("ucs-4"),
		STR_INIT("ucs2"),
		STR_INIT("ucs4"),
		STR_INIT("unicode"),
		STR_INIT("iso-10646-ucs"),
		STR_INIT("hz"),
		STR_INIT("ibm037"),
		STR_INIT("cp037"),
		STR_INIT("ebcdic"),
		STR_INIT("ibm500"),
		STR_INIT("cp500"),
		STR_INIT("ibm1047"),
		STR_INIT("ibm1140"),
	};

	for (size_t i = 0; i < COUNT_OF(hiding); i++)
		if (str_starts_nocase(charset, hiding[i]))
			return true;
	return false;
}

size_t mime_utf8_put(uint32_t c, char ret[4])
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xC0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xE0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 63));
		ret[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	ret[0] = (char)(0xF0 | (c >> 18 & 7));
	ret[1] = (char)(0x80 | (c >> 12 & 63));
	ret[2] = (char)(0x80 | (c >> 6 & 63));
	ret[3] = (char)(0x80 | (c & 63));
	return 4;
}

static struct str from_latin1(struct mime_words *w, struct str in)
{
	char *out = arena_alloc(w->arena, in.n * 2 + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < in.n; i++)
		n += mime_utf8_put((unsigned char)in.p[i], out + n);
	return str_of(out, n);
}

/* Without surrogate pairs joined in an odd way: they are written as they come. */
static struct str from_utf16(struct mime_words *w, struct str in, bool little)
{
	char *out = arena_alloc(w->arena, in.n * 2 + 4);
	size_t n = 0;
	uint32_t high = 0;

	for (size_t i = 0; out && i + 1 < in.n; i += 2) {
		uint32_t a = (unsigned char)in.p[i], b = (unsigned char)in.p[i + 1];
		uint32_t c = little ? a | b << 8 : a << 8 | b;

		if (c == 0xFEFF && i == 0)
			continue;
		if (high && c >= 0xDC00 && c < 0xE000)
			c = 0x10000 + ((high - 0xD800) << 10) + (c - 0xDC00);
		high = c >= 0xD800 && c < 0xDC00 ? c : 0;
		if (!high)
			n += mime_utf8_put(c, out + n);
	}
	return str_of(out, n);
}

static struct str by_iconv(struct mime_words *w, const char *charset, struct str in)
{
	char *out, *at, *from;
	size_t left, in_left = in.n < CONVERT_BYTES_MAX ? in.n : CONVERT_BYTES_MAX;
	iconv_t cd;

	if (w->conversions_left == 0)
		return in;
	w->conversions_left--;
	cd = iconv_open("UTF-8", charset);
	if (cd == (iconv_t)-1) /* NOLINT: the documented value */
		return in;
	left = in_left * 4 + 16;
	at = out = arena_alloc(w->arena, left);
	from = arena_alloc(w->arena, in_left + 1);
	if (!out || !from) {
		iconv_close(cd);
		return STR_NONE;
	}
	memcpy(from, in.p, in_left);
	while (in_left && iconv(cd, &from, &in_left, &at, &left) == (size_t)-1) {
		if (errno == E2BIG || in_left == 0)
			break;
		from++; /* a byte that is none of this charset */
		in_left--;
	}
	(void)iconv(cd, NULL, NULL, &at, &left);
	iconv_close(cd);
	return str_of(out, (size_t)(at - out));
}

static bool charset_is(struct str name, const struct str *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(name, of[i]))
			return true;
	return false;
}

struct str mime_words_utf8(struct mime_words *w, struct str charset, struct str bytes)
{
	static const struct str same[] = { STR_INIT(""), STR_INIT("utf-8"),
					   STR_INIT("utf8"), STR_INIT("us-ascii"),
					   STR_INIT("ascii") };
	static const struct str latin[] = { STR_INIT("iso-8859-1"), STR_INIT("latin1"),
					    STR_INIT("windows-1252"),
					    STR_INIT("iso-8859-15") };
	static const struct str little[] = { STR_INIT("utf-16le"), STR_INIT("ucs-2le") };
	static const struct str big[] = { STR_INIT("utf-16be"), STR_INIT("ucs-2be"),
					  STR_INIT("ucs-2") };
	char name[CHARSET_BYTES_MAX];
	bool mark;

	charset = str_trim(charset);
	if (mime_charset_hides(charset))
		w->hidden_charset = true;
	if (charset_is(charset, same, COUNT_OF(same)))
		return bytes;
	if (charset_is(charset, latin, COUNT_OF(latin)))
		return from_latin1(w, bytes);
	if (charset_is(charset, little, COUNT_OF(little)))
		return from_utf16(w, bytes, true);
	if (charset_is(charset, big, COUNT_OF(big)))
		return from_utf16(w, bytes, false);
	if (str_eq_nocase(charset, STR("utf-16")) ||
	    str_eq_nocase(charset, STR("utf16"))) {
		mark = bytes.n >= 2 && (unsigned char)bytes.p[0] == 0xFF;
		if (bytes.n >= 2 && bytes.p[0] && !bytes.p[1])
			mark = true; /* no mark, but ASCII in little-endian order */
		return from_utf16(w, bytes, mark);
	}
	if (str_to_cstr(charset, name, sizeof(name)) < 0)
		return bytes;
	return by_iconv(w, name, bytes);
}

bool mime_percent_decode(struct mime_words *w, struct str in, struct str *ret)
{
	char *out;
	size_t n = 0;
	bool any = false;

	if (str_find(in, '%') < 0)
		return false;
	out = arena_alloc(w->arena, in.n + 1);
	if (!out)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '%' && i + 2 < in.n + 0 && ch_hex(in.p[i + 1]) &&
		    ch_hex(in.p[i + 2])) {
			out[n++] = (char)(ch_hex_value(in.p[i + 1]) * 16 +
					  ch_hex_value(in.p[i + 2]));
			i += 2;
			any = true;
		} else {
			out[n++] = in.p[i];
		}
	}
	*ret = str_of(out, n);
	return any;
}

static struct str word_q(struct mime_words *w, struct str in)
{
	char *out = arena_alloc(w->arena, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < in.n; i++) {
		if (in.p[i] == '=' && i + 2 < in.n && ch_hex(in.p[i + 1]) &&
		    ch_hex(in.p[i + 2])) {
			out[n++] = (char)(ch_hex_value(in.p[i + 1]) * 16 +
					  ch_hex_value(in.p[i + 2]));
			i += 2;
		} else {
			out[n++] = in.p[i] == '_' ? ' ' : in.p[i];
		}
	}
	return str_of(out, n);
}

static struct str word_b(struct mime_words *w, struct str in)
{
	char *out = arena_alloc(w->arena, in.n + 4);

	return out ? str_of(out, mime_base64_simple(in, out)) : STR_NONE;
}

/* "=?charset?X?text?=" at the start of *in, advanced behind it. */
static bool word_take(struct mime_words *w, struct str *in, struct str *ret)
{
	struct str rest, charset, text;
	ptrdiff_t at;
	char how;

	if (!str_starts(*in, STR("=?")) || w->words_left == 0)
		return false;
	rest = str_skip(*in, 2);
	at = str_find(rest, '?');
	if (at < 0 || (size_t)at + 2 >= rest.n || rest.p[at + 2] != '?')
		return false;
	charset = str_sub(rest, 0, (size_t)at);
	how = ch_lower(rest.p[at + 1]);
	if (how != 'b' && how != 'q')
		return false;
	rest = str_skip(rest, (size_t)at + 3);
	at = str_find(rest, '?'); /* a missing "?=" ends the word with the text */
	text = at < 0 ? rest : str_sub(rest, 0, (size_t)at);
	rest = at < 0 ? STR_NONE : str_skip(rest, (size_t)at + 1);
	if (rest.n && rest.p[0] == '=')
		rest = str_skip(rest, 1);
	w->words_left--;
	at = str_find(charset, '*'); /* RFC 2231 5: a language behind the charset */
	if (at >= 0)
		charset = str_sub(charset, 0, (size_t)at);
	text = how == 'b' ? word_b(w, text) : word_q(w, text);
	*ret = mime_words_utf8(w, charset, text);
	*in = rest;
	return ret->p != NULL;
}

bool mime_words_decode(struct mime_words *w, struct str in, struct str *ret)
{
	CLEANUP(buf_done) struct buf out = { .bytes_max = 64 * KIB };
	bool any = false, last_word = false;
	size_t blanks = 0;
	struct str word = STR_NONE;

	if (!in.n || !memmem(in.p, in.n, "=?", 2))
		return false;
	while (in.n) {
		if (in.p[0] == '=' && word_take(w, &in, &word)) {
			if (last_word) /* RFC 2047 6.2: blanks between words vanish */
				out.n -= blanks;
			for (size_t i = 0; i < word.n; i++)
				w->control |= ch_control(word.p[i]) &&
					      word.p[i] != '\t' &&
					      word.p[i] != '\33'; /* of ISO-2022 */
			buf_add(&out, word);
			any = last_word = true;
			blanks = 0;
			continue;
		}
		if (in.p[0] == ' ' || in.p[0] == '\t') {
			blanks++;
		} else {
			blanks = 0;
			last_word = false;
		}
		buf_add_c(&out, in.p[0]);
		in = str_skip(in, 1);
	}
	if (out.err || !any)
		return false;
	*ret = arena_str(w->arena, buf_str(&out));
	return ret->p != NULL;
}

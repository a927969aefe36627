#include "inspect/office.h"

uint16_t le16_at(struct str s, size_t at)
{
	struct str b = str_sub(s, at, 2);
	const unsigned char *p = (const unsigned char *)b.p;

	if (b.n < 2)
		return 0;
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t le32_at(struct str s, size_t at)
{
	struct str b = str_sub(s, at, 4);
	const unsigned char *p = (const unsigned char *)b.p;

	if (b.n < 4)
		return 0;
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t le64_at(struct str s, size_t at)
{
	if (str_sub(s, at, 8).n < 8)
		return 0;
	return le32_at(s, at) | (uint64_t)le32_at(s, at + 4) << 32;
}

ptrdiff_t office_find(struct str s, size_t from, struct str what)
{
	struct str rest = str_skip(s, from);
	const char *at = rest.n ? memmem(rest.p, rest.n, what.p, what.n) : NULL;

	return at ? at - s.p : -1;
}

bool office_has(struct str s, struct str word)
{
	for (size_t i = 0; i + word.n <= s.n; i++)
		if (str_starts_nocase(str_skip(s, i), word))
			return true;
	return false;
}

void office_utf8(struct buf *b, uint32_t c)
{
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x80) {
		buf_add_c(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_add_c(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_add_c(b, (char)(0xe0 | c >> 12));
		} else {
			buf_add_c(b, (char)(0xf0 | c >> 18));
			buf_add_c(b, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_add_c(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_add_c(b, (char)(0x80 | (c & 0x3f)));
}

/* Units of two bytes, the low one at `low`. */
static void utf16_add(struct buf *b, struct str s, size_t low)
{
	const unsigned char *p = (const unsigned char *)s.p;

	for (size_t i = 0; i + 2 <= s.n; i += 2) {
		uint32_t c = (uint32_t)(p[i + low] | p[i + 1 - low] << 8), d;

		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= s.n) {
			d = (uint32_t)(p[i + 2 + low] | p[i + 3 - low] << 8);
			if (d >= 0xdc00 && d < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
				i += 2;
			}
		}
		office_utf8(b, c);
	}
}

void office_utf16(struct buf *b, struct str s)
{
	utf16_add(b, s, 0);
}

struct str office_text(struct scan *s, const struct object *o, struct buf *b)
{
	struct str text = o->content;
	bool little = str_starts(text, STR("\xff\xfe")) || str_starts(text, STR("<\0"));
	bool big = str_starts(text, STR("\xfe\xff")) || str_starts(text, STR("\0<"));

	if (!little && !big)
		return str_skip(text, str_starts(text, STR("\xef\xbb\xbf")) ? 3 : 0);
	if (!scan_work(s, o, (uint64_t)text.n / 2 * 3))
		return STR_NONE;
	utf16_add(b, text, big ? 1 : 0);
	if (b->err)
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
	text = buf_str(b);
	return str_skip(text, str_starts(text, STR("\xef\xbb\xbf")) ? 3 : 0);
}

static bool starts_any(struct str s, const struct str *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_starts_nocase(s, list[i]))
			return true;
	return false;
}

static enum office_target target_of_file(struct str rest)
{
	size_t slashes = 0;

	while (rest.n && (rest.p[0] == '/' || rest.p[0] == '\\')) {
		rest = str_skip(rest, 1);
		slashes++;
	}
	if (rest.n > 1 && (rest.p[1] == ':' || rest.p[1] == '|'))
		return TARGET_LOCAL;
	/* file:///x is a path of this machine, file://x and file:////x a host. */
	return rest.n && (slashes == 2 || slashes > 3) ? TARGET_UNC : TARGET_LOCAL;
}

enum office_target office_target(struct str url)
{
	static const struct str attacks[] = {
		STR_INIT("script:"),        STR_INIT("mhtml:"),
		STR_INIT("x-usc:"),         STR_INIT("ms-msdt:"),
		STR_INIT("javascript:"),    STR_INIT("vbscript:"),
		STR_INIT("search-ms:"),     STR_INIT("search:"),
		STR_INIT("ms-officecmd:"),  STR_INIT("ms-search:"),
		STR_INIT("jar:"),           STR_INIT("its:"),
		STR_INIT("ms-its:"),        STR_INIT("mk:"),
		STR_INIT("ms-excel:"),      STR_INIT("ms-word:"),
		STR_INIT("ms-powerpoint:"), STR_INIT("ms-appinstaller:"),
		STR_INIT("shell:"),         STR_INIT("soap:"),
		STR_INIT("wsdl="),          STR_INIT("data:text/html"),
	};
	static const struct str webs[] = { STR_INIT("http:"), STR_INIT("https:"),
					   STR_INIT("ftp:") };
	static const struct str mails[] = { STR_INIT("mailto:"), STR_INIT("tel:"),
					    STR_INIT("news:") };

	url = str_trim(url);
	if (starts_any(url, attacks, COUNT_OF(attacks)))
		return TARGET_ATTACK;
	if (starts_any(url, webs, COUNT_OF(webs)))
		return TARGET_WEB;
	if (starts_any(url, mails, COUNT_OF(mails)))
		return TARGET_MAIL;
	if (str_starts_nocase(url, STR("file:")))
		return target_of_file(str_skip(url, 5));
	if (str_starts(url, STR("\\\\")) || str_starts(url, STR("//")))
		return TARGET_UNC;
	if (url.n > 1 && ch_alpha(url.p[0]) && url.p[1] == ':')
		return TARGET_LOCAL;
	return TARGET_NOWHERE;
}

bool office_starts_program(struct str text)
{
	static const struct str words[] = {
		STR_INIT("cmd"),       STR_INIT("powershell"), STR_INIT("pwsh"),
		STR_INIT("mshta"),     STR_INIT("wscript"),    STR_INIT("cscript"),
		STR_INIT("rundll32"),  STR_INIT("regsvr32"),   STR_INIT("certutil"),
		STR_INIT("bitsadmin"), STR_INIT("msiexec"),    STR_INIT("system32"),
		STR_INIT(".exe"),      STR_INIT("msexcel"),    STR_INIT("wmic"),
	};

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (office_has(text, words[i]))
			return true;
	return false;
}

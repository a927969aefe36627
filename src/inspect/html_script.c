#include "inspect/html.h"
#include "mime/base64.h"

enum { BEFORE_RUN = 64, JOINT_MAX = 16 };

void html_child(struct html *h, struct str name, struct made *m)
{
	if (h->children++ >= HTML_CHILDREN_MAX) {
		page_tell(&h->page, INSPECT_HTML_LIMIT, 0, STR("files inside"));
		return;
	}
	page_child(&h->page, name, STR_NONE, m);
}

static bool any(struct str code, const char *words)
{
	struct str rest = str_from(words), word;

	while (str_word(&rest, &word))
		if (page_find(code, word) >= 0)
			return true;
	return false;
}

static int hex_pair(struct str s, size_t at)
{
	if (at + 1 >= s.n || !ch_hex(s.p[at]) || !ch_hex(s.p[at + 1]))
		return -1;
	return ch_hex_value(s.p[at]) * 16 + ch_hex_value(s.p[at + 1]);
}

/* %3c, \x3c, \u003c and %u003c decoded: the page that the script would write. */
static void unescaped(struct html *h, struct str code)
{
	struct made m;

	made_begin(&m, &h->page);
	for (size_t i = 0; made_reserve(&m, code.n) && i < code.n; i++) {
		char c = code.p[i], next = i + 1 < code.n ? code.p[i + 1] : 0;
		int v = -1;
		size_t more = 0;

		if ((c == '%' || c == '\\') && next == 'u') {
			v = hex_pair(code, i + 4);
			more = 5;
		} else if (c == '%') {
			v = hex_pair(code, i + 1);
			more = 2;
		} else if (c == '\\' && next == 'x') {
			v = hex_pair(code, i + 2);
			more = 3;
		}
		m.out.p[m.out.n++] = v < 0 ? c : (char)v;
		i += v < 0 ? 0 : more;
		if (m.out.n == code.n)
			break;
	}
	html_child(h, STR("unescaped.html"), &m);
	made_done(&m);
}

void html_script(struct html *h, size_t at, struct str code)
{
	bool sink = any(code, "createobjecturl mssaveoropenblob mssaveblob .download "
			      "'download' \"download\" showsavefilepicker");
	bool source = any(code, "blob( atob( uint8array( fromcharcode base64, "
				"data:application blob([");
	bool decodes = any(code, "unescape( atob( fromcharcode decodeuricomponent( "
				 "charcodeat( parseint(");
	bool runs = any(code, "eval( document.write innerhtml function( settimeout( "
			      "execscript insertadjacenthtml");

	if (sink && source)
		page_tell(&h->page, INSPECT_HTML_SMUGGLING, at, code);
	if (any(code, "eval(") && decodes)
		page_tell(&h->page, INSPECT_HTML_BUILT, at, code);
	if (runs && any(code, "%3c \\x3c \\u003c %u003c")) {
		page_tell(&h->page, INSPECT_HTML_BUILT, at, code);
		unescaped(h, code);
	}
}

/* Each url(…) of a style. */
static void style_urls(struct html *h, size_t at, struct str css)
{
	for (;;) {
		ptrdiff_t found = page_find(css, STR("url("));
		size_t n = 0;
		struct str url;

		if (found < 0)
			return;
		css = str_skip(css, (size_t)found + 4);
		while (n < css.n && css.p[n] != ')')
			n++;
		url = str_trim(str_sub(css, 0, n));
		if (url.n > 1 && (url.p[0] == '\'' || url.p[0] == '"'))
			url = str_sub(url, 1, url.n - 2);
		html_url(h, at, url, true);
		css = str_skip(css, n);
	}
}

/* "color: #fff; background-color: #fff" */
static bool same_colours(struct str css)
{
	struct str rest = css, one, colour = STR(""), ground = STR("");

	while (str_split(&rest, ';', &one)) {
		struct str name;

		if (!str_split(&one, ':', &name))
			continue;
		name = str_trim(name);
		if (str_eq_nocase(name, STR("color")))
			colour = str_trim(one);
		if (str_eq_nocase(name, STR("background-color")) ||
		    str_eq_nocase(name, STR("background")))
			ground = str_trim(one);
	}
	return colour.n && str_eq_nocase(colour, ground);
}

void html_style(struct html *h, size_t at, struct str css)
{
	static const struct {
		struct str name, value;
	} hidden[] = {
		{ STR_INIT("display"), STR_INIT("none") },
		{ STR_INIT("visibility"), STR_INIT("hidden") },
		{ STR_INIT("font-size"), STR_INIT("0") },
		{ STR_INIT("opacity"), STR_INIT("0") },
	};

	for (size_t i = 0; i < COUNT_OF(hidden); i++) {
		ptrdiff_t found = page_find(css, hidden[i].name);
		struct str value;

		if (found < 0)
			continue;
		value = str_trim(str_skip(css, (size_t)found + hidden[i].name.n));
		value = str_trim(str_skip(value, str_starts(value, STR(":"))));
		if (str_starts_nocase(value, hidden[i].value) &&
		    !(value.n > 1 && value.p[1] == '.'))
			page_tell(&h->page, INSPECT_HTML_HIDDEN, at, css);
	}
	if (same_colours(css))
		page_tell(&h->page, INSPECT_HTML_HIDDEN, at, css);
	if (any(css, "expression( behavior: -moz-binding javascript: vbscript:") &&
	    page_find(css, STR("scroll-behavior:")) < 0)
		page_tell(&h->page, INSPECT_HTML_CSS, at, css);
	style_urls(h, at, css);
}

static bool in_run(char c)
{
	return mime_base64_value(c) < 64 || c == '-' || c == '_';
}

/* "…" + "…", "…", "…" and line ends join two runs. Returns the bytes between; 0: none. */
static size_t joint(struct str s, size_t at)
{
	size_t i = at, quotes = 0;

	for (; i < s.n && i - at < JOINT_MAX; i++) {
		char c = s.p[i];

		if (c == '"' || c == '\'' || c == '`')
			quotes++;
		else if (c != '\r' && c != '\n' && c != ' ' && c != '\t' && c != '\\' &&
			 !(quotes == 1 && (c == '+' || c == ',')))
			break;
	}
	if (i >= s.n || !in_run(s.p[i]))
		return 0;
	if (quotes == 0)
		return memchr(s.p + at, '\n', i - at) ? i - at : 0;
	return quotes == 2 ? i - at : 0;
}

/* A run from `at`, cleaned, to m. Returns where it ends. */
static size_t take_run(struct str s, size_t at, struct made *m)
{
	while (at < s.n && !m->full) {
		size_t more;

		if (in_run(s.p[at])) {
			char c = s.p[at++];

			made_c(m, c == '-' ? '+' : c == '_' ? '/' : c);
			continue;
		}
		more = joint(s, at);
		if (!more)
			break;
		at += more;
	}
	return at;
}

/* Types that two bytes make are not believed: links are full of such text. */
static bool is_file(struct str bytes)
{
	static const enum file_type short_ones[] = { TYPE_DOS, TYPE_ARJ, TYPE_COMPRESS,
						     TYPE_SHEBANG, TYPE_LZMA };
	struct type_set set = types_of(bytes);

	for (size_t i = 0; i < COUNT_OF(short_ones); i++)
		set.bits[short_ones[i] / 64] &= ~(UINT64_C(1) << short_ones[i] % 64);
	return set.bits[0] || set.bits[1];
}

/* Pictures and fonts in a page are nothing to tell. */
static bool harmless(struct str before)
{
	return (page_find(before, STR("data:image/")) >= 0 &&
		page_find(before, STR("svg")) < 0) ||
	       page_find(before, STR("font")) >= 0;
}

static void give_run(struct html *h, size_t at, struct str run)
{
	struct str before = str_sub(h->in, at > BEFORE_RUN ? at - BEFORE_RUN : 0,
				    at > BEFORE_RUN ? BEFORE_RUN : at);
	bool said = page_find(before, STR("base64,")) >= 0;
	struct str name = page_find(before, STR("svg")) >= 0    ? STR("data.svg")
			  : page_find(before, STR("html")) >= 0 ? STR("data.html")
								: STR("");
	struct made m;

	made_begin(&m, &h->page);
	if (made_reserve(&m, run.n + 2))
		m.out.n = mime_base64_simple(run, m.out.p);
	if (said || is_file(buf_str(&m.out))) {
		if (!harmless(before))
			page_tell(&h->page, INSPECT_HTML_PAYLOAD, at, run);
		html_child(h, said ? name : STR(""), &m);
	}
	made_done(&m);
}

/* The same characters may be hexadecimal. */
static void give_hex(struct html *h, size_t at, struct str run)
{
	struct made m;

	for (size_t i = 0; i < run.n; i++)
		if (!ch_hex(run.p[i]))
			return;
	made_begin(&m, &h->page);
	if (made_reserve(&m, run.n / 2 + 1))
		for (size_t i = 0; i + 1 < run.n; i += 2)
			m.out.p[m.out.n++] = (char)hex_pair(run, i);
	if (is_file(buf_str(&m.out))) {
		page_tell(&h->page, INSPECT_HTML_PAYLOAD, at, run);
		html_child(h, STR(""), &m);
	}
	made_done(&m);
}

void html_runs(struct html *h)
{
	size_t at = 0;

	while (at < h->in.n && h->children <= HTML_CHILDREN_MAX) {
		struct made m;
		size_t end = at;

		while (end < h->in.n && in_run(h->in.p[end]))
			end++;
		if (end - at < 16) { /* words: most of a text */
			at = end + 1;
			continue;
		}
		made_begin(&m, &h->page);
		end = take_run(h->in, at, &m);
		if (m.out.n >= HTML_RUN_LEAST) {
			give_run(h, at, buf_str(&m.out));
			give_hex(h, at, buf_str(&m.out));
		}
		made_done(&m);
		if (m.full)
			return;
		at = end > at ? end : at + 1;
	}
}

#include "inspect/html.h"

static size_t code_point(uint32_t v, char *ret, size_t room)
{
	if (v == 0 || room == 0)
		return 0;
	ret[0] = v < 128 ? (char)v : '?';
	return 1;
}

/* At '&' of raw[*at]. Returns what it stands for, *at behind it; 0: nothing. */
static uint32_t entity(struct str raw, size_t *at)
{
	static const struct {
		struct str name;
		char c;
	} rows[] = {
		{ STR_INIT("amp"), '&' },    { STR_INIT("lt"), '<' },
		{ STR_INIT("gt"), '>' },     { STR_INIT("quot"), '"' },
		{ STR_INIT("apos"), '\'' },  { STR_INIT("colon"), ':' },
		{ STR_INIT("Tab"), '\t' },   { STR_INIT("NewLine"), '\n' },
		{ STR_INIT("sol"), '/' },    { STR_INIT("bsol"), '\\' },
		{ STR_INIT("lpar"), '(' },   { STR_INIT("rpar"), ')' },
		{ STR_INIT("period"), '.' }, { STR_INIT("commat"), '@' },
		{ STR_INIT("excl"), '!' },   { STR_INIT("nbsp"), ' ' },
	};
	size_t i = *at + 1;
	bool hex;
	uint32_t v = 0;

	if (i < raw.n && raw.p[i] == '#') {
		hex = i + 1 < raw.n && ch_lower(raw.p[i + 1]) == 'x';
		for (i += 1 + hex; i < raw.n && v < 0x110000 &&
				   (hex ? ch_hex(raw.p[i]) : ch_digit(raw.p[i]));
		     i++)
			v = v * (hex ? 16 : 10) + (uint32_t)ch_hex_value(raw.p[i]);
		*at = i + (i < raw.n && raw.p[i] == ';');
		return v ? v : '?';
	}
	for (size_t k = 0; k < COUNT_OF(rows); k++)
		if (str_starts(str_skip(raw, i), rows[k].name) &&
		    str_starts(str_skip(raw, i + rows[k].name.n), STR(";"))) {
			*at = i + rows[k].name.n + 1;
			return (uint32_t)(unsigned char)rows[k].c;
		}
	return 0;
}

size_t html_decode(struct str raw, char *ret, size_t room)
{
	size_t n = 0, i = 0;

	while (i < raw.n && n < room) {
		uint32_t v = raw.p[i] == '&' ? entity(raw, &i) : 0;

		if (v)
			n += code_point(v, ret + n, room - n);
		else
			ret[n++] = raw.p[i++];
	}
	return n;
}

/* With its colon; empty: there is none. */
static struct str scheme_of(struct str url)
{
	size_t n = 0;

	while (n < url.n && (ch_alnum(url.p[n]) || url.p[n] == '-' || url.p[n] == '+' ||
			     url.p[n] == '.'))
		n++;
	return n && n < url.n && url.p[n] == ':' ? str_sub(url, 0, n + 1) : STR("");
}

/* Browsers leave out blanks and controls before a URL, and line ends inside it. */
static struct str clean(struct str raw, char ret[HTML_VALUE_MAX], bool *odd)
{
	size_t n = html_decode(raw, ret, HTML_VALUE_MAX), k = 0;
	struct str scheme;

	for (size_t i = 0; i < n; i++) {
		bool out = ret[i] == '\t' || ret[i] == '\n' || ret[i] == '\r' ||
			   (k == 0 && (ch_control(ret[i]) || ret[i] == ' '));

		if (!out)
			ret[k++] = ret[i];
	}
	/* Escapes in the scheme: nobody needs them there. */
	scheme = scheme_of(str_of(ret, k));
	*odd = scheme.n && !str_eq_nocase(scheme, STR("mailto:")) &&
	       !str_starts_nocase(str_trim(raw), scheme);
	return str_of(ret, k);
}

/* Of "https://user@host:1/…": "user@host:1". Empty: there is none. */
static struct str authority(struct str url)
{
	size_t i = 0;

	if (!str_starts_nocase(url, STR("http")))
		return STR("");
	i = 4 + (str_starts_nocase(url, STR("https")));
	if (i >= url.n || url.p[i] != ':')
		return STR("");
	for (i++; i < url.n && (url.p[i] == '/' || url.p[i] == '\\'); i++)
		;
	url = str_skip(url, i);
	for (i = 0; i < url.n && !strchr("/\\?#", url.p[i] ? url.p[i] : '/'); i++)
		;
	return str_sub(url, 0, i);
}

static struct str host_of(struct str url)
{
	struct str host = authority(url);

	host = str_skip(host, (size_t)(str_rfind(host, '@') + 1));
	if (str_find(host, ':') >= 0)
		host = str_sub(host, 0, (size_t)str_find(host, ':'));
	return host;
}

static void look_at_host(struct html *h, size_t at, struct str url)
{
	struct str all = authority(url), host = host_of(url);
	size_t digits = 0;

	if (!all.n)
		return;
	while (digits < host.n && (ch_hex(host.p[digits]) || host.p[digits] == 'x'))
		digits++;
	if (str_find(all, '@') >= 0 || str_find(str_sub(url, 0, 10), '\\') >= 0 ||
	    (digits == host.n && host.n && ch_digit(host.p[0])))
		page_tell(&h->page, INSPECT_HTML_URL_ODD, at, url);
}

static void data_url(struct html *h, size_t at, struct str url, struct str raw)
{
	static const char harmless[] = "data:image/ data:font/ data:application/font "
				       "data:application/x-font data:text/css "
				       "data:text/plain data:audio/ data:video/";
	struct str rest = str_from(harmless), word;
	ptrdiff_t comma = str_find(raw, ',');
	struct made m;

	while (str_word(&rest, &word))
		if (str_starts_nocase(url, word) &&
		    !str_starts_nocase(url, STR("data:image/svg")))
			return;
	page_tell(&h->page, INSPECT_HTML_DATA_URL, at, url);
	if (comma < 0 || page_find(str_sub(raw, 0, (size_t)comma), STR("base64")) >= 0)
		return; /* html_runs sees it */
	raw = str_skip(raw, (size_t)comma + 1);
	made_begin(&m, &h->page);
	if (made_reserve(&m, raw.n)) {
		for (size_t i = 0; i < raw.n; i++) {
			bool hex = raw.p[i] == '%' && i + 2 < raw.n &&
				   ch_hex(raw.p[i + 1]) && ch_hex(raw.p[i + 2]);

			m.out.p[m.out.n++] = hex ? (char)(ch_hex_value(raw.p[i + 1]) *
								  16 +
							  ch_hex_value(raw.p[i + 2]))
						 : raw.p[i];
			i += hex ? 2 : 0;
		}
		html_child(h, STR("data.html"), &m);
	}
	made_done(&m);
}

static bool handler(struct str url)
{
	static const char schemes[] =
		"search-ms: search: ms-msdt: ms-officecmd: "
		"ms-appinstaller: ms-cxh: ms-cxh-full: "
		"shell: vscode: "
		"microsoft-edge: ldap: jar: mhtml: ms-its: its: mk:";
	struct str rest = str_from(schemes), word;

	while (str_word(&rest, &word))
		if (str_starts_nocase(url, word))
			return true;
	return false;
}

void html_url(struct html *h, size_t at, struct str raw, bool loads)
{
	char value[HTML_VALUE_MAX];
	bool odd;
	struct str url = clean(raw, value, &odd);

	if (str_starts_nocase(url, STR("javascript:")) ||
	    str_starts_nocase(url, STR("vbscript:")) ||
	    str_starts_nocase(url, STR("livescript:"))) {
		/* "javascript:void(0)" as well: it does nothing, but who would tell? */
		page_tell(&h->page, INSPECT_HTML_SCRIPT_URL, at, url);
		html_script(h, at, raw);
	}
	if (str_starts_nocase(url, STR("data:")))
		data_url(h, at, url, raw);
	if (handler(url))
		page_tell(&h->page, INSPECT_HTML_HANDLER, at, url);
	if (str_starts_nocase(url, STR("file:")) || str_starts(url, STR("\\\\"))) {
		page_tell(&h->page, INSPECT_HTML_FILE_LINK, at, url);
		if (page_unc(url) && str_find(url, '!') >= 0)
			page_tell(&h->page, INSPECT_HTML_MONIKER, at, url);
		if (page_unc(url) && loads)
			page_tell(&h->page, INSPECT_HTML_UNC, at, url);
	}
	if (str_starts_nocase(url, STR("http")))
		page_tell(&h->page, loads ? INSPECT_HTML_REMOTE : INSPECT_HTML_LINKS, at,
			  url);
	look_at_host(h, at, url);
	if (odd)
		page_tell(&h->page, INSPECT_HTML_URL_ODD, at, url);
}

/* 0: no URL; 1: by a click; 2: loaded at once. */
static int url_attribute(struct str name)
{
	static const char clicked[] = "href xlink:href action formaction cite from to "
				      "values ping";
	static const char loaded[] = "src background data poster codebase code archive "
				     "classid lowsrc dynsrc longdesc profile manifest "
				     "icon";
	struct str rest = str_from(clicked), word;

	while (str_word(&rest, &word))
		if (str_eq_nocase(word, name))
			return 1;
	rest = str_from(loaded);
	while (str_word(&rest, &word))
		if (str_eq_nocase(word, name))
			return 2;
	return 0;
}

static void srcdoc(struct html *h, struct str raw)
{
	struct made m;

	made_begin(&m, &h->page);
	if (made_reserve(&m, raw.n)) {
		m.out.n = html_decode(raw, m.out.p, raw.n);
		html_child(h, STR("srcdoc.html"), &m);
	}
	made_done(&m);
}

void html_attribute(struct html *h, struct html_tag *tag, struct str name,
		    struct str value)
{
	static const struct str names[HTML_ATTRIBUTE_COUNT] = {
		[HTML_HREF] = STR_INIT("href"),
		[HTML_TYPE] = STR_INIT("type"),
		[HTML_HTTP_EQUIV] = STR_INIT("http-equiv"),
		[HTML_CONTENT] = STR_INIT("content"),
		[HTML_ACTION] = STR_INIT("action"),
	};
	int kind = tag->end ? 0 : url_attribute(name);

	for (size_t i = 1; i < COUNT_OF(names); i++)
		if (str_eq_nocase(names[i], name) && !tag->has[i].p)
			tag->has[i] = value;
	if (tag->end)
		return;
	/* <link>, <image> and <use> load their href. */
	if (kind == 1 && (str_eq_nocase(tag->name, STR("link")) ||
			  str_eq_nocase(tag->name, STR("image")) ||
			  str_eq_nocase(tag->name, STR("use"))))
		kind = 2;
	if (kind)
		html_url(h, tag->at, value, kind == 2);
	if (name.n > 4 && str_starts_nocase(name, STR("on")) && ch_alpha(name.p[2])) {
		page_tell(&h->page, INSPECT_HTML_EVENT, tag->at, value);
		html_script(h, tag->at, value);
	}
	if (str_eq_nocase(name, STR("style")))
		html_style(h, tag->at, value);
	if (str_eq_nocase(name, STR("srcdoc")))
		srcdoc(h, value);
}

static void meta(struct html *h, const struct html_tag *tag)
{
	struct str content = tag->has[HTML_CONTENT];
	ptrdiff_t at = page_find(content, STR("url"));

	if (!str_eq_nocase(str_trim(tag->has[HTML_HTTP_EQUIV]), STR("refresh")) || at < 0)
		return;
	page_tell(&h->page, INSPECT_HTML_REFRESH, tag->at, content);
	content = str_trim(str_skip(content, (size_t)at + 3));
	if (str_starts(content, STR("=")))
		content = str_trim(str_skip(content, 1));
	if (content.n && (content.p[0] == '\'' || content.p[0] == '"'))
		content = str_skip(content, 1);
	html_url(h, tag->at, content, false);
}

static void script_tag(struct html *h, const struct html_tag *tag)
{
	static const char data[] = "application/ld+json application/json text/template";
	struct str rest = str_from(data), word;

	while (str_word(&rest, &word))
		if (str_eq_nocase(str_trim(tag->has[HTML_TYPE]), word))
			return;
	page_tell(&h->page, INSPECT_HTML_SCRIPT, tag->at,
		  str_sub(h->in, tag->at, SCAN_EXCERPT_MAX));
}

void html_tag(struct html *h, struct html_tag *tag)
{
	static const struct {
		struct str name;
		enum inspect_finding_kind kind;
	} rows[] = {
		{ STR_INIT("iframe"), INSPECT_HTML_FRAME },
		{ STR_INIT("frame"), INSPECT_HTML_FRAME },
		{ STR_INIT("portal"), INSPECT_HTML_FRAME },
		{ STR_INIT("object"), INSPECT_HTML_OBJECT },
		{ STR_INIT("embed"), INSPECT_HTML_OBJECT },
		{ STR_INIT("applet"), INSPECT_HTML_OBJECT },
	};
	ptrdiff_t colon = str_rfind(tag->name, ':'); /* <svg:script> */
	struct str name = str_skip(tag->name, (size_t)(colon + 1));

	if (str_eq_nocase(name, STR("a"))) {
		html_link_end(h);
		h->in_link = !tag->end && tag->has[HTML_HREF].n;
		h->href = tag->has[HTML_HREF];
		h->text_n = 0;
	}
	if (tag->end)
		return;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (str_eq_nocase(name, rows[i].name))
			page_tell(&h->page, rows[i].kind, tag->at,
				  str_sub(h->in, tag->at, SCAN_EXCERPT_MAX));
	if (str_eq_nocase(name, STR("script")))
		script_tag(h, tag);
	if (str_eq_nocase(name, STR("form")) && tag->has[HTML_ACTION].n)
		page_tell(&h->page, INSPECT_HTML_FORM, tag->at, tag->has[HTML_ACTION]);
	if (str_eq_nocase(name, STR("input")) &&
	    str_eq_nocase(str_trim(tag->has[HTML_TYPE]), STR("password")))
		page_tell(&h->page, INSPECT_HTML_PASSWORD, tag->at, STR_NONE);
	if (str_eq_nocase(name, STR("base")) && tag->has[HTML_HREF].n)
		page_tell(&h->page, INSPECT_HTML_BASE, tag->at, tag->has[HTML_HREF]);
	if (str_eq_nocase(name, STR("meta")))
		meta(h, tag);
}

void html_text(struct html *h, struct str text)
{
	if (h->in_link && h->text_n < HTML_TEXT_MAX)
		h->text_n += html_decode(str_sub(text, 0, HTML_TEXT_MAX),
					 h->text + h->text_n, HTML_TEXT_MAX - h->text_n);
}

static struct str last_labels(struct str host)
{
	ptrdiff_t dot = str_rfind(host, '.');

	if (dot > 0)
		dot = str_rfind(str_sub(host, 0, (size_t)dot), '.');
	return str_skip(host, (size_t)(dot + 1));
}

/* The text looks like a URL or a host, and the link goes to another one. */
void html_link_end(struct html *h)
{
	char value[HTML_VALUE_MAX], made[HTML_TEXT_MAX + 8];
	struct buf b = BUF_OVER(made);
	struct str text = str_trim(str_of(h->text, h->text_n)), host, want;
	bool odd;

	if (!h->in_link)
		return;
	h->in_link = false;
	want = host_of(clean(h->href, value, &odd));
	if (str_starts_nocase(text, STR("www.")))
		buf_add(&b, STR("http://"));
	buf_add(&b, text);
	host = host_of(buf_str(&b));
	if (host.n && want.n && str_find(host, '.') > 0 && str_find(host, ' ') < 0 &&
	    !str_eq_nocase(last_labels(host), last_labels(want)))
		page_tell(&h->page, INSPECT_HTML_LINK_TEXT, 0, text);
	buf_done(&b);
}

#include "inspect/html.h"

#include "base/mem.h"
#include "inspect/readers.h"

static bool is(const struct object *o)
{
	return type_in(&o->types, TYPE_HTML) || type_in(&o->types, TYPE_SVG) ||
	       page_claims(o, "text/html application/xhtml+xml image/svg+xml") ||
	       page_named(o, ".htm .html .shtml .xhtml .xht .svg .hta");
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static char peek(const struct html *h, size_t more)
{
	return h->at + more < h->in.n ? h->in.p[h->at + more] : 0;
}

static void skip_blanks(struct html *h, bool slashes)
{
	while (h->at < h->in.n &&
	       (blank(h->in.p[h->at]) || (slashes && h->in.p[h->at] == '/')))
		h->at++;
}

/* A quote that never ends is no quote. */
static bool quoted(struct html *h, char quote, struct str *value)
{
	size_t *none = &h->no_end[quote == '\''];
	const char *end = NULL;

	if (h->at + 1 < *none)
		end = memchr(h->in.p + h->at + 1, quote, h->in.n - h->at - 1);
	if (!end) {
		*none = h->at + 1 < *none ? h->at + 1 : *none;
		return false;
	}
	*value = str_sub(h->in, h->at + 1, (size_t)(end - h->in.p) - h->at - 1);
	h->at = (size_t)(end - h->in.p) + 1;
	return true;
}

static struct str until(struct html *h, const char *marks)
{
	size_t from = h->at;

	while (h->at < h->in.n && !blank(h->in.p[h->at]) &&
	       (!h->in.p[h->at] || !strchr(marks, h->in.p[h->at])))
		h->at++;
	return str_sub(h->in, from, h->at - from);
}

static void read_attribute(struct html *h, struct html_tag *tag)
{
	size_t from = h->at;
	struct str name = until(h, "=>/"), value = STR("");

	if (h->at == from) { /* a "=" where a name should be is one */
		h->at++;
		name = str_sub(h->in, from, 1);
	}
	skip_blanks(h, false);
	if (peek(h, 0) == '=') {
		h->at++;
		skip_blanks(h, false);
		if ((peek(h, 0) != '"' && peek(h, 0) != '\'') ||
		    !quoted(h, peek(h, 0), &value))
			value = until(h, ">");
	}
	html_attribute(h, tag, name, value);
}

/* To the end tag, or to the end. A script has no markup inside. */
static void read_script(struct html *h)
{
	struct str rest = str_skip(h->in, h->at);
	ptrdiff_t end;

	if (h->no_script_end)
		return; /* looked at already */
	end = page_find(rest, STR("</script"));
	h->no_script_end = end < 0;
	rest = str_sub(rest, 0, end < 0 ? rest.n : (size_t)end);
	html_script(h, h->at, rest);
	if (end >= 0)
		h->at += rest.n;
}

static void read_style(struct html *h)
{
	struct str rest = str_skip(h->in, h->at);
	const char *end = memchr(rest.p, '<', rest.n);

	/* What follows is read as markup, too: inside SVG it is. */
	html_style(h, h->at, end ? str_sub(rest, 0, (size_t)(end - rest.p)) : rest);
}

static void read_tag(struct html *h)
{
	struct html_tag tag = { .at = h->at };

	h->at++;
	tag.end = peek(h, 0) == '/';
	h->at += tag.end;
	tag.name = until(h, ">/");
	for (;;) {
		skip_blanks(h, true);
		if (h->at >= h->in.n || h->in.p[h->at] == '>')
			break;
		read_attribute(h, &tag);
	}
	h->at += h->at < h->in.n;
	html_tag(h, &tag);
	if (tag.end)
		return;
	if (str_eq_nocase(tag.name, STR("script")) ||
	    str_ends_nocase(tag.name, STR(":script")))
		read_script(h);
	else if (str_eq_nocase(tag.name, STR("style")))
		read_style(h);
}

/* Comments hide, but not those on conditions, which mail programs read. */
static void read_comment(struct html *h)
{
	struct str rest = str_skip(h->in, h->at + 4);
	const char *end;

	h->at += 4;
	if (str_starts(rest, STR(">")) || str_starts(rest, STR("->")) ||
	    str_starts_nocase(str_trim(str_sub(rest, 0, 8)), STR("[if")))
		return;
	end = h->no_comment_end ? NULL : memmem(rest.p, rest.n, "--", 2);
	while (end && end + 2 < rest.p + rest.n && end[2] != '>' &&
	       !(end[2] == '!' && end + 3 < rest.p + rest.n && end[3] == '>'))
		end = memmem(end + 1, (size_t)(rest.p + rest.n - end - 1), "--", 2);
	h->no_comment_end = !end;
	if (end)
		h->at = (size_t)(end - h->in.p) + 2;
}

static void read_markup(struct html *h)
{
	while (h->at < h->in.n) {
		struct str rest = str_skip(h->in, h->at);
		const char *mark = memchr(rest.p, '<', rest.n);
		size_t n = mark ? (size_t)(mark - rest.p) : rest.n;

		html_text(h, str_sub(rest, 0, n));
		h->at += n;
		if (!mark)
			return;
		if (str_starts(str_skip(h->in, h->at), STR("<!--")))
			read_comment(h);
		else if (ch_alpha(peek(h, 1)) ||
			 (peek(h, 1) == '/' && ch_alpha(peek(h, 2))))
			read_tag(h);
		else
			h->at++;
	}
}

/* UTF-16 without its zeros; old browsers leave zeros out of other texts as well. */
static bool narrow(struct html *h, struct made *m)
{
	struct str in = h->page.o->content;

	if (!memchr(in.p, 0, in.n))
		return true;
	if (!made_reserve(m, in.n))
		return false;
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i])
			m->out.p[m->out.n++] = in.p[i];
	h->in = buf_str(&m->out);
	return true;
}

static void read_html(struct scan *s, const struct object *o)
{
	struct html *h = mem_alloc(sizeof(*h));
	struct made m;

	if (!h) {
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
		return;
	}
	h->page = (struct page){ .s = s, .o = o };
	h->in = o->content;
	h->no_end[0] = h->no_end[1] = SIZE_MAX;
	made_begin(&m, &h->page);
	if (o->content.n && narrow(h, &m)) {
		read_markup(h);
		html_link_end(h);
		if (memmem(h->in.p, h->in.n, "+ADw-", 5))
			page_tell(&h->page, INSPECT_HTML_UTF7, 0, STR_NONE);
		html_runs(h);
	}
	made_done(&m);
	mem_free(h);
}

const struct reader reader_html = { "html", is, read_html };

#include "inspect/page.h"

enum { STEP_LEAST = 256 }; /* bytes asked for at once; the longer the output, the more */

void page_tell(struct page *p, enum inspect_finding_kind kind, uint64_t offset,
	       struct str excerpt)
{
	if (p->told[kind])
		return;
	p->told[kind] = true;
	scan_tell(p->s, p->o, kind, offset, excerpt);
}

bool page_claims(const struct object *o, const char *types)
{
	struct str rest = str_from(types), word;

	while (str_word(&rest, &word))
		for (size_t i = 0; i < o->claimed_count; i++)
			if (str_eq_nocase(o->claimed[i], word))
				return true;
	return false;
}

bool page_named(const struct object *o, const char *ends)
{
	struct str rest = str_from(ends), word;

	while (str_word(&rest, &word))
		for (size_t i = 0; i < o->name_count; i++)
			if (str_ends_nocase(str_trim(o->names[i]), word))
				return true;
	return false;
}

void made_begin(struct made *m, struct page *p)
{
	*m = (struct made){ .p = p, .most = scan_room(p->s) };
}

void made_done(struct made *m)
{
	buf_done(&m->out);
}

bool made_reserve(struct made *m, size_t n)
{
	uint64_t want = m->out.n + n, step = m->out.n / 4;

	if (m->full)
		return false;
	if (want > m->asked) {
		step = step < STEP_LEAST ? STEP_LEAST : step;
		step = step < want - m->asked ? want - m->asked : step;
		if (step > m->most - m->asked)
			step = m->most - m->asked;
		m->full = !scan_work(m->p->s, m->p->o, step);
		if (!m->full && want > m->asked + step) {
			m->full = true; /* more than one object may hold, or all */
			if (scan_work(m->p->s, m->p->o, want - m->asked - step))
				page_tell(m->p, INSPECT_WORK, 0, STR_NONE);
		}
		m->asked += m->full ? 0 : step;
	}
	if (!m->full && buf_reserve(&m->out, n) < 0) {
		m->full = true;
		page_tell(m->p, INSPECT_MEMORY, 0, STR_NONE);
	}
	return !m->full;
}

void made_add(struct made *m, const void *bytes, size_t n)
{
	if (n && made_reserve(m, n))
		buf_add_bytes(&m->out, bytes, n);
}

void page_child(struct page *p, struct str name, struct str name2, struct made *m)
{
	struct child c = { .name = name,
			   .content = buf_str(&m->out),
			   .truncated = m->full };

	if (!str_eq(name, name2))
		c.name2 = name2;
	if (m->out.n)
		(void)scan_child(p->s, p->o, &c);
}

void page_child_slice(struct page *p, struct str name, struct str content)
{
	if (content.n && scan_work(p->s, p->o, content.n))
		(void)scan_child(p->s, p->o,
				 &(struct child){ .name = name, .content = content });
}

ptrdiff_t page_find(struct str text, struct str word)
{
	for (size_t i = 0; i + word.n <= text.n; i++)
		if (ch_lower(text.p[i]) == word.p[0] &&
		    str_starts_nocase(str_skip(text, i), word))
			return (ptrdiff_t)i;
	return -1;
}

static bool slash(char c)
{
	return c == '/' || c == '\\';
}

bool page_unc(struct str t)
{
	t = str_trim(t);
	if (str_starts_nocase(t, STR("file:"))) {
		t = str_skip(t, 5);
		/* Three slashes and more: this machine, unless a UNC path follows. */
		if (t.n > 2 && slash(t.p[0]) && slash(t.p[1]) && slash(t.p[2]))
			t = str_skip(t, 3);
		if (str_starts_nocase(t, STR("//localhost/")))
			return false;
	}
	return t.n > 2 && slash(t.p[0]) && slash(t.p[1]) &&
	       (ch_alnum(t.p[2]) || t.p[2] == '?' || t.p[2] == '.' || t.p[2] == '[');
}

/* What the readers of pages (PostScript, PDF, HTML) share: one reading of one object. */
#ifndef INSPECT_PAGE_H
#define INSPECT_PAGE_H

#include "inspect/scan.h"

struct page {
	struct scan *s;
	const struct object *o;
	bool told[INSPECT_FINDING_COUNT];
};

/* As scan_tell; what was told of this reading costs nothing. */
void page_tell(struct page *p, enum inspect_finding_kind kind, uint64_t offset,
	       struct str excerpt);

/* Any claimed media type, or the end of any name. Lists: words set apart by blanks. */
bool page_claims(const struct object *o, const char *types);
bool page_named(const struct object *o, const char *ends);

/* Bytes that are made: asked for before, piece by piece, and told when there are none. */
struct made {
	struct page *p;
	struct buf out;
	uint64_t asked, most;
	bool full; /* the budget or the memory is used up; told */
};

void made_begin(struct made *m, struct page *p);
void made_done(struct made *m);
/* Room for n more bytes at m->out; false: full. */
bool made_reserve(struct made *m, size_t n);
void made_add(struct made *m, const void *bytes, size_t n);
static inline void made_c(struct made *m, char c)
{
	if (!m->full && m->out.n < m->asked && m->out.n < m->out.cap)
		m->out.p[m->out.n++] = c;
	else
		made_add(m, &c, 1);
}

/* Give it to the readers as an object of its own. It was asked for when it was made. */
void page_child(struct page *p, struct str name, struct str name2, struct made *m);

/* The same for bytes that lie in the object already. */
void page_child_slice(struct page *p, struct str name, struct str content);

/* Where the word begins, ASCII case ignored; -1: nowhere. Word: lower case. */
ptrdiff_t page_find(struct str text, struct str word);

/* "\\host", "//host" with a host, "file://host": what makes Windows log in elsewhere. */
bool page_unc(struct str target);

#endif

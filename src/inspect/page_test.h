/* For the tests of readers: an object in, which kinds were told. One at a time. */
#ifndef INSPECT_PAGE_TEST_H
#define INSPECT_PAGE_TEST_H

#include "base/test.h"
#include "inspect/inspect.h"

struct looked {
	struct inspect *in;
	const struct inspect_report *r;
};

static inline struct looked look_at(const char *name, struct str content)
{
	struct looked l = { .in = inspect_new() };

	assert_non_null(l.in);
	l.r = inspect_file(l.in, str_from(name), content);
	return l;
}

static inline bool told(const struct looked *l, enum inspect_finding_kind kind)
{
	for (size_t i = 0; i < l->r->finding_count; i++)
		if (l->r->findings[i].kind == kind)
			return true;
	return false;
}

static inline bool tells(const char *name, struct str content,
			 enum inspect_finding_kind kind)
{
	struct looked l = look_at(name, content);
	bool yes = told(&l, kind);

	inspect_free(l.in);
	return yes;
}

/* A child with this name and this content. */
static inline bool has_child(const struct looked *l, const char *name, size_t bytes)
{
	for (size_t i = 1; i < l->r->object_count; i++)
		if (str_eq(l->r->objects[i].name, str_from(name)) &&
		    l->r->objects[i].bytes == bytes)
			return true;
	return false;
}

static inline enum inspect_grade worst_of(const char *name, struct str content)
{
	struct looked l = look_at(name, content);
	enum inspect_grade worst = l.r->worst;

	inspect_free(l.in);
	return worst;
}

#endif

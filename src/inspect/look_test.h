/* For the tests of readers: a file in, what was told of it. */
#ifndef INSPECT_LOOK_TEST_H
#define INSPECT_LOOK_TEST_H

#include "base/mem.h"
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

static inline bool told(const struct inspect_report *r, enum inspect_finding_kind kind)
{
	for (size_t i = 0; i < r->finding_count; i++)
		if (r->findings[i].kind == kind)
			return true;
	return false;
}

static inline bool tells(const char *name, struct str content,
			 enum inspect_finding_kind kind)
{
	struct looked l = look_at(name, content);
	bool yes = told(l.r, kind);

	inspect_free(l.in);
	return yes;
}

/* NULL: none of this name. */
static inline const struct inspected *named(const struct inspect_report *r,
					    struct str name)
{
	for (size_t i = 0; i < r->object_count; i++)
		if (str_eq(r->objects[i].name, name))
			return &r->objects[i];
	return NULL;
}

/* What is told of a file. */
struct result {
	bool found[INSPECT_FINDING_COUNT];
	size_t objects;
	enum inspect_grade worst;
	char names[512]; /* of the objects, a blank behind each */
};

static inline struct result result_of(const char *name, struct str bytes)
{
	struct inspect *in = inspect_new();
	const struct inspect_report *r = inspect_file(in, str_from(name), bytes);
	struct result ret = { .objects = r->object_count, .worst = r->worst };
	struct buf names = BUF_OVER(ret.names);

	names.bytes_max = sizeof(ret.names) - 1;
	for (size_t i = 0; i < r->finding_count; i++)
		ret.found[r->findings[i].kind] = true;
	for (size_t i = 0; i < r->object_count; i++) {
		buf_add(&names, r->objects[i].name);
		buf_add_c(&names, ' ');
	}
	inspect_free(in);
	return ret;
}

/* Each allocation fails in turn: never a crash, and what is bad is never clean. */
static inline void assert_without_memory(const char *name, struct str bad)
{
	for (long after = 0;; after++) {
		struct inspect *in;

		mem_fail_on(after, 1000000);
		in = inspect_new();
		if (in)
			assert_true(inspect_file(in, str_from(name), bad)->worst >
				    INSPECT_NOTE);
		inspect_free(in);
		if (mem_fail_off() == 0)
			return;
	}
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

/*
 * What a reader of some format sees: objects come in, findings and further objects go
 * out. An object is anything that has content of its own: a view of a part of a message,
 * a member of an archive, a stream of a document. All readers of a message share one
 * budget of work, of bytes and of objects; what goes beyond it is told (INSPECT_LIMIT_…)
 * and never read as clean.
 *
 * A reader is a pure function of the object's bytes: no waiting, no files, no globals. It
 * must take time in proportion to the bytes it was given and has asked for (scan_work),
 * and must live with any bytes at all: each has a fuzz target.
 */
#ifndef INSPECT_SCAN_H
#define INSPECT_SCAN_H

#include "base/buf.h"
#include "base/str.h"
#include "inspect/finding.h"
#include "inspect/types.h"

enum {
	SCAN_DEPTH_MAX = 24,      /* objects within objects */
	SCAN_OBJECTS_MAX = 20000, /* of one message */
	SCAN_KIND_MAX = 32,       /* objects for which one kind of finding is kept */
	SCAN_EXCERPT_MAX = 80,    /* bytes of an excerpt */
	SCAN_NAME_MAX = 1024,     /* bytes of a name of a member */
	SCAN_NAMES_MAX = 32,      /* names of one object */
	SCAN_RATIO_MAX = 250,     /* bytes given out for each byte of the message … */
	SCAN_RATIO_FREE_MIB = 32, /* … beyond so many */
	SCAN_BYTES_MAX_MIB = 160, /* given out in all: two seconds of work, not more */
	SCAN_OBJECT_MAX_MIB = 64, /* of one object's content */
};

struct scan;

struct object {
	uint32_t id;     /* from 1 */
	uint32_t parent; /* 0: the message itself */
	unsigned depth;  /* 0: a part of the message */
	struct str
		path; /* "2.1", then "!" and the name of each member: "2.1!a.zip!b.js" */
	struct str content;
	bool truncated; /* there was more than SCAN_OBJECT_MAX_MIB, or it broke off */
	const struct str *names; /* every name it may have, best first; UTF-8 or raw */
	size_t name_count;
	const struct str *claimed; /* media types that were claimed, lower case */
	size_t claimed_count;
	struct type_set types; /* by content, and where in it they begin: see types.h */
};

/* What becomes an object of its own. All is copied, or used up before scan_child returns.
 */
struct child {
	struct str name;  /* may be empty */
	struct str name2; /* where a format has it twice and they differ, else empty */
	struct str content;
	bool truncated;
};

/*
 * The same kind for the same object is kept once, with the first place, and a kind for
 * its first SCAN_KIND_MAX objects: however many findings there are, none hides another
 * kind.
 */
void scan_tell(struct scan *s, const struct object *o, enum inspect_finding_kind kind,
	       uint64_t offset, struct str excerpt);

/*
 * Read the child now, with all readers that know its type. Its bytes have been asked for
 * by scan_work before. False: the depth or the number of objects is at its end, and told.
 */
bool scan_child(struct scan *s, const struct object *o, const struct child *c);

/*
 * Ask before `bytes` more are made (inflated, decoded, copied) or looked at once more.
 * False: the budget is used up, that has been told, and the reader stops with what it
 * has.
 */
bool scan_work(struct scan *s, const struct object *o, uint64_t bytes);

/* How many bytes may be made at most for one more output of this object, by the budget.
 */
uint64_t scan_room(const struct scan *s);

/* One format. `read` is called for each object of which `is` says yes. */
struct reader {
	const char *name;
	bool (*is)(const struct object *o);
	void (*read)(struct scan *s, const struct object *o);
};

#endif

/* What scan.c and inspect.c share: the state of one message's inspection. */
#ifndef INSPECT_SCAN_INNER_H
#define INSPECT_SCAN_INNER_H

#include "base/arena.h"
#include "inspect/inspect.h"
#include "inspect/scan.h"

/* The objects for which a kind was told. */
struct told {
	uint32_t objects[SCAN_KIND_MAX];
	uint8_t count;
};

struct scan {
	struct told told[INSPECT_FINDING_COUNT];
	struct arena arena; /* of all that the report keeps */
	struct inspected *objects;
	size_t object_count, object_room;
	struct inspect_finding *findings;
	size_t finding_count, finding_room;
	uint64_t message_bytes; /* so far */
	uint64_t made;          /* bytes asked for by scan_work */
	bool memory;            /* there was not enough */
};

/* What is to be looked at; copied as far as it is kept. */
struct subject {
	uint32_t parent;
	unsigned depth;
	struct str path, content;
	const char *view; /* how a part was decoded; NULL: it was not */
	bool names_known; /* looked at before: they are not told again */
	const struct str *names, *claimed;
	size_t name_count, claimed_count;
	bool truncated;
};

void scan_subject(struct scan *s, const struct subject *subject);
void scan_done(struct scan *s);

#endif

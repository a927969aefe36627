/*
 * Content inspection of one message: bytes in, as they arrive; a report out. The parts
 * are read by mime/parse.h in all their views, each view's content by every reader that
 * knows its type, what they unpack likewise (scan.h). Nothing waits and nothing is
 * written anywhere; the same bytes give the same report.
 */
#ifndef INSPECT_INSPECT_H
#define INSPECT_INSPECT_H

#include "base/buf.h"
#include "inspect/finding.h"
#include "inspect/types.h"
#include "mime/parse.h"

enum { INSPECT_HASH_BYTES = 32 };

/* One object that was looked at. */
struct inspected {
	uint32_t id, parent; /* from 1; parent 0: the message itself */
	unsigned depth;
	struct str path;  /* "2.1!a.zip!b.js" */
	struct str name;  /* the best name, may be empty; raw */
	const char *view; /* of a part: how it was decoded, "base64"; else NULL */
	struct type_set types;
	uint64_t bytes;
	unsigned char sha256[INSPECT_HASH_BYTES];
};

struct inspect_finding {
	enum inspect_finding_kind kind;
	uint32_t object; /* 0: the message */
	uint64_t offset; /* in the object */
	struct str excerpt;
};

struct inspect_report {
	const struct inspected *objects;
	size_t object_count;
	const struct inspect_finding *findings;
	size_t finding_count;
	const struct mime_finding *mime_findings;
	size_t mime_finding_count;
	enum inspect_grade
		worst; /* of all, the parser's regarded: MIME_ODD as INSPECT_ODD */
};

struct inspect;

/* NULL: no memory. */
struct inspect *inspect_new(void);
void inspect_free(struct inspect *in); /* NULL is fine */
void inspect_feed(struct inspect *in, struct str bytes);
/* Once. The report lives as long as `in`. Without memory it holds INSPECT_MEMORY. */
const struct inspect_report *inspect_finish(struct inspect *in);

/* A file that is no message: its content as one object. For tests and for the fuzzers. */
const struct inspect_report *inspect_file(struct inspect *in, struct str name,
					  struct str content);

#endif

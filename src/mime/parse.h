/*
 * Reading a message while it arrives, in every way that some program may read it: the
 * union of views (README.md). Push: bytes of any cut go in, events come out at once, the
 * same for every cut. Nothing is kept of a body but the state of its decoders; a parser
 * takes a constant amount of memory and a bounded amount of work for each byte.
 * RFC 5322, 2045-2047, 2049, 2231, 6532.
 */
#ifndef MIME_PARSE_H
#define MIME_PARSE_H

#include "base/str.h"

enum mime_grade { MIME_NOTE, MIME_ODD, MIME_LIMIT };

enum mime_finding_kind {
#define FINDING(name, id, grade, text) MIME_##name,
#include "mime/findings.def"
#undef FINDING
	MIME_FINDING_COUNT
};

struct mime_finding {
	enum mime_finding_kind kind;
	enum mime_grade grade; /* that of its kind; a note where a part is only guessed:
				  most readers see text there */
	uint32_t part;         /* 0: the message as a whole */
	uint64_t offset; /* in the message, near the place; within a decoded message: of
			    the outer one */
};

/* Stable name, grade and text of a kind. */
struct str mime_finding_id(enum mime_finding_kind kind);
struct str mime_finding_text(enum mime_finding_kind kind);
enum mime_grade mime_finding_grade(enum mime_finding_kind kind);

/* One of the names a part may have. UTF-8 as far as its charset was known. */
struct mime_name {
	struct str text;      /* as written, decoded */
	struct str canonical; /* as a system would make a file of it: no path, no stream,
				 no trailing dots or blanks, marks removed */
	struct str
		extension; /* of canonical, lower case, without the dot; may be empty */
};

enum mime_part_kind {
	MIME_PART_LEAF,
	MIME_PART_MULTIPART,
	MIME_PART_MESSAGE,   /* its content is a message, whose parts follow */
	MIME_PART_PREAMBLE,  /* what stands before the first delimiter */
	MIME_PART_EPILOGUE,  /* and after the last one */
	MIME_PART_EMBEDDED,  /* uuencode, yEnc, BinHex within text */
	MIME_PART_TNEF,      /* an attachment of a TNEF container */
	MIME_PART_CONTINUED, /* `from`, read over a delimiter that not all readers see */
};

/* Valid during part_begin only. */
struct mime_part {
	uint32_t id;     /* from 1, unique in the message */
	uint32_t parent; /* 0: the message */
	uint32_t from;   /* MIME_PART_CONTINUED: whose continuation */
	enum mime_part_kind kind;
	unsigned depth;
	bool guessed;    /* no declared delimiter leads here */
	struct str path; /* "1.2.3" as IMAP numbers parts, as far as there is one order */
	const struct str *types; /* candidates, lower case, best first */
	size_t type_count;
	const struct mime_name *names; /* candidates, best first */
	size_t name_count;
	const struct str *charsets;
	size_t charset_count;
	unsigned encodings;     /* bits: 1 << enum mime_decoder */
	struct str disposition; /* lower case */
};

enum mime_decoder {
	MIME_IDENTITY,
	MIME_BASE64,
	MIME_QP,
	MIME_UUENCODE,
	MIME_YENC,
	MIME_BINHEX,
	MIME_TNEF_DATA,
	MIME_CHARSET, /* text made UTF-8 */
	MIME_DECODER_COUNT
};

/*
 * One reading of the bytes of a part. A view with `from` has had the same bytes as that
 * view up to this event: who keeps state for `from` copies it now.
 */
struct mime_view {
	uint32_t id, part, from; /* id from 1, unique in the message; from 0: fresh */
	enum mime_decoder decoder;
	const char *rule; /* which way of reading: "skip", "stop" … */
};

struct mime_view_end {
	uint32_t id, part;
	uint32_t same_as; /* an ended view of the same part with the same bytes, or 0 */
	uint64_t bytes;
};

/* Who listens. A NULL function is not called. No function may feed the parser. */
struct mime_visitor {
	/* Before the part_begin of its part. Name and value as written, with folds. */
	void (*field)(void *ctx, uint32_t part, struct str name, struct str value);
	void (*part_begin)(void *ctx, const struct mime_part *part);
	/* A name that became known only later (TNEF). */
	void (*part_name)(void *ctx, uint32_t part, const struct mime_name *name);
	void (*view_begin)(void *ctx, const struct mime_view *view);
	void (*bytes)(void *ctx, uint32_t view, struct str bytes);
	void (*view_end)(void *ctx, const struct mime_view_end *end);
	void (*part_end)(void *ctx, uint32_t part);
	void (*finding)(void *ctx, const struct mime_finding *finding);
};

struct mime_parser;

/* The visitor and ctx are borrowed. NULL: no memory. */
struct mime_parser *mime_parser_new(const struct mime_visitor *visitor, void *ctx);
void mime_parser_free(struct mime_parser *p); /* NULL is fine */

void mime_parser_feed(struct mime_parser *p, struct str bytes);

/* The message is complete: all views and parts end. Once; nothing is fed afterwards. */
void mime_parser_finish(struct mime_parser *p);

/* Findings so far of this grade; each kind counts once for each grade. */
unsigned mime_parser_findings(const struct mime_parser *p, enum mime_grade grade);

#endif

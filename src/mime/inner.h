/* What the files of the parser share. Not for other folders. */
#ifndef MIME_INNER_H
#define MIME_INNER_H

#include "base/arena.h"
#include "base/buf.h"
#include "mime/base64.h"
#include "mime/embed.h"
#include "mime/params.h"
#include "mime/parse.h"
#include "mime/qp.h"
#include "mime/tnef.h"
#include "mime/words.h"

/* Limits. Reaching one is a finding (LIMIT_…); what is stated behind it goes on. */
enum {
	DEPTH_MAX = 48,           /* levels at once; the middle ones are forgotten */
	PARTS_MAX = 10000,        /* in a message; further ones are text */
	VIRTUAL_MAX = 200,        /* parts found in text; further ones are text */
	FIELDS_MAX = 2000,        /* in a header; further ones are not read */
	FIELD_BYTES_MAX = 65536,  /* the rest of a field is dropped */
	FIELD_NAME_MAX = 200,     /* longer: no field */
	HEAD_BYTES_MAX = 1048576, /* of Content- fields and what was made of them */
	TYPES_MAX = 8,
	BOUNDARIES_MAX = 48,      /* candidates of one multipart */
	CANDIDATES_MAX = 256,     /* of all open multiparts */
	BOUNDARY_BYTES_MAX = 256, /* compared byte by byte; the rest by its hash */
	LINE_LOOK_MAX = 1200,     /* of a line that may be a delimiter */
	PREFIX_LINES_MAX = 1000,  /* lines that only begin like a delimiter */
	NAMES_MAX = 32,
	NAME_BYTES_MAX = 1024,
	CHARSETS_MAX = 4,
	LEAVES_MAX = 6,  /* readings of the same bytes as different parts */
	VIEWS_MAX = 32,  /* of one such reading; more than all rules together */
	BLOCKS_MAX = 3,  /* fresh starts of base64 in a part */
	NESTED_MAX = 3,  /* parsers within parsers: messages that were encoded */
	PARSERS_MAX = 6, /* alive at once */
	CONVERSIONS_MAX = 200,
	WORDS_MAX = 2000,
};

/* Bytes times views; beyond, only the first view of each kind goes on. */
#define WORK_BASE_MAX (UINT64_C(32) * 1048576)
#define WORK_PER_BYTE_MAX 6

/* Of a view's bytes, keyed, the same for every cut. */
struct view_hash {
	uint64_t sum;
	uint16_t n;
	char block[8 + 256];
};

struct view {
	uint32_t id;
	uint8_t decoder;
	bool live;
	const char *rule;
	uint64_t bytes;
	struct view_hash hash;
	union {
		struct mime_base64 base64;
		struct mime_qp qp;
	} u;
};

struct leaf {
	bool live;
	uint32_t part;
	uint16_t depth;     /* levels it lies in */
	uint64_t open_mask; /* delimiters of levels[depth - 1] that led here; 0: any */
	bool virtual;
	bool again;    /* the continuation of another one */
	bool binhex;   /* a line with a : begins BinHex */
	bool qp_armed; /* = begins a quoted-printable view */
	bool all;      /* encodings are not sure: decode by shape, too */
	bool shape_armed;
	uint8_t blocks;
	uint8_t shape; /* how much of a line looked like base64 */
	struct view *views[VIEWS_MAX];
	size_t view_count;
	struct mime_embed *embed;     /* in the text as it is */
	struct mime_embed *embed_qp;  /* in what quoted-printable gave */
	struct mime_parser *child;    /* reads what base64 gave */
	struct mime_parser *child_qp; /* reads what quoted-printable gave */
	struct mime_tnef *tnef;
	bool tail;               /* text follows the end of base64, as lists append it */
	bool looked;             /* at the first decoded bytes */
	struct view *shape_view; /* base64 that nobody declared, as long as it runs */
	char shape_line[80];
	uint8_t shape_n;
};

struct boundary {
	uint64_t hash;  /* of all of it */
	uint16_t n;     /* length */
	uint16_t level; /* whose it is */
	uint8_t bit;    /* in the masks of its level */
	char text[BOUNDARY_BYTES_MAX];
};

enum level_kind { LEVEL_MULTIPART, LEVEL_MESSAGE, LEVEL_VIRTUAL };

struct level {
	uint8_t kind;
	bool guessed; /* within a part that was found in text */
	bool closed;  /* its last delimiter was seen */
	bool guess;   /* no boundary is known: lines of -- and a word may be it */
	bool digest;  /* parts are messages unless they say otherwise. RFC 2046 5.1.5 */
	uint32_t part;
	uint32_t children;
	uint64_t open_mask;
	unsigned bits; /* boundaries so far */
};

struct head {
	struct arena arena;
	unsigned fields;
	unsigned types_seen, encodings_seen, dispositions_seen;
	struct str type_value, encoding_value; /* of the first such field */
	struct str types[TYPES_MAX];
	size_t type_count;
	struct str boundaries[BOUNDARIES_MAX];
	size_t boundary_count;
	struct str charsets[CHARSETS_MAX];
	size_t charset_count;
	struct mime_name names[NAMES_MAX];
	size_t name_count;
	struct mime_param pieces[PARAMS_MAX]; /* name and filename */
	size_t piece_count;
	struct str disposition;
	unsigned encodings; /* bits of enum mime_decoder */
	bool encoding_odd, odd, full;
};

/* Shared by a parser and those within it. */
struct budget {
	uint64_t fed, work;
	uint32_t parts, views, virtuals, parsers;
	uint32_t prefix_lines;
	struct mime_words words; /* its arena is set by head_words */
	uint8_t told[MIME_LIMIT + 1][MIME_FINDING_COUNT];
};

enum { EOL_KIND_LF = 1, EOL_KIND_CR = 2, EOL_KIND_CRLF = 4 };

enum mode { IN_HEADER, IN_BODY };

struct mime_parser {
	const struct mime_visitor *visitor;
	void *ctx;
	struct budget *budget;
	struct budget own;
	unsigned nested;
	uint32_t outer_part;
	unsigned outer_depth;
	char outer_path[128];
	bool guessed;

	enum mode mode;
	struct buf line; /* of the header; of the body as long as it may be special */
	bool holding;    /* line has the line under way */
	bool line_start;
	bool line_any; /* the body's line under way has bytes */
	bool cr;       /* a line's CR, its LF may follow */
	char eol[2];   /* of the last body line, not given yet: a delimiter owns it */
	uint8_t eol_n;
	uint8_t eol_kinds; /* bits of EOL_KIND_… */
	uint8_t eol_first, eol_last;
	bool line_end_odd; /* the line or the one before ends unlike the first */
	bool after_delimiter;
	bool fresh_body; /* the header ended with this line */

	struct buf field;     /* the logical line under way, with its line ends */
	bool field_name_only; /* it has no colon yet */
	bool blank_line;      /* a line of blanks ended it, perhaps */
	bool first_field;
	bool inherits;       /* the header goes on with another one's fields */
	unsigned soft_lines; /* body lines in which the header may go on */

	uint32_t continued; /* the part that one about to begin continues */
	uint32_t part;      /* whose header is read */
	uint32_t part_parent;
	bool part_guessed, part_virtual;
	struct head head;
	struct mime_params params;

	struct level levels[DEPTH_MAX];
	unsigned level_n;
	unsigned levels_forgotten;
	struct boundary *candidates;
	unsigned candidate_n;

	uint32_t replay; /* bytes are for parts from here only: others had them; 0: all */
	int lazy;        /* kind of a part that begins with the next text, or -1 */
	struct leaf leaves[LEAVES_MAX];
	char token[BOUNDARY_BYTES_MAX]; /* the last line of -- and a word in a text */
	uint16_t token_n;
	uint8_t token_age;
	char path[128];
};

/* findings.c */
void mime_tell(struct mime_parser *p, enum mime_finding_kind kind);

/* head.c: the fields of one header. */
void head_begin(struct mime_parser *p, bool keep);
void head_field(struct mime_parser *p, struct str raw);
void head_end(struct mime_parser *p);
/* The decoder of words, which parsers within one another share, made this header's. */
struct mime_words *head_words(struct mime_parser *p);
struct str head_field_name(struct str raw, struct str *value); /* empty: no field */
bool head_has_type(const struct head *h, struct str prefix);

/* name.c */
void name_add(struct mime_parser *p, struct mime_name *list, size_t *n, struct str text);
bool name_extension_in(const struct mime_name *names, size_t n, const char *list);

/* pieces.c: candidates of a parameter. */
struct pieces_out {
	struct mime_parser *p;
	void (*put)(struct mime_parser *p, struct str value, bool odd);
};
void pieces_join(const struct pieces_out *out, const struct mime_param *list, size_t n,
		 struct str key);

/* delimiter.c: boundaries and levels. */
void level_push(struct mime_parser *p, enum level_kind kind);
void level_add_boundary(struct mime_parser *p, struct str text);
bool delimiter_line(struct mime_parser *p, struct str line);
void levels_pop(struct mime_parser *p, unsigned n);

/* parts.c: what follows a header, and who begins one. */
void part_header_begin(struct mime_parser *p, uint32_t parent, bool keep);
void part_header_end(struct mime_parser *p);
void part_virtual_begin(struct mime_parser *p, bool inherits);
void part_lazy(struct mime_parser *p);
void part_path(const struct mime_parser *p, char *ret, size_t ret_size);
uint32_t part_child_begin(struct mime_parser *p, uint32_t parent,
			  enum mime_part_kind kind, const struct mime_name *names,
			  size_t name_count);

/* leaf.c: readings of a body. */
struct leaf *leaf_begin(struct mime_parser *p, uint32_t part);
void leaf_end(struct mime_parser *p, struct leaf *l);
struct leaf *leaf_fork(struct mime_parser *p, struct leaf *l);
void leaves_feed(struct mime_parser *p, struct str bytes);

/* within.c: what stands in the text of a leaf. NULL is fine for the free functions. */
struct mime_embed *within_embed_new(struct mime_parser *p, struct leaf *l);
void within_embed_free(struct mime_embed *e); /* finishes it */
struct mime_tnef *within_tnef_new(struct mime_parser *p, struct leaf *l);
void within_tnef_free(struct mime_tnef *t);

/* view.c */
struct view *view_begin(struct mime_parser *p, struct leaf *l, enum mime_decoder decoder,
			const struct view *from, const char *rule);
void view_put(struct mime_parser *p, struct view *v, struct str bytes);
void view_end(struct mime_parser *p, struct leaf *l, struct view *v);
void view_done(struct view *v);
bool work_left(const struct mime_parser *p);

/* parse.c */
struct mime_parser *parser_within(struct mime_parser *outer, uint32_t part);
void body_text(struct mime_parser *p, struct str bytes);

#endif

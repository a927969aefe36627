/*
 * A PDF without its cross references: all objects that stand anywhere are read, in the
 * order of the file, as viewers do when they repair one. pdf.c is the reader and has the
 * streams, pdf_scan.c the objects, pdf_act.c what dictionaries would do.
 */
#ifndef INSPECT_PDF_H
#define INSPECT_PDF_H

#include "base/arena.h"
#include "inspect/lex.h"
#include "inspect/unfilter.h"

enum {
	PDF_NESTING_MAX = 64,     /* dictionaries within one another */
	PDF_STREAMS_MAX = 100000, /* of one file */
	PDF_WANTS_MAX = 1024,     /* references to streams of interest */
	PDF_FILTERS_MAX = 8,      /* on one another */
	PDF_FILTERS_HONEST = 3,
	PDF_INPUT_FACTOR = 8,      /* bytes of streams read, for each byte there is */
	PDF_TEXT_MAX = 512,        /* of a string that is looked at */
	PDF_NAMES_KEPT_MAX = 1024, /* KiB, of names of files inside */
};

enum pdf_name {
	PDF_OTHER,
#define PDF_NAME(name, text) PDF_##name,
#define ACTIVE(name, text) PDF_##name,
#include "inspect/pdf_names.def"
#undef PDF_NAME
#undef ACTIVE
	PDF_NAME_COUNT
};

struct pdf_dict {
	bool has_key, has_value;  /* a key was read; and a value after it */
	enum pdf_name key, under; /* under: the key of the dictionary around it */
	size_t arrays;            /* open */
	size_t at;
	bool automatic; /* acts without being asked */
	enum pdf_name s, type, subtype;
	struct lex_token f, uf, p, uri, js;
	uint32_t ef[2];  /* objects with the file's content; 0: none */
	uint32_t ref[2]; /* of F and UF */
	enum filter filters[PDF_FILTERS_MAX];
	size_t filter_n; /* may be more than there is room for */
	struct str filter_unknown;
	struct unfilter_params params;
	uint64_t length; /* SIZE_MAX: not said here */
};

enum pdf_want_kind { PDF_WANT_NONE, PDF_WANT_JS, PDF_WANT_FILE, PDF_WANT_XFA };

struct pdf_want {
	uint32_t number;
	enum pdf_want_kind kind;
	struct str name, name2;
};

struct pdf_stream {
	uint32_t number;
	size_t at, n;
	enum pdf_name type, subtype;
	uint8_t filters[PDF_FILTERS_MAX];
	size_t filter_n;
	struct unfilter_params params;
};

struct pdf {
	struct page page;
	struct lex lex;
	bool inside; /* in an object stream: no streams, no numbers of objects */
	bool encrypted, open_reference, acts, js_there;
	uint32_t number;     /* of the object */
	uint32_t numbers[2]; /* the last two, the newest first */
	size_t objects;
	size_t depth; /* dictionaries open */
	struct pdf_dict dicts[PDF_NESTING_MAX];
	struct pdf_dict last; /* the outermost, closed */
	bool last_there;
	size_t endstream, obj; /* the next ones, as far as they were looked for */
	struct pdf_stream *streams;
	size_t stream_n, stream_room;
	struct pdf_want wants[PDF_WANTS_MAX];
	size_t want_n;
	struct arena names;
	struct made js;  /* all JavaScript, one after the other */
	uint64_t left;   /* bytes of streams that may still be read */
	uint64_t origin; /* for the place of findings: of the object stream */
};

void pdf_tell(struct pdf *pdf, enum inspect_finding_kind kind, size_t at,
	      struct str excerpt);

/* All objects of these bytes. */
void pdf_scan(struct pdf *pdf, struct str in, bool inside);

enum pdf_name pdf_name_of(struct str raw, bool *active);

/* A dictionary is complete, as far as it ever will be. */
void pdf_act(struct pdf *pdf, struct pdf_dict *d);

/* A string as text: decoded, UTF-16 as far as it is ASCII. */
struct str pdf_text(const struct lex_token *t, char ret[PDF_TEXT_MAX]);

void pdf_want(struct pdf *pdf, uint32_t number, enum pdf_want_kind kind,
	      const struct pdf_dict *file);

/* JavaScript: looked at, and kept for the child. */
void pdf_js(struct pdf *pdf, size_t at, struct str code);

#endif

/*
 * The tokens that PostScript and PDF have in common, of any bytes: what cannot be read as
 * a token is skipped, and reading goes on behind its first byte. Linear: a string that
 * does not end is looked for its end only as long as `retry` lasts; then its bytes are
 * read as tokens and lex.spent says so.
 */
#ifndef INSPECT_LEX_H
#define INSPECT_LEX_H

#include "base/buf.h"
#include "base/str.h"

enum { LEX_NAME_MAX = 127 };

enum lex_kind {
	LEX_END,
	LEX_WORD,      /* operators, keywords, numbers, true … */
	LEX_NAME,      /* /name; PostScript's //name as well */
	LEX_STRING,    /* (…) */
	LEX_HEX,       /* <…> */
	LEX_BASE85,    /* <~…~> */
	LEX_DICT,      /* << */
	LEX_DICT_END,  /* >> */
	LEX_ARRAY,     /* [ */
	LEX_ARRAY_END, /* ] */
	LEX_PROC,      /* { */
	LEX_PROC_END,  /* } */
};

struct lex_token {
	enum lex_kind kind;
	struct str text; /* raw, without its marks */
	size_t at;
};

struct lex {
	struct str in;
	size_t at;
	uint64_t retry;
	bool spent;
	size_t broken; /* strings without an end */
};

void lex_init(struct lex *l, struct str in);

/* False at the end. */
bool lex_next(struct lex *l, struct lex_token *ret);

/* #xx decoded. Returns the length; what is longer than LEX_NAME_MAX is cut. */
size_t lex_name(struct str raw, char ret[LEX_NAME_MAX + 1]);

/* A string of any of the three kinds, decoded, cut at `room`. Never longer than raw. */
size_t lex_string(const struct lex_token *t, char *ret, size_t room);

static inline bool lex_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0;
}

bool lex_delimiter(char c);

#endif

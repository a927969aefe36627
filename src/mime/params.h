/*
 * The value of a Content- field: a word and parameters. RFC 2045 5.1, RFC 2231, read
 * once by the rules and, where it does not keep to them, in all other ways, too.
 */
#ifndef MIME_PARAMS_H
#define MIME_PARAMS_H

#include "base/arena.h"

/* What was odd; bits. */
enum {
	PARAMS_ODD_COMMENT = 1,
	PARAMS_ODD_SEPARATOR = 2,
	PARAMS_ODD_QUOTING = 4,
	PARAMS_ODD_BLANKS = 8,
	PARAMS_ODD_CONTROL = 16,
	PARAMS_ODD_WORD = 32, /* the word before the parameters */
	PARAMS_LIMIT = 64,    /* parameters or views left out */
};

struct mime_param {
	struct str key; /* as written, without *N and * */
	struct str value;
	struct str
		other; /* the value with folds removed, when that differs; else empty */
	int index;     /* RFC 2231 3; -1: none */
	bool extended; /* a * at the end, RFC 2231 4 */
	bool guessed;  /* not by the rules */
};

enum { PARAMS_MAX = 200, PARAMS_INDEX_MAX = 9999 };

struct mime_params {
	struct str word;     /* comments and blanks removed; case kept */
	struct str raw_word; /* all before the first ;, trimmed */
	unsigned odd;
	size_t n;
	struct mime_param list[PARAMS_MAX];
};

/* Slices of value and the arena. 0; -ENOMEM. */
MUST_USE int mime_params_parse(struct str value, struct arena *arena,
			       struct mime_params *ret);

/*
 * Add to p what generous readers find when they search the value for this key: marked
 * guessed, equal values of the key once only.
 */
void mime_params_search(struct str value, struct str key, struct arena *arena,
			struct mime_params *p);

/* Comments removed outside of quotes. RFC 5322 3.2.2. */
struct str mime_comments_removed(struct str s, struct arena *arena);

#endif

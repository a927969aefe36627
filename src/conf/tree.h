/*
 * Reading a configuration text into a tree that remembers where everything stood.
 * Syntax: docs/configuration-syntax.md. "name = value", "name value", "name { … }", "name
 * title { … }", arrays in [ ], commas or newlines or semicolons between entries, # and //
 * and C comments, quoted strings with JSON escapes, bare words; every JSON text is valid,
 * too.
 */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "base/arena.h"
#include "conf/diag.h"

enum conf_kind { CONF_OBJECT, CONF_ARRAY, CONF_WORD, CONF_STRING };

struct conf_node {
	enum conf_kind kind;
	struct str key;      /* empty for array elements and the root */
	struct str value;    /* WORD (numbers, true, 10m, starttls …) and STRING */
	struct conf_pos pos; /* of the key, or of the value in an array */
	struct conf_pos value_pos;
	struct conf_node *children, *next, *last;
	bool used; /* a schema took it; what remains false is an unknown key */
};

enum { CONF_BYTES_MAX = 4 * 1024 * 1024, CONF_DEPTH_MAX = 16, CONF_NODES_MAX = 200000 };

/* 0; -EBADMSG: at least one fault was added to diags; -ENOMEM. Never reads files. */
MUST_USE int conf_parse(struct str text, struct str file, struct arena *a,
			struct conf_diags *diags, struct conf_node **ret);

/* First child of that key, or NULL. */
struct conf_node *conf_get(const struct conf_node *object, struct str key);

#endif

/*
 * Settings as tables: each folder declares which keys it understands, with type, default,
 * bounds and a sentence; reading, checking, "did you mean" and the reference page follow.
 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "base/addr.h"
#include "conf/tree.h"

enum conf_type {
	CONF_T_STRING,   /* struct str */
	CONF_T_BOOL,     /* bool: true/false, yes/no, on/off */
	CONF_T_COUNT,    /* uint64_t: 1000, 20k */
	CONF_T_SIZE,     /* uint64_t bytes: 10M, 64KiB, 512 */
	CONF_T_TIME,     /* int64_t microseconds: 90s, 5m, 1h 30m, 5d, 200ms */
	CONF_T_ENUM,     /* int: index into words */
	CONF_T_ADDR,     /* struct addr */
	CONF_T_STRINGS,  /* struct conf_strings: one or an array */
	CONF_T_ADDRS,    /* struct conf_addrs */
	CONF_T_PREFIXES, /* struct conf_prefixes */
	CONF_T_SECTION,  /* a struct in place, described by sub */
	CONF_T_SECTIONS, /* struct conf_sections: "key title { … }" or { title { … } … }
			  */
	CONF_T_NODE,     /* struct conf_node *: the folder reads it itself */
};

struct conf_strings {
	struct str *v;
	size_t n;
};
struct conf_addrs {
	struct addr *v;
	size_t n;
};
struct conf_prefixes {
	struct addr_prefix *v;
	size_t n;
};
/* Each item starts with struct conf_section. */
struct conf_section {
	struct str title;
	struct conf_pos pos;
};
struct conf_sections {
	void **v;
	size_t n;
};

struct conf_schema;

struct conf_key {
	const char *name;
	enum conf_type type;
	size_t offset; /* in the struct being filled */
	const char
		*dflt; /* as it would be written (a text needs no quotes); NULL: absent */
	uint64_t min, max;        /* of COUNT, SIZE, TIME (in µs); max 0: no bound */
	const char *const *words; /* ENUM: NULL-terminated */
	const struct conf_schema *sub; /* SECTION, SECTIONS */
	bool required;
	const char *help; /* one sentence for docs and diagnostics */
};

struct conf_schema {
	const char *name; /* "spool" */
	size_t bytes;     /* of the struct that one section fills */
	const struct conf_key *keys;
	size_t key_count;
	/* Further checks once a section that is written was read without a fault; may be
	 * NULL. Sections that are absent have their defaults and are not checked. */
	void (*check)(void *section, const struct conf_node *node, struct conf_diags *d);
};

/*
 * Fill `ret` (schema->bytes, zeroed by the caller) from an object; defaults where a key
 * is absent. node may be NULL: defaults only, nothing is required then. Strings and nodes
 * are borrowed from the tree, the rest is in the arena. Faults go to diags. 0; -EBADMSG
 * there were faults; -ENOMEM.
 */
MUST_USE int conf_read(const struct conf_schema *schema, struct conf_node *node,
		       void *ret, struct arena *a, struct conf_diags *diags);

/* Markdown reference of a schema and all below it. */
void conf_schema_markdown(const struct conf_schema *schema, struct buf *out);

/* Values by themselves; 0, -EBADMSG or -ERANGE. */
MUST_USE int conf_size_parse(struct str s, uint64_t *ret);
MUST_USE int conf_time_parse(struct str s, int64_t *ret_us);

#endif

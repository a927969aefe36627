/*
 * The characters of a configuration text: where we are, blanks and comments, words and
 * strings. Internal to conf/; the grammar above it is tree.c.
 */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H

#include "conf/diag.h"

struct scan {
	struct str text, file; /* in the arena; text is valid UTF-8 */
	size_t at;
	uint32_t line, column; /* column counts characters, not bytes */
	struct arena *arena;
	struct conf_diags *diags;
	bool no_memory;
};

/* Copies the text, skips a byte order mark. 0; -EBADMSG faults were added; -ENOMEM. */
MUST_USE int scan_begin(struct scan *s, struct str text);

bool scan_end(const struct scan *s);
char scan_peek(const struct scan *s); /* 0 at the end; NUL is never in the text */
void scan_step(struct scan *s);
struct conf_pos scan_pos(const struct scan *s);

/* Blanks and comments; line ends only if `lines`. Comments that never end are a fault. */
void scan_skip(struct scan *s, bool lines);

/* 0, or -EBADMSG: a fault was added. Either way we then stand behind the string. */
MUST_USE int scan_string(struct scan *s, struct str *ret);
struct str scan_key_word(struct scan *s);   /* ends at = and :, too; may be empty */
struct str scan_value_word(struct scan *s); /* may be empty */

/* What stands here, for messages: "\"x\"" or "the end of the file"; in the arena. */
struct str scan_found(struct scan *s);

#endif

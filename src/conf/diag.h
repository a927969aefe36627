/* Faults of a configuration: place, rule, remedy. All are gathered before giving up. */
#ifndef CONF_DIAG_H
#define CONF_DIAG_H

#include "base/arena.h"
#include "base/buf.h"

struct conf_pos {
	struct str file;
	uint32_t line, column; /* from 1; 0: no place */
};

struct conf_diag {
	struct conf_diag *next;
	struct conf_pos pos;
	struct str rule;   /* what is required: "a time such as 30s or 5m" */
	struct str fault;  /* what was found: "\"5 parsecs\" is not a time" */
	struct str remedy; /* what to do: "write 5m" */
	bool warning;
};

enum { CONF_DIAGS_MAX = 100 }; /* of each sort are kept, the rest is counted */

struct conf_diags {
	struct arena *arena;
	struct conf_diag *first, *last;
	size_t faults, warnings;
};

/* Text is copied into the arena. Any of rule, remedy may be empty. */
void conf_fault(struct conf_diags *d, struct conf_pos pos, struct str fault,
		struct str rule, struct str remedy);
void conf_warn(struct conf_diags *d, struct conf_pos pos, struct str fault,
	       struct str rule, struct str remedy);

/* "file:3:14: fault\n    rule: …\n    remedy: …\n" each; or a JSON array. */
void conf_diags_text(const struct conf_diags *d, struct buf *out);
void conf_diags_json(const struct conf_diags *d, struct buf *out);

#endif

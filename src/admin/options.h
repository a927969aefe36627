/*
 * Options of the command line as tables: parsing, --help, "did you mean". Used by every
 * subcommand. Forms: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, flags; "--" ends
 * them,
 * "-" by itself is an argument; options and arguments may be mixed.
 */
#ifndef ADMIN_OPTIONS_H
#define ADMIN_OPTIONS_H

#include <stdio.h>

#include "base/arena.h"

enum option_kind {
	OPTION_FLAG,  /* bool */
	OPTION_TEXT,  /* struct str */
	OPTION_LIST,  /* struct option_list: may be given several times */
	OPTION_COUNT, /* uint64_t */
	OPTION_TIME,  /* int64_t, microseconds: 90s, 5m, 1d */
};

enum { OPTION_VALUES_MAX = 100000 };

struct option_list {
	struct str *v;
	size_t n, cap;
};

struct option_spec {
	const char *name; /* without the dashes */
	char letter;      /* 0: none */
	enum option_kind kind;
	size_t offset;     /* in the struct that is filled */
	const char *value; /* "FILE": how --help calls it; NULL for flags */
	const char *help;
};

struct option_table {
	const char *usage; /* "postern queue list [ID…]" */
	const char *about; /* what it does; further lines are printed as they are */
	const struct option_spec *specs;
	size_t count;
	const char *notes; /* after the options; or NULL */
};

/* Where a subcommand stands: its arguments (argv[0] is its name) and where it prints. */
struct cli {
	int argc;
	char **argv;
	FILE *out, *err;
	struct arena *arena;
};

/*
 * Fill `ret` (zeroed by the caller, or holding defaults); what is no option goes to
 * *rest. 0; 1: --help was asked and printed; -EINVAL: the fault was told on cli->err;
 * -ENOMEM.
 */
MUST_USE int options_parse(const struct option_table *t, const struct cli *cli, void *ret,
			   struct option_list *rest);

void options_help(const struct option_table *t, FILE *out);

/* Append to a list; 0 or -ENOMEM. */
MUST_USE int option_list_add(struct option_list *l, struct arena *a, struct str s);

/* The name that was probably meant, or NULL. */
const char *options_suggest(struct str word, const char *const *names, size_t count);

/* Columns of a table: as asked; else those of the terminal. In a file or a pipe, where
 * people search, there is room for whole lines. */
enum { CLI_WIDTH_PIPED = 132 };
size_t cli_width(uint64_t asked);

/* Text from outside onto a terminal, made harmless. */
void cli_print(FILE *out, struct str text);

#endif

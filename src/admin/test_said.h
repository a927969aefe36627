/* Running a subcommand in a test: its words in, what it said out. */
#ifndef ADMIN_TEST_SAID_H
#define ADMIN_TEST_SAID_H

#include "base/test.h"

#include "admin/options.h"
#include "base/mem.h"

enum { SAID_WORDS_MAX = 32, SAID_LINE_MAX = 400 };

struct said {
	int (*command)(const struct cli *cli);
	char line[SAID_LINE_MAX];
	char *argv[SAID_WORDS_MAX];
	int argc;
	char *out, *err;
	size_t out_n, err_n;
	int code;
};

static inline void said_done(struct said *s)
{
	mem_free(s->out);
	mem_free(s->err);
}

/* Words are what stands between blanks. */
static inline void said_split(struct said *s)
{
	bool inside = false;

	for (char *p = s->line; *p; p++) {
		if (*p == ' ') {
			*p = 0;
			inside = false;
		} else if (!inside) {
			assert_true(s->argc < SAID_WORDS_MAX);
			s->argv[s->argc++] = p;
			inside = true;
		}
	}
}

/* Also fit for a thread of a pool. */
static inline int said_job(void *arg)
{
	struct said *s = arg;
	struct arena arena = { 0 };
	struct cli cli = { s->argc, s->argv, NULL, NULL, &arena };

	cli.out = open_memstream(&s->out, &s->out_n);
	cli.err = open_memstream(&s->err, &s->err_n);
	s->code = s->command(&cli);
	fclose(cli.out);
	fclose(cli.err);
	arena_done(&arena);
	return 0;
}

/* The line begins with the command's own name. Call said_split, then said_job. */
static inline void said_begin(struct said *s, int (*command)(const struct cli *cli),
			      const char *fmt, ...) PRINTF(3, 4);
static inline void said_begin(struct said *s, int (*command)(const struct cli *cli),
			      const char *fmt, ...)
{
	va_list args;

	*s = (struct said){ .command = command };
	va_start(args, fmt);
	vsnprintf(s->line, sizeof(s->line), fmt, args);
	va_end(args);
}

#endif

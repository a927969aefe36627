#include "admin/options.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/escape.h"
#include "conf/schema.h"
#include "conf/suggest.h"

int option_list_add(struct option_list *l, struct arena *a, struct str s)
{
	struct str *v = l->v;

	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;

		v = l->n < OPTION_VALUES_MAX ? arena_alloc(a, cap * sizeof(*v)) : NULL;
		if (!v)
			return -ENOMEM;
		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = s;
	return 0;
}

const char *options_suggest(struct str word, const char *const *names, size_t count)
{
	struct suggest s;

	suggest_begin(&s, word);
	for (size_t i = 0; i < count; i++)
		suggest_offer(&s, str_from(names[i]));
	for (size_t i = 0; s.best.n && i < count; i++) {
		if (str_eq(s.best, str_from(names[i])))
			return names[i];
	}
	return NULL;
}

static void help_option(const struct option_spec *s, FILE *out)
{
	char left[64];
	char letter[8] = "    ";

	if (s->letter)
		snprintf(letter, sizeof(letter), "-%c, ", s->letter);
	snprintf(left, sizeof(left), "  %s--%s%s%s", letter, s->name, s->value ? " " : "",
		 s->value ? s->value : "");
	fprintf(out, "%-30s  %s\n", left, s->help);
}

void options_help(const struct option_table *t, FILE *out)
{
	fprintf(out, "usage: %s\n\n%s\n\n", t->usage, t->about);
	for (size_t i = 0; i < t->count; i++)
		help_option(&t->specs[i], out);
	fprintf(out, "%-30s  %s\n", "  -h, --help", "show this");
	if (t->notes)
		fprintf(out, "\n%s\n", t->notes);
}

struct walk {
	const struct option_table *t;
	const struct cli *cli;
	void *ret;
	int at;
};

static int fault(const struct walk *w, const char *what, struct str name)
{
	fprintf(w->cli->err, "postern: %s: ", what);
	cli_print(w->cli->err, name);
	fprintf(w->cli->err, "\nusage: %s\n", w->t->usage);
	return -EINVAL;
}

static int fault_unknown(const struct walk *w, struct str arg)
{
	const char *names[64];
	const char *meant;
	struct str name = arg;

	while (str_starts(name, STR("-")))
		name = str_skip(name, 1);
	assert(w->t->count <= COUNT_OF(names));
	for (size_t i = 0; i < w->t->count; i++)
		names[i] = w->t->specs[i].name;
	meant = options_suggest(name, names, w->t->count);
	fputs("postern: unknown option ", w->cli->err);
	cli_print(w->cli->err, arg);
	if (meant)
		fprintf(w->cli->err, "; did you mean --%s?", meant);
	fprintf(w->cli->err, "\nusage: %s\n", w->t->usage);
	return -EINVAL;
}

static int value_set(const struct walk *w, const struct option_spec *s, struct str value)
{
	void *at = (char *)w->ret + s->offset;

	switch (s->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_TEXT:
		*(struct str *)at = value;
		return 0;
	case OPTION_LIST:
		return option_list_add(at, w->cli->arena, value);
	case OPTION_COUNT:
		if (str_to_u64(value, UINT64_MAX, at) < 0)
			return fault(w, "not a number", value);
		return 0;
	case OPTION_TIME:
		if (conf_time_parse(value, at) < 0)
			return fault(w, "not a time such as 90s, 5m or 1d", value);
		return 0;
	}
	return 0;
}

/* The value of an option is what follows it in the same word, or the next word. */
static int option_take(struct walk *w, const struct option_spec *s, const char *inside)
{
	struct str word = str_from(w->cli->argv[w->at]);

	if (s->kind == OPTION_FLAG) {
		if (inside)
			return fault(w, "this option takes no value", word);
		return value_set(w, s, STR_NONE);
	}
	if (!inside) {
		if (w->at + 1 >= w->cli->argc)
			return fault(w, "this option needs a value", word);
		inside = w->cli->argv[++w->at];
	}
	return value_set(w, s, str_from(inside));
}

static int option_long(struct walk *w, const char *arg)
{
	const char *equals = strchr(arg, '=');
	struct str name = equals ? str_of(arg, (size_t)(equals - arg)) : str_from(arg);

	for (size_t i = 0; i < w->t->count; i++) {
		if (str_eq(name, str_from(w->t->specs[i].name)))
			return option_take(w, &w->t->specs[i],
					   equals ? equals + 1 : NULL);
	}
	return fault_unknown(w, str_of(arg - 2, name.n + 2));
}

static int option_short(struct walk *w, const char *arg)
{
	for (size_t i = 0; i < w->t->count; i++) {
		if (w->t->specs[i].letter == arg[0])
			return option_take(w, &w->t->specs[i], arg[1] ? arg + 1 : NULL);
	}
	return fault_unknown(w, str_from(arg - 1));
}

static int option_any(struct walk *w, const char *arg)
{
	if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
		options_help(w->t, w->cli->out);
		return 1;
	}
	return arg[1] == '-' ? option_long(w, arg + 2) : option_short(w, arg + 1);
}

int options_parse(const struct option_table *t, const struct cli *cli, void *ret,
		  struct option_list *rest)
{
	struct walk w = { t, cli, ret, 1 };
	bool ended = false;
	int e = 0;

	for (; !e && w.at < cli->argc; w.at++) {
		const char *arg = cli->argv[w.at];

		if (ended || arg[0] != '-' || !arg[1])
			e = option_list_add(rest, cli->arena, str_from(arg));
		else if (!strcmp(arg, "--"))
			ended = true;
		else
			e = option_any(&w, arg);
	}
	return e;
}

size_t cli_width(uint64_t asked)
{
	struct winsize size = { 0 };

	if (asked)
		return asked < 10000 ? (size_t)asked : 10000;
	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		return size.ws_col;
	return CLI_WIDTH_PIPED;
}

void cli_print(FILE *out, struct str text)
{
	char shown[ESCAPE_BYTES_MAX];

	while (text.n)
		fwrite(shown, 1, escape_next(ESCAPE_PLAIN, &text, shown), out);
}

#include "admin/queue_print.h"

#include <sysexits.h>

#include <jansson.h>

#include "base/time.h"

void queue_print_begin(struct queue_print *p, const struct cli *cli, struct str verb,
		       bool json)
{
	*p = (struct queue_print){ .cli = cli, .verb = verb, .json = json };
}

struct str cli_size(uint64_t bytes, char ret[16])
{
	static const char units[][4] = { "B", "KiB", "MiB", "GiB", "TiB" };
	uint64_t tenths = bytes * 10;
	size_t unit = 0;
	int n;

	if (bytes > UINT64_MAX / 16)
		tenths = UINT64_MAX / 16 * 10;
	while (tenths >= 10240 && unit + 1 < COUNT_OF(units)) {
		tenths /= 1024;
		unit++;
	}
	if (unit && tenths < 100)
		n = snprintf(ret, 16, "%u.%u %s", (unsigned)(tenths / 10),
			     (unsigned)(tenths % 10), units[unit]);
	else
		n = snprintf(ret, 16, "%u %s", (unsigned)(tenths / 10), units[unit]);
	return str_of(ret, (size_t)n);
}

static struct str get_str(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v))
		return STR_NONE;
	return str_of(json_string_value(v), json_string_length(v));
}

static int64_t get_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void print_span(FILE *out, int64_t seconds, int width)
{
	char text[TIME_TEXT_MAX];

	if (seconds < 0)
		seconds = 0;
	if (seconds > INT64_MAX / USEC_PER_SEC)
		seconds = INT64_MAX / USEC_PER_SEC;
	time_span(seconds * USEC_PER_SEC, text);
	fprintf(out, "%*s", width, text);
}

static void print_address(FILE *out, struct str address)
{
	if (address.n)
		cli_print(out, address);
	else
		fputs("<>", out);
}

/* Next attempt: held, now, or in how long. */
static void print_next(FILE *out, const json_t *m)
{
	if (json_is_true(json_object_get(m, "held")))
		fprintf(out, "%8s", "held");
	else if (get_int(m, "next_in_s") <= 0)
		fprintf(out, "%8s", "now");
	else
		print_span(out, get_int(m, "next_in_s"), 8);
}

static void print_rcpts(FILE *out, const json_t *m)
{
	const json_t *rcpts = json_object_get(m, "rcpts"), *r;
	int64_t more = get_int(m, "pending") - (int64_t)json_array_size(rcpts);
	size_t i;

	json_array_foreach(rcpts, i, r)
	{
		struct str reply = get_str(r, "reply");

		fprintf(out, "%*s> ", 14, "");
		cli_print(out, get_str(r, "to"));
		if (reply.n) {
			fprintf(out, "\n%*s", 18, "");
			cli_print(out, reply);
		}
		fputc('\n', out);
	}
	if (more > 0)
		fprintf(out, "%*s> and %lld more\n", 14, "", (long long)more);
}

static void print_row(struct queue_print *p, const json_t *m)
{
	FILE *out = p->cli->out;
	char size[16];

	if (!p->messages)
		fprintf(out, "%-13s %8s %9s %5s %8s  %s\n", "ID", "AGE", "SIZE", "TRIES",
			"NEXT", "SENDER > RECIPIENTS, LAST REPLY");
	cli_print(out, get_str(m, "id"));
	fputc(' ', out);
	print_span(out, get_int(m, "age_s"), 8);
	cli_size((uint64_t)get_int(m, "size"), size);
	fprintf(out, " %9s %5lld ", size, (long long)get_int(m, "attempts"));
	print_next(out, m);
	fputs("  ", out);
	if (json_object_get(m, "error")) {
		cli_print(out, get_str(m, "error"));
		p->faults++;
	} else {
		print_address(out, get_str(m, "sender"));
	}
	fputc('\n', out);
	print_rcpts(out, m);
}

static void print_field(FILE *out, const char *name, struct str value)
{
	fprintf(out, "%-12s", name);
	cli_print(out, value);
	fputc('\n', out);
}

static void print_rcpts_whole(FILE *out, const json_t *m)
{
	const json_t *rcpts = json_object_get(m, "rcpts"), *r;
	size_t i;

	json_array_foreach(rcpts, i, r)
	{
		struct str original = get_str(r, "original"), reply = get_str(r, "reply");

		fprintf(out, "%-12s", i ? "" : "recipients");
		cli_print(out, get_str(r, "to"));
		fputs("  ", out);
		cli_print(out, get_str(r, "state"));
		if (original.n) {
			fputs("  (for ", out);
			cli_print(out, original);
			fputc(')', out);
		}
		fputc('\n', out);
		if (!reply.n)
			continue;
		fprintf(out, "%-14s", "");
		cli_print(out, reply);
		fputc('\n', out);
	}
}

static void print_header(FILE *out, struct str header)
{
	struct str line, piece;

	if (header.n)
		fputc('\n', out);
	while (str_split(&header, '\n', &line)) {
		fputs("  | ", out);
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		while (str_split(&line, '\t', &piece)) {
			cli_print(out, piece);
			fputs(line.n ? "    " : "", out);
		}
		fputc('\n', out);
	}
}

static void print_whole(struct queue_print *p, const json_t *m)
{
	FILE *out = p->cli->out;
	char size[16];

	if (p->messages)
		fputc('\n', out);
	print_field(out, "id", get_str(m, "id"));
	if (json_object_get(m, "error")) {
		print_field(out, "unreadable", get_str(m, "error"));
		p->faults++;
	}
	fprintf(out, "%-12s", "arrived");
	cli_print(out, get_str(m, "arrived"));
	fputs(", ", out);
	print_span(out, get_int(m, "age_s"), 0);
	fputs(" ago\n", out);
	if (get_str(m, "client").n)
		print_field(out, "from", get_str(m, "client"));
	print_field(out, "size", cli_size((uint64_t)get_int(m, "size"), size));
	fprintf(out, "%-12s%lld\n", "attempts", (long long)get_int(m, "attempts"));
	if (json_is_true(json_object_get(m, "held")))
		print_field(out, "next",
			    STR("held; \"postern queue release\" lets it go"));
	else
		print_field(out, "next", get_str(m, "next"));
	fprintf(out, "%-12s", "sender");
	print_address(out, get_str(m, "sender"));
	fputc('\n', out);
	print_rcpts_whole(out, m);
	print_header(out, get_str(m, "header"));
}

static void print_fault(struct queue_print *p, const json_t *m)
{
	fputs("postern queue: ", p->cli->err);
	cli_print(p->cli->err, get_str(m, "id"));
	fputs(": ", p->cli->err);
	cli_print(p->cli->err, get_str(m, "error"));
	fputc('\n', p->cli->err);
	p->faults++;
	p->missing = true;
}

static bool print_last(struct queue_print *p, const json_t *m)
{
	struct str error = get_str(m, "error");

	if (error.n)
		p->error = arena_str(p->cli->arena, error);
	return false;
}

static bool line_print(struct queue_print *p, const json_t *m, struct str json)
{
	bool whole = str_eq(p->verb, STR("show")), row = str_eq(p->verb, STR("list"));

	if (json_is_true(json_object_get(m, "done")))
		return print_last(p, m);
	if (json_object_get(m, "error") && !json_object_get(m, "size")) {
		print_fault(p, m);
		return true;
	}
	if (p->json)
		fprintf(p->cli->out, "%s%.*s", p->messages ? ",\n " : "[", STR_ARG(json));
	else if (whole)
		print_whole(p, m);
	else if (row)
		print_row(p, m);
	p->messages++;
	p->bytes += (uint64_t)get_int(m, "size");
	return true;
}

bool queue_print_line(struct queue_print *p, struct str json)
{
	json_t *m = json_loadb(json.p, json.n, 0, NULL);
	bool more = false;

	if (json_is_object(m))
		more = line_print(p, m, json);
	else
		p->error = STR("the server's answer is not JSON");
	json_decref(m);
	return more;
}

static void print_sum(const struct queue_print *p)
{
	FILE *out = p->cli->out;
	const char *s = p->messages == 1 ? "" : "s";
	char size[16];

	if (str_eq(p->verb, STR("show")))
		return;
	if (!str_eq(p->verb, STR("list"))) {
		fprintf(out, "%llu message%s: %.*s\n", (unsigned long long)p->messages, s,
			STR_ARG(p->verb));
	} else if (!p->messages) {
		fputs("no messages\n", out);
	} else {
		cli_size(p->bytes, size);
		fprintf(out, "%llu message%s, %s\n", (unsigned long long)p->messages, s,
			size);
	}
}

int queue_print_end(struct queue_print *p)
{
	if (p->json)
		fputs(p->messages ? "]\n" : "[]\n", p->cli->out);
	else
		print_sum(p);
	if (p->error.n) {
		fprintf(p->cli->err, "postern queue: %.*s\n", STR_ARG(p->error));
		return EX_SOFTWARE;
	}
	if (p->missing)
		return EX_NOINPUT;
	return p->faults ? EX_TEMPFAIL : EX_OK;
}

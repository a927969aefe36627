#include "admin/queue_cli.h"

#include <string.h>
#include <sysexits.h>

#include "admin/answer.h"
#include "admin/ctl_client.h"
#include "admin/ctl_request.h"
#include "admin/paths.h"
#include "admin/queue_print.h"

enum { IDS_PER_REQUEST = 500 };

struct queue_arguments {
	struct str conf, control, sender, rcpt, domain;
	bool held, waiting, all, json;
	int64_t older_us;
	uint64_t limit;
};

#define ARGUMENT(field) offsetof(struct queue_arguments, field)

static const struct option_spec specs[] = {
	{ "config", 'c', OPTION_TEXT, ARGUMENT(conf), "FILE",
	  "configuration of the server" },
	{ "control", 0, OPTION_TEXT, ARGUMENT(control), "PATH", "its control socket" },
	{ "sender", 0, OPTION_TEXT, ARGUMENT(sender), "ADDRESS",
	  "only of this sender; \"<>\": bounces" },
	{ "rcpt", 0, OPTION_TEXT, ARGUMENT(rcpt), "ADDRESS",
	  "only with this pending recipient" },
	{ "domain", 0, OPTION_TEXT, ARGUMENT(domain), "DOMAIN",
	  "only from or to this domain" },
	{ "held", 0, OPTION_FLAG, ARGUMENT(held), NULL, "only held messages" },
	{ "waiting", 0, OPTION_FLAG, ARGUMENT(waiting), NULL,
	  "only messages that are not held" },
	{ "older", 0, OPTION_TIME, ARGUMENT(older_us), "TIME",
	  "only older than this: 30m, 2h, 1d" },
	{ "limit", 'n', OPTION_COUNT, ARGUMENT(limit), "N",
	  "stop after so many messages" },
	{ "all", 0, OPTION_FLAG, ARGUMENT(all), NULL,
	  "every message (to change, not to list)" },
	{ "json", 0, OPTION_FLAG, ARGUMENT(json), NULL,
	  "a JSON array instead of a table" },
};

static const struct option_table table = {
	.usage = "postern queue list|show|hold|release|retry|delete [ID…] [filter…]",
	.about = "Look at the queue and change it, in the running server.\n"
		 "  list      the messages that wait, oldest first\n"
		 "  show      everything about the messages that are named\n"
		 "  hold      keep them, but do not try to deliver them\n"
		 "  release   undo hold\n"
		 "  retry     try to deliver them now\n"
		 "  delete    remove them; nobody is told",
	.specs = specs,
	.count = COUNT_OF(specs),
	.notes = "Messages are named by ID or chosen by filters, which must all match.",
};

static const char *const verbs[] = {
	"list", "show", "hold", "release", "retry", "delete"
};

struct run {
	const struct cli *cli;
	struct queue_arguments args;
	struct option_list words; /* the verb, then ids */
	struct queue_print print;
	struct ctl_client client;
};

static int usage_fault(const struct cli *cli, const char *what)
{
	fprintf(cli->err, "postern queue: %s\nusage: %s\n", what, table.usage);
	return EX_USAGE;
}

static int verb_fault(const struct cli *cli, struct str word)
{
	const char *meant = options_suggest(word, verbs, COUNT_OF(verbs));

	fputs("postern queue: unknown command ", cli->err);
	cli_print(cli->err, word);
	if (meant)
		fprintf(cli->err, "; did you mean %s?", meant);
	fprintf(cli->err, "\nusage: %s\n", table.usage);
	return EX_USAGE;
}

static bool verb_known(struct str word)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (str_eq(word, str_from(verbs[i])))
			return true;
	}
	return false;
}

/* Without a choice these mean the whole queue; the others must be told so. */
static bool verb_takes_all(struct str verb)
{
	return str_eq(verb, STR("list")) || str_eq(verb, STR("retry"));
}

static bool has_filter(const struct queue_arguments *a)
{
	return a->sender.n || a->rcpt.n || a->domain.n || a->held || a->waiting ||
	       a->older_us;
}

/* 0, or an exit code with the fault told. Ids are checked here: a typing error in one of
 * many must not leave the others changed. */
static int check(const struct run *r)
{
	const struct queue_arguments *a = &r->args;
	struct str verb = r->words.n ? r->words.v[0] : STR_NONE;
	bool named = r->words.n > 1;
	spool_id id;

	if (!verb.n)
		return usage_fault(
			r->cli, "what to do? list, show, hold, release, retry, delete");
	if (!verb_known(verb))
		return verb_fault(r->cli, verb);
	if (a->held && a->waiting)
		return usage_fault(r->cli, "--held and --waiting exclude each other");
	if (named && (has_filter(a) || a->all))
		return usage_fault(r->cli, "either ids or filters, not both");
	if (!verb_takes_all(verb) && !named && !has_filter(a) && !a->all)
		return usage_fault(r->cli, "which messages? Give ids, filters, or --all");
	for (size_t i = 1; i < r->words.n; i++) {
		if (spool_id_parse(r->words.v[i], &id) == 0)
			continue;
		fputs("postern queue: not a message id: ", r->cli->err);
		cli_print(r->cli->err, r->words.v[i]);
		fputc('\n', r->cli->err);
		return EX_USAGE;
	}
	return 0;
}

static void request_filter(const struct queue_arguments *a, struct buf *b)
{
	answer_key(b, "filter");
	answer_open(b, '{');
	if (a->sender.n)
		answer_str(b, "sender", a->sender);
	if (a->rcpt.n)
		answer_str(b, "rcpt", a->rcpt);
	if (a->domain.n)
		answer_str(b, "domain", a->domain);
	if (a->held || a->waiting)
		answer_bool(b, "held", a->held);
	if (a->older_us)
		answer_i64(b, "older_s", a->older_us / USEC_PER_SEC);
	answer_close(b, '}');
}

/* The request for the ids from `at` on; without ids it is the filter's. */
static void request_write(const struct run *r, size_t at, struct buf *b)
{
	const struct queue_arguments *a = &r->args;

	buf_clear(b);
	answer_open(b, '{');
	answer_str(b, "do", r->words.v[0]);
	if (a->limit)
		answer_u64(b, "limit", a->limit);
	if (a->all ||
	    (verb_takes_all(r->words.v[0]) && r->words.n == 1 && !has_filter(a)))
		answer_bool(b, "all", true);
	if (r->words.n > 1) {
		answer_key(b, "ids");
		answer_open(b, '[');
		for (size_t i = at; i < r->words.n && i < at + IDS_PER_REQUEST; i++) {
			if (i > at)
				buf_add_c(b, ',');
			answer_quote(b, r->words.v[i]);
		}
		answer_close(b, ']');
	} else if (has_filter(a)) {
		request_filter(a, b);
	}
	answer_close(b, '}');
}

static bool line_take(void *ctx, struct str json)
{
	return queue_print_line(ctx, json);
}

static int ask_all(struct run *r)
{
	CLEANUP(buf_done) struct buf request = { 0 };
	size_t at = 1;
	int e;

	do {
		request_write(r, at, &request);
		if (request.err)
			return request.err;
		e = ctl_client_ask(&r->client, buf_str(&request), line_take, &r->print);
		at += IDS_PER_REQUEST;
	} while (!e && at < r->words.n);
	return e;
}

static int run(struct run *r)
{
	struct admin_paths paths = { .conf = r->args.conf, .control = r->args.control };
	int e;

	if (admin_paths_find(r->cli, &paths) < 0)
		return EX_CONFIG;
	e = ctl_client_open(paths.control, &r->client);
	if (e < 0)
		return ctl_client_fault(e, paths.control, r->cli->err);
	queue_print_begin(&r->print, r->cli, r->words.v[0], r->args.json);
	e = ask_all(r);
	ctl_client_close(&r->client);
	if (e < 0)
		return ctl_client_fault(e, paths.control, r->cli->err);
	return queue_print_end(&r->print);
}

int queue_cli(const struct cli *cli)
{
	struct run r = { .cli = cli };
	int e;

	e = options_parse(&table, cli, &r.args, &r.words);
	if (e == 1)
		return EX_OK;
	if (e < 0)
		return e == -EINVAL ? EX_USAGE : EX_OSERR;
	e = check(&r);
	return e ? e : run(&r);
}

#include "admin/explain_cli.h"

#include <string.h>
#include <sysexits.h>

#include "admin/ctl_client.h"
#include "admin/paths.h"
#include "record/render.h"
#include "spool/envelope.h"

enum { EPISODES_DEFAULT = 200, EPISODES_MAX = 100000 };

_Static_assert((int)RECORD_ID_TEXT >= (int)SPOOL_ID_TEXT, "ids of the spool fit");

struct explain_arguments {
	struct str conf, control, record, lang;
	bool json;
	uint64_t width, limit;
};

#define ARGUMENT(field) offsetof(struct explain_arguments, field)

static const struct option_spec specs[] = {
	{ "config", 'c', OPTION_TEXT, ARGUMENT(conf), "FILE",
	  "configuration of the server" },
	{ "control", 0, OPTION_TEXT, ARGUMENT(control), "PATH", "its control socket" },
	{ "record", 0, OPTION_TEXT, ARGUMENT(record), "DIR", "its record" },
	{ "lang", 0, OPTION_TEXT, ARGUMENT(lang), "en|de",
	  "language of the explanations" },
	{ "width", 0, OPTION_COUNT, ARGUMENT(width), "N", "columns of the table" },
	{ "limit", 'n', OPTION_COUNT, ARGUMENT(limit), "N",
	  "conversations at most; by default 200" },
	{ "json", 0, OPTION_FLAG, ARGUMENT(json), NULL, "print JSON instead of a table" },
};

static const struct option_table table = {
	.usage = "postern explain last|ID|ADDRESS",
	.about = "Show what happened, as three columns: explanation, client, server.\n"
		 "  last      the newest message, or the newest connection\n"
		 "  ID        a message, by the id in its final 250 and in the log\n"
		 "  ADDRESS   what concerns a sender, a recipient, or the IP of a client",
	.specs = specs,
	.count = COUNT_OF(specs),
	.notes = "The record can be read while the server runs and when it does not.",
};

static int fault(const struct cli *cli, const char *what, struct str which)
{
	fprintf(cli->err, "postern explain: %s", what);
	if (which.n) {
		fputs(": ", cli->err);
		cli_print(cli->err, which);
	}
	fprintf(cli->err, "\nusage: %s\n", table.usage);
	return EX_USAGE;
}

static bool line_last(void *ctx, struct str json)
{
	(void)ctx;
	return !str_starts(json, STR("{\"done\""));
}

/* What the server has not written yet would be missing. Without a server nothing is. */
static void sync_quietly(struct str control)
{
	struct ctl_client c;

	if (ctl_client_open(control, &c) < 0)
		return;
	(void)!ctl_client_ask(&c, STR("{\"do\":\"record-sync\"}"), line_last, NULL);
	ctl_client_close(&c);
}

static struct str id_text(uint64_t id, char *ret)
{
	return spool_id_text(id, ret);
}

static int query_set(const struct explain_arguments *a, struct str what,
		     struct record_query *q)
{
	*q = (struct record_query){ .episodes_max = EPISODES_DEFAULT };
	if (a->limit)
		q->episodes_max = a->limit < EPISODES_MAX ? (size_t)a->limit
							  : EPISODES_MAX;
	if (str_eq_nocase(what, STR("last")))
		q->last = true;
	else if (spool_id_parse(what, &q->message) < 0)
		q->address = what;
	if (str_starts(what, STR("<")) && what.n > 2) /* "<a@b>" as in the log */
		q->address = str_sub(what, 1, what.n - 2);
	return 0;
}

static int nothing(const struct cli *cli, struct str what, struct str dir, int e)
{
	fputs("postern explain: ", cli->err);
	cli_print(cli->err, what);
	if (e == -ENOENT)
		fputs(": nothing is recorded about it in ", cli->err);
	else
		fprintf(cli->err, ": %s: ", strerror(-e));
	cli_print(cli->err, dir);
	fputs(e == -EACCES ? "\nrun this as root or as the user of the server\n"
			   : "\nif the server uses another configuration, name it with "
			     "-c FILE; "
			     "\"record { keep = yes }\" keeps the dialogues\n",
	      cli->err);
	return e == -EACCES ? EX_NOPERM : e == -ENOENT ? EX_NOINPUT : EX_IOERR;
}

static int show(const struct cli *cli, const struct explain_arguments *a,
		const struct episode *episodes, size_t n)
{
	CLEANUP(buf_done) struct buf page = { 0 };
	struct record_view view = {
		.width = cli_width(a->width),
		.lang = str_eq(a->lang, STR("de")) ? RECORD_DE : RECORD_EN,
		.id_text = id_text,
	};
	int e = 0;

	if (a->json)
		e = record_render_json(episodes, n, &view, &page);
	else
		record_render(episodes, n, &view, &page);
	if (e < 0 || page.err) {
		fputs("postern explain: no memory\n", cli->err);
		return EX_OSERR;
	}
	fwrite(page.p ? page.p : "", 1, page.n, cli->out);
	return EX_OK;
}

static int explain(const struct cli *cli, const struct explain_arguments *a,
		   struct str what)
{
	struct admin_paths paths = { .conf = a->conf,
				     .control = a->control,
				     .record = a->record };
	struct record_query q;
	struct episode *episodes;
	struct str dir;
	size_t n;
	int e;

	if (admin_paths_find(cli, &paths) < 0)
		return EX_CONFIG;
	sync_quietly(paths.control);
	e = query_set(a, what, &q);
	dir = arena_str(cli->arena, paths.record);
	if (!e && !dir.p)
		e = -ENOMEM;
	if (!e)
		e = record_find(dir.p, &q, cli->arena, &episodes, &n);
	return e < 0 ? nothing(cli, what, paths.record, e) : show(cli, a, episodes, n);
}

int explain_cli(const struct cli *cli)
{
	struct explain_arguments a = { 0 };
	struct option_list words = { 0 };
	int e = options_parse(&table, cli, &a, &words);

	if (e)
		return e == 1 ? EX_OK : e == -EINVAL ? EX_USAGE : EX_OSERR;
	if (a.lang.n && !str_eq(a.lang, STR("en")) && !str_eq(a.lang, STR("de")))
		return fault(cli, "--lang knows en and de", a.lang);
	if (words.n != 1)
		return fault(cli, "what? \"last\", a message id, or an address",
			     STR_NONE);
	return explain(cli, &a, words.v[0]);
}

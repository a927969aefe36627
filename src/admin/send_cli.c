#include "admin/send_cli.h"

#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "admin/send_message.h"
#include "admin/send_report.h"
#include "base/utf8.h"
#include "smtp/path.h"

struct send_arguments {
	struct str server, from, helo, lang, envid, notify;
	struct option_list to;
	bool explain, classic, lmtp, json, add_headers, chunking;
	int64_t timeout_us;
	uint64_t width;
};

#define ARGUMENT(field) offsetof(struct send_arguments, field)

static const struct option_spec specs[] = {
	{ "server", 's', OPTION_TEXT, ARGUMENT(server), "HOST:PORT",
	  "where to; also unix:/path" },
	{ "from", 'f', OPTION_TEXT, ARGUMENT(from), "ADDRESS",
	  "reverse-path; \"<>\" for none" },
	{ "to", 't', OPTION_LIST, ARGUMENT(to), "ADDRESS",
	  "forward-path; may be repeated" },
	{ "explain", 'x', OPTION_FLAG, ARGUMENT(explain), NULL,
	  "print the dialogue in three columns" },
	{ "lang", 0, OPTION_TEXT, ARGUMENT(lang), "en|de",
	  "language of the explanations" },
	{ "width", 0, OPTION_COUNT, ARGUMENT(width), "N", "columns of the table" },
	{ "classic", 0, OPTION_FLAG, ARGUMENT(classic), NULL,
	  "speak as in the first days: helo, no extensions" },
	{ "lmtp", 0, OPTION_FLAG, ARGUMENT(lmtp), NULL, "speak LMTP" },
	{ "chunking", 0, OPTION_FLAG, ARGUMENT(chunking), NULL,
	  "use BDAT where it is offered" },
	{ "helo", 0, OPTION_TEXT, ARGUMENT(helo), "NAME", "how to introduce ourselves" },
	{ "notify", 0, OPTION_TEXT, ARGUMENT(notify), "WORDS",
	  "never, or of success,failure,delay" },
	{ "envid", 0, OPTION_TEXT, ARGUMENT(envid), "TEXT", "envelope id for reports" },
	{ "add-headers", 0, OPTION_FLAG, ARGUMENT(add_headers), NULL,
	  "add From, Date, Message-ID if missing" },
	{ "timeout", 0, OPTION_TIME, ARGUMENT(timeout_us), "TIME",
	  "of each wait; by default as RFC 5321" },
	{ "json", 0, OPTION_FLAG, ARGUMENT(json), NULL, "print the results as JSON" },
};

static const struct option_table table = {
	.usage = "postern send --server HOST:PORT --from ADDRESS --to ADDRESS… [FILE]",
	.about = "Send one message, from FILE or standard input, to a mail server.\n"
		 "Nothing is added to it; LF line ends become CRLF.",
	.specs = specs,
	.count = COUNT_OF(specs),
	.notes = "Exit code: 0 sent to all; 64 usage; 65 not a clean message; 67 no such "
		 "recipient;\n68 no such host; 69 refused; 75 try again later.",
};

struct sending {
	const struct cli *cli;
	struct send_arguments args;
	struct option_list files;
	struct buf message;
	struct send_run run;
	char hostname[256];
};

static int fault(const struct cli *cli, const char *what, struct str which)
{
	fprintf(cli->err, "postern send: %s", what);
	if (which.n) {
		fputs(": ", cli->err);
		cli_print(cli->err, which);
	}
	fprintf(cli->err, "\nusage: %s\n", table.usage);
	return EX_USAGE;
}

/* "a@b", "<a@b>", "<>", "postmaster"; without brackets in the result. */
static int address_take(struct str given, bool null_ok, struct str *ret)
{
	struct smtp_path path;
	struct str rest = given;
	int e = smtp_path_parse(&rest, true, &path);

	if (e < 0 || rest.n || (path.null && !null_ok))
		return -EBADMSG;
	*ret = path.address;
	return 0;
}

/* RFC 3461 4.1 */
static int notify_take(struct str words, uint8_t *ret)
{
	static const struct {
		const char *word;
		uint8_t bit;
	} known[] = {
		{ "never", 1 }, { "success", 2 }, { "failure", 4 }, { "delay", 8 }
	};
	struct str word;
	uint8_t bits = 0;

	while (str_split(&words, ',', &word)) {
		size_t i = 0;

		while (i < COUNT_OF(known) &&
		       !str_eq_nocase(word, str_from(known[i].word)))
			i++;
		if (i == COUNT_OF(known))
			return -EBADMSG;
		bits |= known[i].bit;
	}
	if ((bits & 1) && bits != 1)
		return -EBADMSG;
	*ret = bits;
	return 0;
}

/* 0, or the exit code with the fault told. */
static int rcpts_take(struct sending *s)
{
	struct client_mail *m = &s->run.mail;
	size_t n = s->args.to.n;
	uint8_t notify = 0;

	if (notify_take(s->args.notify, &notify) < 0)
		return fault(s->cli, "--notify takes never, or success,failure,delay",
			     s->args.notify);
	m->rcpts = arena_alloc(s->cli->arena, n * sizeof(*m->rcpts));
	if (!m->rcpts)
		return EX_OSERR;
	m->rcpt_count = n;
	for (size_t i = 0; i < n; i++) {
		struct client_rcpt *r = &m->rcpts[i];

		r->notify = notify;
		if (address_take(s->args.to.v[i], false, &r->to) < 0)
			return fault(s->cli, "not an address", s->args.to.v[i]);
		m->smtputf8 = m->smtputf8 || !utf8_ascii(r->to);
	}
	return 0;
}

static int check(struct sending *s)
{
	const struct send_arguments *a = &s->args;
	struct send_run *r = &s->run;

	if (!a->server.n)
		return fault(s->cli, "where to? --server HOST:PORT", STR_NONE);
	if (!a->from.n)
		return fault(s->cli, "from whom? --from ADDRESS, or --from '<>'",
			     STR_NONE);
	if (!a->to.n)
		return fault(s->cli, "to whom? --to ADDRESS", STR_NONE);
	if (s->files.n > 1)
		return fault(s->cli, "one message at a time; not understood",
			     s->files.v[1]);
	if (client_target_parse(a->server, a->lmtp ? 24 : 25, &r->target) < 0)
		return fault(s->cli, "not HOST:PORT, [IPv6]:PORT or unix:/path",
			     a->server);
	if (a->lang.n && !str_eq(a->lang, STR("en")) && !str_eq(a->lang, STR("de")))
		return fault(s->cli, "--lang knows en and de", a->lang);
	if (a->helo.n && !smtp_helo_valid(a->helo, true))
		return fault(s->cli, "not a name for HELO", a->helo);
	if (address_take(a->from, true, &r->mail.sender) < 0)
		return fault(s->cli, "not an address", a->from);
	r->mail.smtputf8 = !utf8_ascii(r->mail.sender);
	return rcpts_take(s);
}

static int message_take(struct sending *s)
{
	struct str name = s->files.n ? s->files.v[0] : STR("-");
	FILE *in = str_eq(name, STR("-")) ? stdin : fopen(name.p, "re");
	int e;

	if (!in) {
		fprintf(s->cli->err, "postern send: cannot read %s: %s\n", name.p,
			strerror(errno));
		return EX_NOINPUT;
	}
	e = send_message_read(in, &s->message);
	if (in != stdin)
		fclose(in);
	if (!e)
		return 0;
	fprintf(s->cli->err, "postern send: cannot read %s: %s\n", name.p, strerror(-e));
	return e == -ENOMEM ? EX_OSERR : EX_NOINPUT;
}

static int64_t wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static void run_fill(struct sending *s)
{
	struct send_run *r = &s->run;
	struct str helo = s->args.helo;

	if (!helo.n) {
		if (gethostname(s->hostname, sizeof(s->hostname) - 1) < 0 ||
		    !s->hostname[0])
			memcpy(s->hostname, "localhost", sizeof("localhost"));
		helo = str_from(s->hostname);
	}
	if (s->args.add_headers)
		send_message_complete(r->mail.sender, helo, wall_us(), &s->message);
	r->options = client_options_default(helo);
	r->options.lmtp = s->args.lmtp;
	r->options.classic = s->args.classic;
	r->options.chunking = s->args.chunking;
	r->timeout_us = s->args.timeout_us;
	r->arena = s->cli->arena;
	r->content = buf_str(&s->message);
	r->mail.envid = s->args.envid;
	r->mail.body = send_message_8bit(r->content) ? CLIENT_8BITMIME : CLIENT_7BIT;
}

static int send_checked(struct sending *s)
{
	struct send_report report = {
		.cli = s->cli,
		.run = &s->run,
		.explain = s->args.explain,
		.json = s->args.json,
		.lang = str_eq(s->args.lang, STR("de")) ? RECORD_DE : RECORD_EN,
		.width = cli_width(s->args.width),
	};

	run_fill(s);
	if (s->message.err || send_run(&s->run) < 0) {
		fputs("postern send: no memory\n", s->cli->err);
		return EX_OSERR;
	}
	return send_report(&report);
}

int send_cli(const struct cli *cli)
{
	struct sending s = { .cli = cli };
	int e;

	e = options_parse(&table, cli, &s.args, &s.files);
	if (e)
		return e == 1 ? EX_OK : e == -EINVAL ? EX_USAGE : EX_OSERR;
	e = check(&s);
	if (!e)
		e = message_take(&s);
	if (!e)
		e = send_checked(&s);
	buf_done(&s.message);
	transcript_done(&s.run.note);
	return e;
}

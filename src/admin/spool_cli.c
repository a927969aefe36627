#include "admin/spool_cli.h"

#include <string.h>
#include <sysexits.h>

#include "admin/ctl_answer.h"
#include "admin/paths.h"
#include "admin/queue_print.h"
#include "admin/spool_check.h"
#include "base/mem.h"
#include "spool/inspect.h"

enum {
	LIST_CHUNK = 64,
	READ_BYTES = 65536,
	RCPTS_LISTED_MAX = 10,
	LOOK_AGAIN_MS = 200, /* a server writes for less time than that */
	LOOKS_MAX = 3,       /* for a message that its server moves meanwhile */
};

struct spool_arguments {
	struct str conf, path;
	bool json, envelope, damaged;
};

#define ARGUMENT(field) offsetof(struct spool_arguments, field)

static const struct option_spec specs[] = {
	{ "config", 'c', OPTION_TEXT, ARGUMENT(conf), "FILE",
	  "configuration that names the spool" },
	{ "path", 0, OPTION_TEXT, ARGUMENT(path), "DIR", "directory of the spool" },
	{ "json", 0, OPTION_FLAG, ARGUMENT(json), NULL, "ls, check: print JSON" },
	{ "envelope", 0, OPTION_FLAG, ARGUMENT(envelope), NULL,
	  "cat: the envelope as JSON instead of the content" },
	{ "damaged", 0, OPTION_FLAG, ARGUMENT(damaged), NULL,
	  "cat: print content also when its checksum is wrong" },
};

static const struct option_table table = {
	.usage = "postern spool ls|cat|check [ID] [option…]",
	.about = "Look into the spool on disk, whether a server runs on it or not. "
		 "Nothing "
		 "is changed.\n"
		 "  ls        the messages in it, oldest first\n"
		 "  cat       the content of one message, byte for byte\n"
		 "  check     every record and checksum; tells what is wrong and where",
	.specs = specs,
	.count = COUNT_OF(specs),
	.notes =
		"Exit status: 0; 65 (EX_DATAERR) something is wrong; 66 (EX_NOINPUT) not "
		"readable,\nor no such message; 64 usage.",
};

static const char *const verbs[] = { "ls", "cat", "check" };

struct run {
	const struct cli *cli;
	struct spool_arguments args;
	struct option_list words;
	const char *path;
	struct pool *pool;
	spool_id id;
	int code;
};

static int fault(const struct cli *cli, const char *what, struct str which)
{
	fprintf(cli->err, "postern spool: %s", what);
	if (which.n) {
		fputs(": ", cli->err);
		cli_print(cli->err, which);
	}
	fprintf(cli->err, "\nusage: %s\n", table.usage);
	return EX_USAGE;
}

static bool is(const struct run *r, const char *verb)
{
	return str_eq(r->words.v[0], str_from(verb));
}

/* 0, or the exit code with the fault told. */
static int arguments_check(struct run *r)
{
	const char *meant;

	if (!r->words.n)
		return fault(r->cli, "what to do? ls, cat, check", STR_NONE);
	if (!is(r, "ls") && !is(r, "cat") && !is(r, "check")) {
		meant = options_suggest(r->words.v[0], verbs, COUNT_OF(verbs));
		return fault(r->cli,
			     meant ? "unknown command; ls, cat or check"
				   : "unknown command",
			     r->words.v[0]);
	}
	if (is(r, "cat") != (r->words.n == 2))
		return fault(r->cli,
			     is(r, "cat") ? "cat takes one ID" : "no ID is taken here",
			     STR_NONE);
	if (!is(r, "cat") && (r->args.envelope || r->args.damaged))
		return fault(r->cli, "--envelope and --damaged are for cat", STR_NONE);
	if (is(r, "cat") && r->args.json)
		return fault(r->cli, "--json is for ls and check", STR_NONE);
	if (is(r, "cat") && spool_id_parse(r->words.v[1], &r->id) < 0)
		return fault(r->cli, "not a message id", r->words.v[1]);
	return 0;
}

/* It could not be done: with what remedy there is. */
static int world_fault(const struct run *r, int err)
{
	const char *hint = err == -EACCES || err == -EPERM
				   ? " (only root and the server's user may read it)"
			   : err == -ENOENT ? " (--path DIR or -c FILE says where it is)"
					    : "";

	fprintf(r->cli->err, "postern spool: %s: %s%s\n", r->path, strerror(-err), hint);
	return err == -ENOMEM ? EX_OSERR : EX_NOINPUT;
}

static void problem_print(void *ctx, struct str line)
{
	const struct run *r = ctx;

	fputs("postern spool: ", r->cli->err);
	cli_print(r->cli->err, line);
	fputc('\n', r->cli->err);
}

CO static int look(struct run *r, struct spool **ret)
{
	struct spool_log_options o = { .path = r->path, .shards = 1, .pool = r->pool };

	return spool_look_open(&o, false, problem_print, r, ret);
}

CO static void message_json(struct spool *s, const struct spool_head *h, size_t rcpts_max,
			    struct buf *line)
{
	struct arena arena = { 0 };
	struct envelope e;
	int rc = s->ops->load(s, h->id, &arena, &e);
	struct ctl_message m = { .head = h,
				 .envelope = &e,
				 .now_us = loop_wall_us(),
				 .rcpts_max = rcpts_max };

	buf_clear(line);
	if (rc < 0)
		ctl_answer_unreadable(line, h, rc);
	else
		ctl_answer_message(line, &m);
	if (line->n)
		line->n--; /* its line end */
	arena_done(&arena);
}

CO static void ls(struct run *r, struct spool *s)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	struct spool_head heads[LIST_CHUNK];
	struct queue_print print;
	spool_id after = 0;
	size_t n;

	queue_print_begin(&print, r->cli, STR("list"), r->args.json);
	while ((n = s->ops->list(s, after, heads, COUNT_OF(heads)))) {
		for (size_t i = 0; i < n; i++) {
			message_json(s, &heads[i], RCPTS_LISTED_MAX, &line);
			(void)queue_print_line(&print, buf_str(&line));
		}
		after = heads[n - 1].id;
	}
	r->code = queue_print_end(&print);
	if (r->code == EX_TEMPFAIL) /* one that cannot be read */
		r->code = EX_DATAERR;
}

/* 0, or an error of reading; what cannot be written is found by the last flush. */
CO static int content_print(struct run *r, struct spool *s)
{
	char *part = mem_alloc(READ_BYTES);
	ptrdiff_t got = part ? 1 : -ENOMEM;

	for (uint64_t at = 0; got > 0;) {
		got = s->ops->read(s, r->id, at, part, READ_BYTES);
		if (got <= 0)
			break;
		if (fwrite(part, 1, (size_t)got, r->cli->out) != (size_t)got)
			got = -EPIPE;
		at += got > 0 ? (uint64_t)got : 0;
	}
	mem_free(part);
	return got < 0 ? (int)got : fflush(r->cli->out) == 0 ? 0 : -EPIPE;
}

CO static int envelope_print(struct run *r, struct spool *s)
{
	CLEANUP(buf_done) struct buf line = { 0 };
	struct spool_head h;

	if (!s->ops->head(s, r->id, &h))
		return -ENOENT;
	message_json(s, &h, 0, &line);
	fprintf(r->cli->out, "%.*s\n", STR_ARG(buf_str(&line)));
	return line.err;
}

CO static void cat(struct run *r, struct spool *s)
{
	int rc;

	if (r->args.damaged)
		spool_look_damaged(s);
	rc = r->args.envelope ? envelope_print(r, s) : content_print(r, s);
	if (rc == -EUCLEAN) {
		fputs("postern spool: the content is damaged; --damaged prints what is "
		      "left of it\n",
		      r->cli->err);
		r->code = EX_DATAERR;
	} else if (rc < 0) {
		fprintf(r->cli->err, "postern spool: %s\n", strerror(-rc));
		r->code = rc == -EPIPE ? EX_IOERR : EX_NOINPUT;
	}
}

/* A server may move a message to another segment while we look. */
CO static int cat_look(struct run *r, struct spool **ret)
{
	struct spool_head h;
	int rc = look(r, ret);

	for (int i = 1; !rc && i < LOOKS_MAX && !(*ret)->ops->head(*ret, r->id, &h);
	     i++) {
		(*ret)->ops->close(*ret);
		rc = look(r, ret);
	}
	if (!rc && !(*ret)->ops->head(*ret, r->id, &h)) {
		(*ret)->ops->close(*ret);
		fputs("postern spool: no such message: ", r->cli->err);
		cli_print(r->cli->err, r->words.v[1]);
		fputc('\n', r->cli->err);
		r->code = EX_NOINPUT;
		return 1;
	}
	return rc;
}

static void fault_json(struct buf *b, const struct spool_fault *f)
{
	char id[SPOOL_ID_TEXT];

	answer_open(b, '{');
	answer_str(b, "what", f->what);
	if (f->id)
		answer_str(b, "id", spool_id_text(f->id, id));
	if (f->segment) {
		answer_u64(b, "segment", f->segment);
		answer_u64(b, "at", f->at);
		answer_u64(b, "bytes", f->bytes);
	}
	answer_close(b, '}');
}

static int check_json(const struct run *r, const struct spool_check *c)
{
	CLEANUP(buf_done) struct buf b = { 0 };

	answer_open(&b, '{');
	answer_u64(&b, "segments", c->segments);
	answer_u64(&b, "records", c->records);
	answer_u64(&b, "messages", c->messages);
	answer_u64(&b, "bytes", c->bytes);
	answer_u64(&b, "fault_count", c->count + c->more);
	answer_key(&b, "faults");
	answer_open(&b, '[');
	for (size_t i = 0; i < c->count; i++)
		fault_json(&b, &c->faults[i]);
	answer_close(&b, ']');
	answer_close(&b, '}');
	fprintf(r->cli->out, "%.*s\n", STR_ARG(buf_str(&b)));
	return b.err;
}

static void check_print(const struct run *r, const struct spool_check *c)
{
	FILE *out = r->cli->out;
	char id[SPOOL_ID_TEXT], size[16];

	for (size_t i = 0; i < c->count; i++) {
		const struct spool_fault *f = &c->faults[i];

		if (f->segment)
			fprintf(out, "segment %llu, at %llu, %llu bytes: ",
				(unsigned long long)f->segment, (unsigned long long)f->at,
				(unsigned long long)f->bytes);
		if (f->id)
			fprintf(out, "message %.*s: ", STR_ARG(spool_id_text(f->id, id)));
		cli_print(out, f->what);
		fputc('\n', out);
	}
	if (c->more)
		fprintf(out, "and %llu more\n", (unsigned long long)c->more);
	cli_size(c->bytes, size);
	fprintf(out, "%llu segments, %llu records, %s; %llu messages waiting; %s\n",
		(unsigned long long)c->segments, (unsigned long long)c->records, size,
		(unsigned long long)c->messages, c->count ? "NOT sound" : "sound");
}

CO static void check(struct run *r)
{
	struct spool_check c = { .path = r->path,
				 .pool = r->pool,
				 .arena = r->cli->arena };
	struct spool_check again = c;
	int rc = spool_check_run(&c);

	if (!rc && c.count) { /* is a server just writing there? */
		rc = co_sleep(loop_after_ms(LOOK_AGAIN_MS));
		if (!rc)
			rc = spool_check_run(&again);
		if (!rc)
			spool_check_both(&c, &again);
	}
	if (rc < 0) {
		r->code = world_fault(r, rc);
		return;
	}
	r->code = c.count ? EX_DATAERR : EX_OK;
	if (!r->args.json)
		check_print(r, &c);
	else if (check_json(r, &c) < 0)
		r->code = EX_OSERR;
}

CO static void work(void *arg)
{
	struct run *r = arg;
	struct spool *s;
	int rc;

	if (is(r, "check")) {
		check(r);
		return;
	}
	rc = is(r, "cat") ? cat_look(r, &s) : look(r, &s);
	if (rc < 0)
		r->code = world_fault(r, rc);
	if (rc)
		return;
	if (is(r, "cat"))
		cat(r, s);
	else
		ls(r, s);
	s->ops->close(s);
}

static int run(struct run *r)
{
	struct admin_paths paths = { .conf = r->args.conf, .spool = r->args.path };
	struct loop *l;
	int rc = r->args.path.n ? 0 : admin_paths_find(r->cli, &paths);

	if (rc < 0)
		return EX_CONFIG;
	r->path = arena_str(r->cli->arena, paths.spool).p;
	r->pool = pool_new(1);
	l = loop_new(NULL);
	rc = r->path && r->pool && l ? loop_run(l, work, r) : -ENOMEM;
	if (rc < 0) {
		fputs("postern spool: no memory\n", r->cli->err);
		r->code = EX_OSERR;
	}
	loop_free(l);
	pool_free(r->pool);
	return r->code;
}

int spool_cli(const struct cli *cli)
{
	struct run r = { .cli = cli };
	int e = options_parse(&table, cli, &r.args, &r.words);

	if (e == 1)
		return EX_OK;
	if (e < 0)
		return e == -EINVAL ? EX_USAGE : EX_OSERR;
	e = arguments_check(&r);
	return e ? e : run(&r);
}

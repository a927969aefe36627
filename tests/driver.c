/*
 * Runs dialogue scripts (tests/dialogue/NAME.smtp) against the server in this process:
 * memory pipes, virtual clock, spool in memory. One test per script. The language:
 *
 *   # comment
 *   conf TEXT        a line of configuration, before the first connection
 *   from ADDRESS     the client's IP from the next connection on (192.0.2.1)
 *   connect          a new connection (the first is made by itself); the old one ends
 *   also             a new connection; the old ones stay open
 *   early TEXT       a new connection whose client sends bytes (as C>) before the server
 *                    has seen it; the old ones stay open
 *   use N            go on with the N-th connection that was made
 *   chop N           the server reads at most N bytes at a time
 *   C: TEXT          the client sends a line and CRLF
 *   C> TEXT          the client sends bytes: \r \n \0 \t \\ \xHH
 *   C* N TEXT        N times C>
 *   S: PATTERN       the server sends exactly this line; * stands for anything
 *   S> CODE          a whole reply with this code, its lines whatever they are
 *   S* N CODE        N times S>
 *   until CODE       replies, until one has this code
 *   none             the server sends nothing for a second of virtual time
 *   eof              the server ends the connection
 *   close            the client ends the connection
 *   wait SPAN        virtual time passes: 4m, 30s
 *   stored N         N messages are in the spool
 *   sender ADDRESS   reverse-path of the newest one
 *   rcpt ADDRESS     it has this recipient
 *   has PATTERN      its content has such a line (LF or CRLF ended)
 *   lacks PATTERN    it has none
 *   size N           content bytes without our own trace lines
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "base/mem.h"
#include "rt/mem_pipe.h"
#include "server/server.h"

enum { SCRIPT_BYTES_MAX = MIB, PIPE_BYTES = 256 * 1024, LINE_BYTES_MAX = 16000 };

struct run {
	const char *name;
	struct str rest; /* of the script */
	unsigned line;
	char fault[400];
	struct buf conf;
	struct app_config *config;
	struct spool *spool;
	struct peers *peers;
	struct server *server;
	struct group group; /* the server's side of each connection */
	struct mem_pipe *pipes[16];
	struct stream server_io[16];
	size_t connections;
	struct stream clients[16];
	struct stream *client; /* the one in use; NULL: closed */
	struct addr peer, local;
	size_t chop;
	struct buf early; /* for the next connection */
};

static bool fail(struct run *r, const char *what, struct str detail)
{
	if (!r->fault[0])
		(void)snprintf(r->fault, sizeof(r->fault), "line %u: %s: %.*s", r->line,
			       what, detail.n > 200 ? 200 : (int)detail.n,
			       detail.p ? detail.p : "");
	return false;
}

/* '*' stands for any run of bytes. */
static bool like(struct str pattern, struct str text)
{
	while (pattern.n && pattern.p[0] != '*') {
		if (!text.n || text.p[0] != pattern.p[0])
			return false;
		pattern = str_skip(pattern, 1);
		text = str_skip(text, 1);
	}
	if (!pattern.n)
		return text.n == 0;
	for (size_t i = 0; i <= text.n; i++)
		if (like(str_skip(pattern, 1), str_skip(text, i)))
			return true;
	return false;
}

static void unescape(struct str s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c != '\\' || i + 1 == s.n) {
			buf_add_c(out, c);
			continue;
		}
		c = s.p[++i];
		if (c == 'x' && i + 2 < s.n) {
			buf_add_c(out, (char)(ch_hex_value(s.p[i + 1]) * 16 +
					      ch_hex_value(s.p[i + 2])));
			i += 2;
			continue;
		}
		buf_add_c(out, c == 'r'   ? '\r'
			       : c == 'n' ? '\n'
			       : c == 't' ? '\t'
			       : c == '0' ? 0
					  : c);
	}
}

static bool build(struct run *r)
{
	struct arena arena = { 0 };
	struct conf_diags diags = { .arena = &arena };
	CLEANUP(buf_done) struct buf faults = { 0 };
	struct app_options o = { .descriptors_max = 10000, .directory = STR("/nowhere") };
	struct server_options so = { 0 };
	bool ok = true;

	if (app_config_load(buf_str(&r->conf), STR("script"), &o, &diags, &r->config) <
	    0) {
		conf_diags_text(&diags, &faults);
		ok = fail(r, "configuration", buf_str(&faults));
	}
	arena_done(&arena);
	if (!ok)
		return false;
	if (spool_mem_open(1, &r->spool) < 0)
		return fail(r, "no spool", STR_NONE);
	so.spool = r->spool;
	so.peers = r->peers = peers_new();
	so.config = &r->config->server;
	r->server = server_new(&so);
	return r->server ? true : fail(r, "no server", STR_NONE);
}

static void serve(void *arg)
{
	struct run *r = arg;
	struct stream *io = &r->server_io[r->connections - 1];

	server_converse(r->server, io, &r->peer, &r->local);
	stream_close(io);
}

static void hang_up(struct run *r)
{
	if (r->client)
		stream_close(r->client);
	r->client = NULL;
}

/* A connection that is open already. */
static bool use(struct run *r, struct str number)
{
	uint64_t n;

	if (str_to_u64(number, r->connections, &n) < 0 || n == 0 ||
	    !r->clients[n - 1].ops)
		return fail(r, "no such connection", number);
	r->client = &r->clients[n - 1];
	return true;
}

static bool connect_to(struct run *r)
{
	struct mem_pipe *p;

	if (r->connections == COUNT_OF(r->pipes))
		return fail(r, "too many connections in one script", STR_NONE);
	p = mem_pipe_new(PIPE_BYTES);
	if (!p)
		return fail(r, "no memory", STR_NONE);
	r->pipes[r->connections] = p;
	mem_pipe_stream(p, 0, &r->server_io[r->connections]);
	r->client = &r->clients[r->connections];
	mem_pipe_stream(p, 1, r->client);
	mem_pipe_chop(p, 0, r->chop);
	r->connections++;
	stream_put(r->client, buf_str(&r->early));
	if (stream_flush(r->client) < 0)
		return fail(r, "cannot send", STR_NONE);
	buf_clear(&r->early);
	if (group_spawn(&r->group, "server", serve, r) < 0)
		return fail(r, "no coroutine", STR_NONE);
	(void)!co_yield ();
	return true;
}

static bool need(struct run *r)
{
	if (!r->server && !build(r))
		return false;
	return r->client || connect_to(r);
}

static bool send_bytes(struct run *r, struct str text, uint64_t times, bool line)
{
	CLEANUP(buf_done) struct buf bytes = { 0 };

	if (!need(r))
		return false;
	if (line)
		buf_add(&bytes, text);
	else
		unescape(text, &bytes);
	if (line)
		buf_add(&bytes, STR("\r\n"));
	stream_deadline(r->client, loop_after_ms(600000));
	while (times--)
		stream_put(r->client, buf_str(&bytes));
	return stream_flush(r->client) == 0 || fail(r, "cannot send", text);
}

static bool read_line(struct run *r, struct str *line)
{
	int e;

	if (!need(r))
		return false;
	stream_deadline(r->client, loop_after_ms(3600000));
	e = stream_line(r->client, LINE_BYTES_MAX, line);
	return e == 0 || fail(r, "no line from the server", str_from(strerror(-e)));
}

static bool expect_line(struct run *r, struct str pattern)
{
	struct str line;

	if (!read_line(r, &line))
		return false;
	return like(pattern, line) || fail(r, "the server said", line);
}

static bool expect_reply(struct run *r, struct str code)
{
	struct str line;

	do {
		if (!read_line(r, &line))
			return false;
		if (!str_starts(line, code))
			return fail(r, "the server said", line);
	} while (line.n > 3 && line.p[3] == '-');
	return true;
}

static bool expect_replies(struct run *r, struct str args)
{
	struct str count;
	uint64_t times;

	if (!str_split(&args, ' ', &count) || str_to_u64(count, 1000000, &times) < 0)
		return fail(r, "S* wants a number", args);
	while (times--)
		if (!expect_reply(r, args))
			return false;
	return true;
}

static bool read_until(struct run *r, struct str code)
{
	struct str line = STR("");

	while (!str_starts(line, code))
		if (!read_line(r, &line))
			return false;
	return true;
}

static bool expect_none(struct run *r)
{
	struct str bytes = STR_NONE;
	int e;

	if (!need(r))
		return false;
	stream_deadline(r->client, loop_after_ms(1000));
	e = stream_peek(r->client, &bytes);
	return e == -ETIMEDOUT || fail(r, "the server said something", bytes);
}

static bool expect_eof(struct run *r)
{
	struct str bytes = STR_NONE;
	int e;

	if (!need(r))
		return false;
	stream_deadline(r->client, loop_after_ms(3600000));
	e = stream_peek(r->client, &bytes);
	if (e == 0)
		return fail(r, "the server said", bytes);
	hang_up(r);
	return e == -ECONNRESET || fail(r, "the server did not close", STR_NONE);
}

static bool newest(struct run *r, struct spool_head *ret)
{
	spool_id after = 0;
	bool any = false;

	while (r->spool && r->spool->ops->list(r->spool, after, ret, 1) == 1) {
		after = ret->id;
		any = true;
	}
	return any || fail(r, "nothing is stored", STR_NONE);
}

static bool expect_stored(struct run *r, struct str number)
{
	struct spool_stats stats = { 0 };
	char have[40];
	uint64_t want;

	if (!(r->server || build(r)) || str_to_u64(number, 1000, &want) < 0)
		return fail(r, "not a number", number);
	(void)!co_yield ();
	r->spool->ops->stats(r->spool, &stats);
	(void)snprintf(have, sizeof(have), "%llu", (unsigned long long)stats.waiting);
	return stats.waiting == want || fail(r, "messages stored", str_from(have));
}

static bool expect_envelope(struct run *r, struct str sender, struct str rcpt)
{
	struct arena a = { 0 };
	struct envelope e = { 0 };
	struct spool_head h;
	bool ok = false;

	if (!newest(r, &h))
		return false;
	if (r->spool->ops->load(r->spool, h.id, &a, &e) < 0)
		fail(r, "cannot load", STR_NONE);
	else if (sender.p)
		ok = str_eq(e.sender, str_eq(sender, STR("<>")) ? STR("") : sender) ||
		     fail(r, "sender", e.sender);
	for (size_t i = 0; rcpt.p && i < e.rcpt_count; i++)
		ok = ok || str_eq(e.rcpts[i].to, rcpt);
	if (rcpt.p && !ok)
		fail(r, "no such recipient; the first is",
		     e.rcpt_count ? e.rcpts[0].to : rcpt);
	arena_done(&a);
	return ok;
}

static bool content(struct run *r, struct buf *out)
{
	struct spool_head h;
	char block[4096];
	ptrdiff_t n;

	if (!newest(r, &h))
		return false;
	while ((n = r->spool->ops->read(r->spool, h.id, out->n, block, sizeof(block))) >
	       0)
		buf_add_bytes(out, block, (size_t)n);
	return n == 0 || fail(r, "cannot read the content", STR_NONE);
}

static bool expect_content(struct run *r, struct str pattern, bool want)
{
	CLEANUP(buf_done) struct buf bytes = { 0 };
	struct str rest, line;

	if (!content(r, &bytes))
		return false;
	for (rest = buf_str(&bytes); str_split(&rest, '\n', &line);) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (like(pattern, line))
			return want || fail(r, "the content has", line);
	}
	return !want || fail(r, "no such line in the content", buf_str(&bytes));
}

/* Our Received field ends where the first line without a leading blank begins. */
static bool expect_size(struct run *r, struct str number)
{
	CLEANUP(buf_done) struct buf bytes = { 0 };
	struct str rest, line;
	char have[40];
	uint64_t want;

	if (!content(r, &bytes) || str_to_u64(number, UINT64_MAX, &want) < 0)
		return false;
	rest = buf_str(&bytes);
	(void)str_split(&rest, '\n', &line);
	while (rest.n && rest.p[0] == '\t')
		(void)str_split(&rest, '\n', &line);
	(void)snprintf(have, sizeof(have), "%zu", rest.n);
	return rest.n == want || fail(r, "size", str_from(have));
}

static bool wait_span(struct run *r, struct str span)
{
	int64_t us;

	if (!need(r))
		return false;
	if (conf_time_parse(span, &us) < 0)
		return fail(r, "not a time", span);
	return co_sleep(loop_now_us() + us) == 0;
}

static bool repeat(struct run *r, struct str args)
{
	struct str count;
	uint64_t times;

	if (!str_split(&args, ' ', &count) || str_to_u64(count, 1000000, &times) < 0)
		return fail(r, "C* wants a number", args);
	return send_bytes(r, args, times, false);
}

static bool set_peer(struct run *r, struct str ip)
{
	r->client = NULL;
	return addr_parse_ip(ip, 4711, &r->peer) == 0 || fail(r, "not an address", ip);
}

static bool set_chop(struct run *r, struct str number)
{
	uint64_t n;

	if (str_to_u64(number, 100000, &n) < 0)
		return fail(r, "not a number", number);
	r->chop = (size_t)n;
	return true;
}

static bool add_conf(struct run *r, struct str text)
{
	if (r->server)
		return fail(r, "conf comes before the first connection", text);
	buf_add(&r->conf, text);
	buf_add_c(&r->conf, '\n');
	return true;
}

static bool step(struct run *r, struct str word, struct str args)
{
	if (str_eq(word, STR("C:")))
		return send_bytes(r, args, 1, true);
	if (str_eq(word, STR("C>")))
		return send_bytes(r, args, 1, false);
	if (str_eq(word, STR("C*")))
		return repeat(r, args);
	if (str_eq(word, STR("S:")))
		return expect_line(r, args);
	if (str_eq(word, STR("S>")))
		return expect_reply(r, args);
	if (str_eq(word, STR("S*")))
		return expect_replies(r, args);
	if (str_eq(word, STR("until")))
		return read_until(r, args);
	if (str_eq(word, STR("none")))
		return expect_none(r);
	if (str_eq(word, STR("eof")))
		return expect_eof(r);
	if (str_eq(word, STR("close")))
		return hang_up(r), true;
	if (str_eq(word, STR("connect")))
		return hang_up(r), (r->server || build(r)) && connect_to(r);
	if (str_eq(word, STR("also")))
		return (r->server || build(r)) && connect_to(r);
	if (str_eq(word, STR("early")))
		return unescape(args, &r->early),
		       (r->server || build(r)) && connect_to(r);
	if (str_eq(word, STR("use")))
		return use(r, args);
	if (str_eq(word, STR("wait")))
		return wait_span(r, args);
	if (str_eq(word, STR("stored")))
		return expect_stored(r, args);
	if (str_eq(word, STR("sender")))
		return expect_envelope(r, args, STR_NONE);
	if (str_eq(word, STR("rcpt")))
		return expect_envelope(r, STR_NONE, args);
	if (str_eq(word, STR("has")))
		return expect_content(r, args, true);
	if (str_eq(word, STR("lacks")))
		return expect_content(r, args, false);
	if (str_eq(word, STR("size")))
		return expect_size(r, args);
	if (str_eq(word, STR("from")))
		return set_peer(r, args);
	if (str_eq(word, STR("chop")))
		return set_chop(r, args);
	if (str_eq(word, STR("conf")))
		return add_conf(r, args);
	return fail(r, "no such word", word);
}

static void play(struct run *r)
{
	struct str line, word;

	while (str_split(&r->rest, '\n', &line)) {
		r->line++;
		if (str_trim(line).n == 0 || line.p[0] == '#')
			continue;
		word = line;
		for (size_t i = 0; i < line.n; i++)
			if (line.p[i] == ' ') {
				word = str_sub(line, 0, i);
				break;
			}
		if (!step(r, word, str_skip(line, word.n + (word.n < line.n))))
			return;
	}
}

static void run_script(void *arg)
{
	struct run *r = arg;

	group_init(&r->group);
	play(r);
	for (size_t i = 0; i < r->connections; i++)
		stream_close(&r->clients[i]);
	group_join_until(&r->group, loop_after_ms(3600000));
	if (r->server)
		server_stop(r->server, loop_now_us());
	server_free(r->server);
	peers_free(r->peers);
	if (r->spool)
		r->spool->ops->close(r->spool);
	for (size_t i = 0; i < r->connections; i++)
		mem_pipe_free(r->pipes[i]);
	app_config_drop(r->config);
}

static const char conf_basic[] =
	"hostname = mx.example.org\n"
	"domain \"shop.net\" { deliver = discard, users = [guest, anna, postmaster] }\n";

static bool play_file(const char *path, const char *name)
{
	static char text[SCRIPT_BYTES_MAX];
	struct loop_options o = { .virtual_clock = true,
				  .virtual_wall_us = INT64_C(1795500000) * USEC_PER_SEC };
	struct run *r = mem_alloc(sizeof(*r));
	FILE *f = fopen(path, "r");
	struct loop *loop = loop_new(&o);
	static unsigned number;
	bool ok;

	if (!f || !r || !loop)
		exit(2);
	r->name = name;
	r->rest = str_of(text, fread(text, 1, sizeof(text), f));
	(void)fclose(f);
	buf_add(&r->conf, str_from(conf_basic));
	(void)!addr_parse(STR("192.0.2.1:4711"), &r->peer);
	(void)!addr_parse(STR("192.0.2.25:25"), &r->local);
	if (loop_run(loop, run_script, r) < 0)
		exit(2);
	loop_free(loop);
	buf_done(&r->conf);
	buf_done(&r->early);
	ok = !r->fault[0];
	(void)printf("%s %u %s%s%s\n", ok ? "ok" : "not ok", ++number, name,
		     ok ? "" : " # ", r->fault);
	mem_free(r);
	return ok;
}

static int script_name(const struct dirent *d)
{
	return str_ends_nocase(str_from(d->d_name), STR(".smtp"));
}

/* driver DIRECTORY [PART-OF-NAME]: prints TAP, exit 1 when one failed. */
int main(int argc, char **argv)
{
	struct dirent **list;
	unsigned passed = 0, failed = 0;
	int n = argc > 1 ? scandir(argv[1], &list, script_name, alphasort) : -1;
	char path[4096];

	if (n < 0) {
		(void)fprintf(stderr, "driver: give the directory of the scripts\n");
		return 2;
	}
	(void)!log_open(STDERR_FILENO, LOG_LOGFMT, LOG_ERROR);
	for (int i = 0; i < n; i++) {
		if (argc < 3 || strstr(list[i]->d_name, argv[2])) {
			(void)snprintf(path, sizeof(path), "%s/%s", argv[1],
				       list[i]->d_name);
			if (play_file(path, list[i]->d_name))
				passed++;
			else
				failed++;
		}
		free(list[i]);
	}
	free(list);
	log_close();
	(void)printf("%u passed, %u failed\n", passed, failed);
	return failed || !passed;
}

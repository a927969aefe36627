/* The SMTP agent against scripted peers: whose words a result holds, reuse, slices. */
#include "client/fake.h"
#include "deliver/rig.h"

enum { PEERS_MAX = 4 };

#define SCRIPT(name, ...) static const char *const name[] = { __VA_ARGS__, NULL }
#define HELLO "S 220 mx", "C EHLO me.example", "S 250 mx"

/* A next hop behind a unix socket or a port of loopback. */
struct hop {
	const char *const *const *scripts;
	size_t n, accepted;
	struct io listener, ios[PEERS_MAX];
	struct fake fakes[PEERS_MAX];
	struct group group;
	CO void (*test)(struct rig *r, const struct route *route);
	bool local; /* a unix socket */
};

static CO void hop_accept(void *arg)
{
	struct hop *h = arg;

	while (h->accepted < h->n) {
		struct addr peer, local;
		bool starved = false;
		int fd = net_accept(&h->listener, &peer, &local, &starved);
		size_t i = h->accepted;

		if (fd < 0)
			return;
		h->accepted++;
		h->fakes[i].script = h->scripts[i];
		assert_int_equal(io_open(&h->ios[i], fd), 0);
		stream_over_io(&h->fakes[i].stream, &h->ios[i]);
		assert_int_equal(group_spawn(&h->group, "fake", fake_run, &h->fakes[i]),
				 0);
	}
	io_close(&h->listener);
}

static CO void hop_main(struct rig *r)
{
	struct hop *h = r->extra;
	struct route route = { .agent = h->local ? ROUTE_LMTP : ROUTE_SMTP,
			       .key = STR("hop"),
			       .host = STR("127.0.0.1") };
	struct str path = rig_path(r, "socket");
	struct addr at;

	if (h->local)
		route.host = path;
	path = arena_printf(&r->arena, "unix:%.*s", STR_ARG(path));
	assert_int_equal(addr_parse(h->local ? path : STR("127.0.0.1:0"), &at), 0);
	assert_int_equal(io_open(&h->listener, net_listen(&at, 16)), 0);
	if (!h->local) {
		assert_int_equal(
			getsockname(h->listener.fd, (struct sockaddr *)&at.ss, &at.len),
			0);
		route.port = addr_port(&at);
	}
	group_init(&h->group);
	assert_int_equal(group_spawn(&h->group, "accept", hop_accept, h), 0);
	h->test(r, &route);
	deliver_free(r->d);
	r->d = NULL;
	assert_int_equal(co_sleep(loop_now_us() + USEC_PER_SEC), 0);
	group_cancel(&h->group);
	group_join(&h->group);
	io_close(&h->listener);
}

static void hop_run(CO void (*test)(struct rig *r, const struct route *route), size_t n,
		    const char *const *const *scripts, bool local)
{
	struct hop h = { .scripts = scripts, .n = n, .test = test, .local = local };

	rig_run(hop_main, &h);
	for (size_t i = 0; i < n; i++) {
		if (h.fakes[i].wrong.n > 0)
			fail_msg("connection %zu: %s", i, buf_cstr(&h.fakes[i].wrong));
		fake_done(&h.fakes[i]);
	}
	assert_int_equal(h.accepted, n);
}

static CO void mixed(struct rig *r, const struct route *route)
{
	struct deliver_result results[3];

	r->rcpts[2].to = STR("x\r\ny@shop.net");
	rig_deliver(r, route, 3, results);
	assert_int_equal(results[0].reply.code, 250);
	assert_str(results[0].reply.text, STR("127.0.0.1: queued as 1"));
	assert_int_equal(results[1].reply.code, 550);
	assert_str(results[1].reply.text, STR("127.0.0.1: who"));
	assert_int_equal(results[1].reply.detail, 1);
	assert_int_equal(results[2].reply.code, 501);
	assert_true(str_starts(results[2].reply.text, STR("me.example: ")));
}

/* Each result says whose word it is. */
static void test_mixed(void **state)
{
	SCRIPT(script, HELLO, "C MAIL FROM:<a@hidden.gov>", "S 250 ok",
	       "C RCPT TO:<guest@shop.net>", "S 250 ok", "C RCPT TO:<other@shop.net>",
	       "S 550 5.1.1 who", "C DATA", "S 354 go", "B", "S 250 2.0.0 queued as 1",
	       "C QUIT", "S 221 bye");
	const char *const *const scripts[] = { script };

	(void)state;
	hop_run(mixed, 1, scripts, false);
}

static CO void stored(struct rig *r, const struct route *route)
{
	struct deliver_result results[2];

	rig_deliver(r, route, 2, results);
	assert_int_equal(results[0].reply.code, 250);
	assert_int_equal(results[1].reply.code, 452);
}

/* LMTP over a unix socket. RFC 2033 4.2 */
static void test_lmtp(void **state)
{
	SCRIPT(script, "S 220 mx", "C LHLO me.example", "S 250-mx", "S 250 PIPELINING",
	       "C MAIL FROM:<a@hidden.gov>", "C RCPT TO:<guest@shop.net>",
	       "C RCPT TO:<other@shop.net>", "C DATA", "S 250 ok", "S 250 ok", "S 250 ok",
	       "S 354 go", "B", "S 250 2.0.0 stored", "S 452 4.2.2 full", "C QUIT",
	       "S 221 bye");
	const char *const *const scripts[] = { script };

	(void)state;
	hop_run(stored, 1, scripts, true);
}

#define MAIL \
	"C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<guest@shop.net>", \
		"S 250 ok", "C DATA", "S 354 go", "B", "S 250 ok"

static CO void twice(struct rig *r, const struct route *route)
{
	struct deliver_result result;

	for (size_t i = 0; i < 2; i++) {
		rig_deliver(r, route, 1, &result);
		assert_int_equal(result.reply.code, 250);
	}
}

/* The kept connection dies at its second MAIL: nothing has happened, so a fresh one is
 * tried. */
static void test_renewed(void **state)
{
	SCRIPT(closes, HELLO, MAIL, "C MAIL FROM:<a@hidden.gov>", "X");
	SCRIPT(says_421, HELLO, MAIL, "C MAIL FROM:<a@hidden.gov>", "S 421 4.4.2 idle",
	       "X");
	SCRIPT(fresh, HELLO, MAIL, "C QUIT", "S 221 bye");
	const char *const *const first[] = { closes, fresh };
	const char *const *const second[] = { says_421, fresh };

	(void)state;
	hop_run(twice, 2, first, false);
	hop_run(twice, 2, second, false);
}

static CO void unknown(struct rig *r, const struct route *route)
{
	struct deliver_result result;

	rig_deliver(r, route, 1, &result);
	assert_int_equal(result.reply.code, 451);
	assert_true(str_starts(result.reply.text,
			       STR("me.example: conversation with 127.0.0.1:")));
	assert_true(
		str_ends_nocase(result.reply.text,
				STR(" broken at the end of the data: Connection reset by "
				    "peer; it may have taken the message all the same")));
}

/* Closed after the dot: told as what it is, tried again later, not at once. */
static void test_unknown(void **state)
{
	SCRIPT(script, HELLO, "C MAIL FROM:<a@hidden.gov>", "S 250 ok",
	       "C RCPT TO:<guest@shop.net>", "S 250 ok", "C DATA", "S 354 go", "B", "X");
	const char *const *const scripts[] = { script };

	(void)state;
	hop_run(unknown, 1, scripts, false);
}

static CO void sliced(struct rig *r, const struct route *route)
{
	struct deliver_result results[3];

	rig_deliver(r, route, 3, results);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(results[i].reply.code, 250);
}

/* RFC 9422 4.2: no more recipients at a time than the hop takes. */
static void test_slices(void **state)
{
	SCRIPT(script, "S 220 mx", "C EHLO me.example", "S 250-mx",
	       "S 250 LIMITS RCPTMAX=2", "C MAIL FROM:<a@hidden.gov>", "S 250 ok",
	       "C RCPT TO:<guest@shop.net>", "S 250 ok", "C RCPT TO:<other@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "B", "S 250 ok",
	       "C MAIL FROM:<a@hidden.gov>", "S 250 ok", "C RCPT TO:<third@shop.net>",
	       "S 250 ok", "C DATA", "S 354 go", "B", "S 250 ok", "C QUIT", "S 221 bye");
	const char *const *const scripts[] = { script };

	(void)state;
	hop_run(sliced, 1, scripts, false);
}

static CO void nobody(struct rig *r, const struct route *route)
{
	struct deliver_result result;

	assert_int_equal(co_yield (), 0); /* the listener closes */
	for (size_t i = 0; i < 2; i++) {
		rig_deliver(r, route, 1, &result);
		assert_int_equal(result.reply.code, 451);
		assert_str(result.reply.text,
			   STR("me.example: cannot connect to 127.0.0.1: "
			       "Connection refused"));
		assert_int_equal(result.reply.detail, 1);
	}
}

static void test_nobody(void **state)
{
	(void)state;
	hop_run(nobody, 0, NULL, false);
}

static CO void others(struct rig *r, const struct route *unused)
{
	struct route route = { .agent = ROUTE_DISCARD };
	struct deliver_result result;

	(void)unused;
	rig_deliver(r, &route, 1, &result);
	assert_int_equal(result.reply.code, 250);
	route = (struct route){ .agent = ROUTE_FAIL,
				.reply = REPLY(550, 5, 1, 1, "gone") };
	rig_deliver(r, &route, 1, &result);
	assert_int_equal(result.reply.code, 550);
	assert_str(result.reply.text, STR("me.example: gone"));
}

static void test_others(void **state)
{
	(void)state;
	hop_run(others, 0, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mixed),   cmocka_unit_test(test_lmtp),
		cmocka_unit_test(test_renewed), cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_slices),  cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

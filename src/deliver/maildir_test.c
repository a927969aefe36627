#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "deliver/maildir_file.h"
#include "deliver/rig.h"

static struct route maildir_route(struct str mailbox)
{
	return (struct route){ .agent = ROUTE_MAILDIR,
			       .key = STR("maildir"),
			       .mailbox = mailbox };
}

/* Line ends, the two lines in front, the size in the name, nothing left in tmp. */
static CO void one(struct rig *r)
{
	struct route route = maildir_route(rig_path(r, "guest"));
	struct str want = STR(
		"Return-Path: <a@hidden.gov>\nDelivered-To: guest@shop.net\n"
		"Subject: x\n\nhello\n");
	struct deliver_result result;
	char name[256], size[32];

	rig_deliver(r, &route, 1, &result);
	assert_int_equal(result.reply.code, 250);
	assert_int_equal(dir_files(rig_path(r, "guest/tmp"), name), 0);
	assert_int_equal(dir_files(rig_path(r, "guest/cur"), name), 0);
	assert_int_equal(dir_files(rig_path(r, "guest/new"), name), 1);
	assert_str(file_text(r, rig_path(r, "guest/new"), name), want);
	snprintf(size, sizeof(size), ".me.example,S=%zu", want.n);
	assert_true(str_ends_nocase(str_from(name), str_from(size)));
}

static void test_one(void **state)
{
	(void)state;
	rig_run(one, NULL);
}

static CO void copies(struct rig *r)
{
	struct route route = maildir_route(rig_path(r, "guest"));
	struct deliver_result results[2];
	char name[256];

	r->envelope.sender = STR("");
	r->rcpts[1].to = STR("a\nX: b");
	rig_deliver(r, &route, 2, results);
	assert_int_equal(results[0].reply.code, 250);
	assert_int_equal(results[1].reply.code, 250);
	assert_int_equal(dir_files(rig_path(r, "guest/new"), name), 2);
}

/* One copy each; what an address holds makes no further header line. */
static void test_copies(void **state)
{
	(void)state;
	rig_run(copies, NULL);
}

struct many {
	struct rig *r;
	size_t i;
};

static CO void many_one(void *arg)
{
	struct many *m = arg;
	char box[16];
	struct route route;
	struct deliver_result result;

	snprintf(box, sizeof(box), "box%zu", m->i % 10);
	route = maildir_route(rig_path(m->r, box));
	rig_deliver(m->r, &route, 1, &result);
	assert_int_equal(result.reply.code, 250);
}

static CO void many(struct rig *r)
{
	struct many m[300];
	struct group g;
	char box[24], name[256];

	group_init(&g);
	for (size_t i = 0; i < COUNT_OF(m); i++) {
		m[i] = (struct many){ r, i };
		assert_int_equal(group_spawn(&g, "one", many_one, &m[i]), 0);
	}
	group_join(&g);
	for (size_t i = 0; i < 10; i++) {
		snprintf(box, sizeof(box), "box%zu/new", i);
		assert_int_equal(dir_files(rig_path(r, box), name), 30);
		snprintf(box, sizeof(box), "box%zu/tmp", i);
		assert_int_equal(dir_files(rig_path(r, box), name), 0);
	}
}

/* Many at once: done together, each mail once. */
static void test_many(void **state)
{
	(void)state;
	rig_run(many, NULL);
}

/* Lines of all lengths, so that CRLF falls on every side of a block's border. */
static struct str big_content(struct arena *a, size_t bytes, struct str *lf)
{
	char *p = arena_alloc(a, bytes), *q = arena_alloc(a, bytes);
	size_t n = 0, m = 0;

	assert_true(p && q);
	for (size_t line = 0; n + 102 < bytes; line = (line * 7 + 1) % 99) {
		memset(p + n, 'x', line);
		memset(q + m, 'x', line);
		memcpy(p + n + line, "\r\n", 2);
		q[m + line] = '\n';
		n += line + 2;
		m += line + 1;
	}
	*lf = str_of(q, m);
	return str_of(p, n);
}

static CO void big(struct rig *r)
{
	struct route route = maildir_route(rig_path(r, "guest"));
	struct deliver_result result;
	struct str want;
	char name[256];

	r->content = big_content(&r->arena, 1000000, &want);
	r->content.n -= 1; /* ends in CR */
	rig_deliver(r, &route, 1, &result);
	assert_int_equal(result.reply.code, 250);
	assert_int_equal(dir_files(rig_path(r, "guest/new"), name), 1);
	r->content = file_text(r, rig_path(r, "guest/new"), name);
	assert_true(str_starts(r->content, STR("Return-Path: ")));
	assert_true(r->content.p[r->content.n - 1] == '\r');
	r->content.n -= 1;
	want.n -= 1;
	assert_true(str_eq(str_skip(r->content, r->content.n - want.n), want));
}

static void test_big(void **state)
{
	(void)state;
	rig_run(big, NULL);
}

static CO void links(struct rig *r)
{
	static const char *const boxes[] = { "link", "box" };
	struct deliver_result result;
	char name[256];

	assert_int_equal(mkdir(rig_path(r, "victim").p, 0700), 0);
	assert_int_equal(symlink("victim", rig_path(r, "link").p), 0);
	assert_int_equal(mkdir(rig_path(r, "box").p, 0700), 0);
	assert_int_equal(symlink("../victim", rig_path(r, "box/new").p), 0);
	for (size_t i = 0; i < COUNT_OF(boxes); i++) {
		struct route route = maildir_route(rig_path(r, boxes[i]));

		rig_deliver(r, &route, 1, &result);
		assert_int_equal(result.reply.code, 451);
		assert_str(result.reply.text,
			   STR("me.example: the mailbox is no plain directory"));
	}
	assert_int_equal(dir_files(rig_path(r, "victim"), name), 0);
}

/* Whoever may write the directory cannot make us write elsewhere. */
static void test_links(void **state)
{
	(void)state;
	rig_run(links, NULL);
}

static CO void faults(struct rig *r)
{
	static const char *const bad[] = { "a/b/guest", "..", "." };
	struct deliver_result result;

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct route route = maildir_route(rig_path(r, bad[i]));

		rig_deliver(r, &route, 1, &result);
		assert_int_equal(result.reply.code, 451);
	}
}

static void test_faults(void **state)
{
	(void)state;
	rig_run(faults, NULL);
}

/* A write that fails leaves nothing behind. The limit stands in for a full disk. */
static CO void no_room(struct rig *r)
{
	struct rlimit old, low = { 100000, RLIM_INFINITY };
	struct route route = maildir_route(rig_path(r, "guest"));
	struct deliver_result result;
	struct str lf;
	char name[256];

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low.rlim_max = old.rlim_max;
	for (size_t bytes = 200000; bytes <= 400000; bytes += 200000) {
		r->content = big_content(&r->arena, bytes, &lf);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
		rig_deliver(r, &route, 1, &result);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(result.reply.code, 451);
		assert_int_equal(dir_files(rig_path(r, "guest/tmp"), name), 0);
		assert_int_equal(dir_files(rig_path(r, "guest/new"), name), 0);
	}
}

static void test_no_room(void **state)
{
	(void)state;
	rig_run(no_room, NULL);
}

/* Every cut of a text gives the same result. */
static void test_lf(void **state)
{
	struct str text = STR("a\r\n\r\nb\rc\r\r\n\r");
	struct str want = STR("a\n\nb\rc\r\n\r");

	(void)state;
	for (size_t cut = 0; cut <= text.n; cut++) {
		struct str parts[2] = { str_sub(text, 0, cut), str_skip(text, cut) };
		char out[64], block[64];
		bool held = false, back;
		size_t n = 0;

		for (size_t i = 0; i < 2; i++) {
			size_t m;

			memcpy(block + 1, parts[i].p, parts[i].n);
			m = maildir_lf(block + 1, parts[i].n, &held, &back);
			memcpy(out + n, back ? block : block + 1, m + back);
			n += m + back;
		}
		if (held)
			out[n++] = '\r';
		assert_str(str_of(out, n), want);
	}
}

/* --- the owner's side -----------------------------------------------------------------
 */

struct owner {
	struct str root;
	int refuse; /* errno instead of a process */
	pid_t child;
};

static CO int owner_open(void *ctx, struct str name)
{
	struct owner *o = ctx;
	int pair[2];

	assert_str(name, STR("somebody-else"));
	if (o->refuse)
		return -o->refuse;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	o->child = fork();
	if (o->child == 0) {
		struct deliver_local_options options = { .roots = &o->root,
							 .root_count = 1,
							 .hostname = STR("me.example") };

		close(pair[0]);
		_exit(deliver_local_serve(pair[1], &options) == 0 ? 0 : 1);
	}
	close(pair[1]);
	return pair[0];
}

/* The clock stands still meanwhile: it knows nothing of other processes. */
static CO void owner_deliver(struct rig *r, const struct route *route,
			     struct deliver_result *result)
{
	loop_outside(loop_self(), 1);
	rig_deliver(r, route, 1, result);
	loop_outside(loop_self(), -1);
}

static CO void owner(struct rig *r)
{
	struct owner o = { .root = str_from(r->dir) };
	struct deliver_local local = { owner_open, &o };
	struct route route = maildir_route(rig_path(r, "guest"));
	struct deliver_result result;
	struct str want;
	char name[256];
	int status;

	route.owner = STR("somebody-else");
	owner_deliver(r, &route, &result);
	assert_int_equal(result.reply.code, 451); /* nobody to ask */

	deliver_set_local(r->d, &local);
	o.refuse = EPERM;
	owner_deliver(r, &route, &result);
	assert_int_equal(result.reply.code, 451);

	o.refuse = 0;
	r->content = big_content(&r->arena, 100000, &want);
	owner_deliver(r, &route, &result);
	assert_int_equal(result.reply.code, 250);
	assert_int_equal(waitpid(o.child, &status, 0), o.child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(dir_files(rig_path(r, "guest/new"), name), 1);
	r->content = file_text(r, rig_path(r, "guest/new"), name);
	assert_true(str_eq(str_skip(r->content, r->content.n - want.n), want));

	/* A place that is no mailbox directory of this owner. */
	assert_int_equal(mkdir(rig_path(r, "elsewhere").p, 0700), 0);
	route.mailbox = rig_path(r, "elsewhere/guest");
	owner_deliver(r, &route, &result);
	assert_int_equal(result.reply.code, 451);
	assert_int_equal(waitpid(o.child, &status, 0), o.child);
	assert_int_equal(dir_files(rig_path(r, "elsewhere"), name), 0);
}

static void test_owner(void **state)
{
	(void)state;
	rig_run(owner, NULL);
}

/* What a worker in strange hands may send: refused, and nothing is written. */
static void test_local_requests(void **state)
{
	static const struct {
		const char *request, *answer;
		int result;
	} cases[] = {
		{ "maildir 4 0 2 0\r\n/tmp..", "74\r\n", 0 },
		{ "maildir 4 0 3 0\r\n/tmpa/b", "74\r\n", 0 },
		{ "maildir 4 0 0 0\r\n/tmp", "74\r\n", 0 },
		{ "maildir 4 0 1 3\r\n/etcaxyz", "13\r\n", 0 },
		{ "maildir 4 0 1\r\n/tmpa", "", -EPROTO },
		{ "maildir 5000 0 1 0\r\n", "", -EPROTO },
		{ "maildir 4 5000 1 0\r\n", "", -EPROTO },
		{ "maildir 4 0 300 0\r\n", "", -EPROTO },
		{ "maildir -1 0 1 0\r\n", "", -EPROTO },
		{ "maildir 4 0 1 0 9\r\n/tmpa", "", -EPROTO },
		{ "rm 4 0 1 0\r\n/tmpa", "", -EPROTO },
		{ "maildir 4 0 1 9\r\n/etca", "", -EPIPE },
		{ "maildir 4", "", -ECONNRESET },
		{ "", "", 0 },
	};
	struct str root = STR("/tmp");
	struct deliver_local_options o = { .roots = &root, .root_count = 1 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct str request = str_from(cases[i].request);
		char answer[64];
		ssize_t n;
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		assert_int_equal(write(pair[0], request.p ? request.p : "", request.n),
				 request.n);
		assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
		assert_int_equal(deliver_local_serve(pair[1], &o), cases[i].result);
		close(pair[1]);
		n = read(pair[0], answer, sizeof(answer));
		assert_str(str_of(answer, n > 0 ? (size_t)n : 0),
			   str_from(cases[i].answer));
		close(pair[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),     cmocka_unit_test(test_copies),
		cmocka_unit_test(test_many),    cmocka_unit_test(test_big),
		cmocka_unit_test(test_links),   cmocka_unit_test(test_faults),
		cmocka_unit_test(test_no_room), cmocka_unit_test(test_lf),
		cmocka_unit_test(test_owner),   cmocka_unit_test(test_local_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

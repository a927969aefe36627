#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "inspect/inspector.h"
#include "inspect/sandbox.h"

#define MAIL \
	STR("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; " \
	    "boundary=b\r\n\r\n--b\r\n" \
	    "Content-Disposition: attachment; " \
	    "filename*=koi8-r''%c6.pdf.exe\r\n\r\n" \
	    "MZ something\r\n--b--\r\n")

static int64_t soon(void)
{
	return inspector_now_us() + 60 * USEC_PER_SEC;
}

static void assert_same(const struct inspect_report *a, const struct inspect_report *b)
{
	assert_int_equal(a->worst, b->worst);
	assert_int_equal(a->object_count, b->object_count);
	assert_int_equal(a->finding_count, b->finding_count);
	assert_int_equal(a->mime_finding_count, b->mime_finding_count);
	for (size_t i = 0; i < a->object_count; i++) {
		assert_str(a->objects[i].path, b->objects[i].path);
		assert_str(a->objects[i].name, b->objects[i].name);
		assert_string_equal(a->objects[i].view, b->objects[i].view);
		assert_memory_equal(a->objects[i].sha256, b->objects[i].sha256,
				    INSPECT_HASH_BYTES);
	}
	for (size_t i = 0; i < a->finding_count; i++) {
		assert_int_equal(a->findings[i].kind, b->findings[i].kind);
		assert_int_equal(a->findings[i].object, b->findings[i].object);
		assert_str(a->findings[i].excerpt, b->findings[i].excerpt);
	}
}

/* Every cut of an answer, and every bit of it turned around: refused, or a report. */
static void test_answer_is_not_trusted(void **state)
{
	struct arena arena = { 0 };
	struct buf out = { 0 };
	struct inspect *in = inspect_new();
	struct inspect_report back;
	const struct inspect_report *r;

	(void)state;
	inspect_feed(in, MAIL);
	r = inspect_finish(in);
	answer_write(r, &out);
	assert_int_equal(answer_read(buf_str(&out), &arena, &back), 0);
	assert_same(r, &back);
	for (size_t n = 0; n < out.n; n++)
		assert_int_equal(answer_read(str_of(out.p, n), &arena, &back), -EBADMSG);
	for (size_t bit = 0; bit < out.n * 8; bit++) {
		out.p[bit / 8] ^= (char)(1 << bit % 8);
		assert_in_range(-answer_read(buf_str(&out), &arena, &back), 0, EBADMSG);
		out.p[bit / 8] ^= (char)(1 << bit % 8);
		arena_reset(&arena);
	}
	buf_done(&out);
	inspect_free(in);
	arena_done(&arena);
}

/* The same report from inside the sandbox, charsets included; several in a row. */
static void test_same_report_from_the_sandbox(void **state)
{
	struct arena arena = { 0 };
	struct inspect *in = inspect_new();
	struct inspector i;
	struct inspect_report back;
	const struct inspect_report *r;

	(void)state;
	assert_int_equal(inspector_start(&i), 0); /* before this process loads charsets */
	inspect_feed(in, MAIL);
	r = inspect_finish(in);
	for (int n = 0; n < 3; n++) {
		for (size_t at = 0; at < MAIL.n; at += 50)
			assert_int_equal(inspector_send(&i, FRAME_MESSAGE,
							str_sub(MAIL, at, 50), soon()),
					 0);
		assert_int_equal(inspector_send(&i, FRAME_END, STR(""), soon()), 0);
		assert_int_equal(inspector_answer(&i, &arena, soon(), &back), 0);
		assert_same(r, &back);
	}
	assert_int_equal(inspector_send(&i, FRAME_NAME, STR("x.exe"), soon()), 0);
	assert_int_equal(inspector_send(&i, FRAME_FILE, STR("MZ"), soon()), 0);
	assert_int_equal(inspector_send(&i, FRAME_END, STR(""), soon()), 0);
	assert_int_equal(inspector_answer(&i, &arena, soon(), &back), 0);
	assert_int_equal(back.object_count, 1);
	assert_str(back.objects[0].name, STR("x.exe"));
	inspector_stop(&i);
	inspect_free(in);
	arena_done(&arena);
}

static void test_killed_and_hanging(void **state)
{
	struct arena arena = { 0 };
	struct inspect_report back;
	struct inspector i;

	(void)state;
	assert_int_equal(inspector_start(&i), 0);
	assert_int_equal(inspector_send(&i, FRAME_MESSAGE, MAIL, soon()), 0);
	(void)kill(i.pid, SIGKILL);
	assert_int_equal(inspector_answer(&i, &arena, soon(), &back), -EPIPE);
	inspector_stop(&i);
	inspector_stop(&i); /* twice is fine */
	assert_int_equal(inspector_start(&i), 0);
	(void)kill(i.pid, SIGSTOP);
	assert_int_equal(inspector_send(&i, FRAME_END, STR(""), soon()), 0);
	assert_int_equal(inspector_answer(&i, &arena, inspector_now_us(), &back),
			 -ETIMEDOUT);
	inspector_stop(&i);
	arena_done(&arena);
}

static void test_nonsense(void **state)
{
	static const struct str answers[] = { STR_INIT("e\0\0\0\3abc"),
					      STR_INIT("x\0\0\0\0"),
					      STR_INIT("e\0\0\0\0"),
					      STR_INIT("e\xff\xff\xff\xff") };
	struct arena arena = { 0 };
	struct inspect_report back;
	int fds[2];

	(void)state;
	for (size_t n = 0; n < COUNT_OF(answers); n++) {
		struct inspector i = { 0 };

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		assert_int_equal(write(fds[1], answers[n].p, answers[n].n), answers[n].n);
		i.fd = fds[0];
		assert_int_equal(inspector_answer(&i, &arena, soon(), &back), -EBADMSG);
		close(fds[0]);
		close(fds[1]);
	}
	arena_done(&arena);
}

/* In a child: what of these is possible inside? Each that is sets a bit. */
static int possible_inside(void)
{
	int found = 0;

	if (sandbox_enter() < 0)
		return 128;
	found |= open("/etc/passwd", O_RDONLY) >= 0 ? 1 : 0;
	found |= socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 2 : 0;
	found |= fork() >= 0 ? 4 : 0;
	found |= kill(getppid(), 0) == 0 ? 8 : 0;
	found |= memfd_create("x", 0) >= 0 ? 16 : 0;
	found |= unlink("/tmp/nothing-of-that-name") == 0 || errno != EPERM ? 32 : 0;
	return found;
}

static void test_sandbox(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(possible_inside());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_same_report_from_the_sandbox), /* first: see there */
		cmocka_unit_test(test_answer_is_not_trusted),
		cmocka_unit_test(test_killed_and_hanging),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_sandbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

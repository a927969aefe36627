/* tools/gdb/co.py for real: on a live process and on a core dump of it. */
#include "base/test.h"

#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/inside.h"
#include "rt/stream.h"

enum { TEXT_MAX = 65536, ARGS_MAX = 20 };

/* The process that is looked at: three coroutines parked at known places. */

static struct waiter sleeping;

static __attribute__((noipa)) CO void parked_deep_inside(int depth)
{
	volatile int here = depth;

	if (here > 0)
		parked_deep_inside(here - 1);
	else
		(void)!co_wait(&sleeping, DEADLINE_NEVER, "a wake-up call");
	here = 0;
}

static CO void sleeper_body(void *arg)
{
	(void)arg;
	parked_deep_inside(2);
	__asm__ volatile(""); /* not a tail call: this frame is looked for */
}

static CO void parked_reader(void *arg)
{
	struct str line;

	(void)!stream_line(arg, 512, &line);
}

static int told;

/* At the end of the first turn all are parked. */
static void tell(struct loop_hook *h)
{
	(void)h;
	if (loop_stats(loop_self()).turns == 1)
		(void)!write(told, "x", 1);
}

static CO void parked_main(void *arg)
{
	int *fds = arg;
	struct loop_hook hook = { .fn = tell };
	struct stream s;
	struct group g;
	struct io io;

	loop_hook_add(loop_self(), &hook);
	group_init(&g);
	if (io_open(&io, fds[0]) < 0)
		_exit(1);
	stream_over_io(&s, &io);
	if (group_spawn(&g, "the sleeper", sleeper_body, NULL) < 0 ||
	    group_spawn(&g, "the reader", parked_reader, &s) < 0)
		_exit(1);
	told = fds[1];
	(void)!co_yield ();
	group_join(&g);
}

static _Noreturn void parked_process(const char *dir, int read_end, int tell_fd)
{
	struct loop *l = loop_new(NULL);
	int fds[2] = { read_end, tell_fd };
	/* The shadow of a sanitizer would make a core of many gigabytes. */
	struct rlimit core = { 0 };

	(void)getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = RT_ASAN || RT_TSAN ? 0 : core.rlim_max;
	if (setrlimit(RLIMIT_CORE, &core) < 0 || chdir(dir) < 0)
		_exit(1);
	signal(SIGABRT, SIG_DFL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Where only ancestors may trace, let gdb, which is a sibling. */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	_exit(!l || loop_run(l, parked_main, fds));
}

/* Run gdb and collect what it prints. False: there is no gdb. */
static bool gdb_run(const char *const args[], char text[TEXT_MAX])
{
	const char *argv[ARGS_MAX] = { "gdb", "-nx", "-batch", "-iex",
				       "set debuginfod enabled off" };
	size_t n = 5, at = 0;
	ssize_t got;
	int fds[2], status;
	pid_t pid;

	for (size_t i = 0; args[i]; i++)
		argv[n++] = args[i];
	assert_true(n < ARGS_MAX && pipe(fds) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		execvp("gdb", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	while ((got = read(fds[0], text + at, TEXT_MAX - 1 - at)) > 0)
		at += (size_t)got;
	close(fds[0]);
	text[at] = 0;
	assert_true(waitpid(pid, &status, 0) == pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 127;
}

static void assert_has(const char *text, const char *what)
{
	if (strstr(text, what))
		return;
	(void)fprintf(stderr, "no \"%s\" in:\n%s\n", what, text);
	fail();
}

static void assert_all_shown(const char *text)
{
	const char *deep = text;

	assert_has(text, "main, waits: group\n");
	assert_has(text, "the sleeper, waits: a wake-up call\n");
	assert_has(text, "the reader, waits: read\n");
	assert_has(text, "parked_main (");
	assert_has(text, "parked_reader (");
	assert_has(text, "stream_line (");
	for (int depth = 0; depth < 3; depth++) {
		deep = strstr(deep ? deep + 1 : "", "parked_deep_inside (");
		assert_non_null(deep);
	}
	assert_has(deep ? deep : "", "sleeper_body (");
	assert_has(deep ? deep : "", "co_first ()");
	assert_null(strstr(text, "corrupt"));
}

static void exe_path(char *ret, size_t n)
{
	ssize_t got = readlink("/proc/self/exe", ret, n - 1);

	assert_true(got > 0);
	ret[got] = 0;
}

/* The script lies in the source tree, which __FILE__ names as seen from the build. */
static void script_path(char *ret, size_t n)
{
	char exe[512], file[] = __FILE__;

	exe_path(exe, sizeof(exe));
	if (file[0] == '/')
		(void)snprintf(ret, n, "%s/../../tools/gdb/co.py", dirname(file));
	else
		(void)snprintf(ret, n, "%s/../%s/../../tools/gdb/co.py", dirname(exe),
			       dirname(file));
}

/* Why gdb could not do it here; NULL: it did. */
static const char *excuse(const char *text)
{
	if (strstr(text, "Operation not permitted"))
		return "gdb may not attach here";
	if (strstr(text, "no debug information"))
		return "built without debug information";
	return NULL;
}

/* False: it cannot be done here, and that was said. */
static bool look_alive(pid_t pid, const char *script, char text[TEXT_MAX])
{
	char pid_text[16];
	const char *const args[] = { "-p",  pid_text,           "-x", script, "-ex", "co",
				     "-ex", "co 1 info locals", NULL };
	const char *why;

	(void)snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	why = gdb_run(args, text) ? excuse(text) : "there is no gdb";
	if (why)
		print_message("skipped: %s\n", why);
	else
		assert_all_shown(text);
	return !why;
}

/* End the process with a core dump in its directory. The dump's path, or "" without one.
 */
static void core_make(pid_t pid, const char *dir, char *ret, size_t n)
{
	int status;

	kill(pid, SIGABRT);
	assert_true(waitpid(pid, &status, 0) == pid);
	(void)snprintf(ret, n, "%s/core", dir);
	if (access(ret, R_OK) < 0)
		(void)snprintf(ret, n, "%s/core.%d", dir, (int)pid);
	if (access(ret, R_OK) < 0)
		ret[0] = 0;
}

static void look_dead(const char *core, const char *script, char text[TEXT_MAX])
{
	char exe[512];
	const char *const args[] = { exe, core, "-x", script, "-ex", "co", NULL };

	if (!core[0]) {
		print_message("skipped: no core dump (core_pattern, or a sanitizer)\n");
		return;
	}
	exe_path(exe, sizeof(exe));
	assert_true(gdb_run(args, text));
	assert_all_shown(text);
}

static void every_coroutine_is_shown_live_and_dead(void **state)
{
	static char text[TEXT_MAX];
	char dir[] = "/tmp/postern-gdb-XXXXXX", script[1024], core[64], c;
	int data[2], ready[2];
	bool alive_shown;
	pid_t pid;

	(void)state;
	script_path(script, sizeof(script));
	assert_non_null(mkdtemp(dir));
	assert_int_equal(pipe(data), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0)
		parked_process(dir, data[0], ready[1]);
	assert_true(pid > 0 && read(ready[0], &c, 1) == 1);
	alive_shown = look_alive(pid, script, text);
	core_make(pid, dir, core, sizeof(core));
	if (alive_shown)
		look_dead(core, script, text);
	unlink(core);
	rmdir(dir);
	for (int i = 0; i < 2; i++) {
		close(data[i]);
		close(ready[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_coroutine_is_shown_live_and_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

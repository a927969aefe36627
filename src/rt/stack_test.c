#include "base/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/inside.h"
#include "rt/memcheck.h"

static void stacks_are_reused_last_in_first_out(void **state)
{
	struct stack_pool p;
	struct stack *s[200], *again;

	(void)state;
	stack_pool_init(&p, 64 * KIB, sizeof(struct co));
	for (size_t i = 0; i < COUNT_OF(s); i++) {
		s[i] = stack_take(&p);
		assert_non_null(s[i]);
		memset(s[i]->lo, 1, stack_bytes(s[i]));
	}
	stack_give(&p, s[7]);
	stack_give(&p, s[9]);
	again = stack_take(&p);
	assert_ptr_equal(again, s[9]);
	again = stack_take(&p);
	assert_ptr_equal(again, s[7]);
	for (size_t i = 0; i < COUNT_OF(s); i++)
		stack_give(&p, s[i]);
	stack_pool_done(&p);
}

static void high_water_is_the_lowest_byte_used(void **state)
{
	struct stack_pool p;
	struct stack *s;

	(void)state;
	stack_pool_init(&p, 64 * KIB, sizeof(struct co));
	s = stack_take(&p);
	assert_non_null(s);
	assert_int_equal(stack_high(s), 0);
	s->lo[stack_bytes(s) - 5000] = 1;
	assert_int_equal(stack_high(s), 5000);
	s->lo[stack_bytes(s) - 100] = 1;
	assert_int_equal(stack_high(s), 5000);
	s->lo[0] = 1;
	assert_int_equal(stack_high(s), stack_bytes(s));
	stack_give(&p, s);
	stack_pool_done(&p);
}

/* Without guard markers the pool stops itself before the process is out of mappings. */
static void protected_guards_stop_before_max_map_count(void **state)
{
	struct stack_pool p;
	struct stack *s, *first = NULL;
	size_t n = 0;

	(void)state;
	if (RT_ASAN || RT_TSAN || RUNNING_ON_VALGRIND) {
		print_message("skipped: too many mappings for a sanitizer or valgrind\n");
		return;
	}
	stack_pool_init(&p, 8 * KIB, sizeof(struct co));
	p.by_mprotect = true;
	while (n < 40000 && (s = stack_take(&p)) != NULL) {
		s->next = first;
		first = s;
		n++;
	}
	assert_true(n > 10000 && n < 40000);
	assert_true(sysconf(_SC_PAGESIZE) == 4096);
	while (first) {
		s = first;
		first = s->next;
		stack_give(&p, s);
	}
	stack_pool_done(&p);
}

static CO int recurse(volatile char *above, int depth)
{
	volatile char here[512];

	here[0] = above[0];
	/* Not a tail call, so that every level has its frame. */
	return depth == 0 ? 0 : recurse(here, depth - 1) + here[0];
}

static CO void overflow_body(void *arg)
{
	volatile char zero[1] = { 0 };

	_exit(recurse(zero, *(int *)arg) == 0 ? 0 : 1);
}

static int overflow_status(int depth, bool by_mprotect)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct loop *l = loop_new(NULL);

		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		if (!freopen("/dev/null", "w", stderr) || !l)
			_exit(2);
		l->stacks.by_mprotect = by_mprotect;
		_exit(loop_run(l, overflow_body, &depth));
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

static void too_deep_a_call_dies_at_the_guard(void **state)
{
	(void)state;
	for (int by_mprotect = 0; by_mprotect < 2; by_mprotect++) {
		int status = overflow_status(20, by_mprotect);

		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		status = overflow_status(5000, by_mprotect);
		assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSEGV
						: WEXITSTATUS(status) != 0);
	}
}

static CO void used_body(void *arg)
{
	size_t used = co_stack_used();
	char block[3000];

	(void)arg;
	memset(block, 7, sizeof(block));
	__asm__ volatile("" : : "r"(block) : "memory");
	assert_true(used > 0 && used < 10000);
	assert_true(co_stack_high() >= used);
	assert_true(RT_ASAN || co_stack_high() > 3000);
	assert_true(co_stack_high() < 64 * KIB);
}

static void a_coroutine_knows_its_stack(void **state)
{
	struct loop *l = loop_new(NULL);

	(void)state;
	assert_non_null(l);
	assert_int_equal(loop_run(l, used_body, NULL), 0);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_are_reused_last_in_first_out),
		cmocka_unit_test(high_water_is_the_lowest_byte_used),
		cmocka_unit_test(protected_guards_stop_before_max_map_count),
		cmocka_unit_test(too_deep_a_call_dies_at_the_guard),
		cmocka_unit_test(a_coroutine_knows_its_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

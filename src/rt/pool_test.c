#include "base/mem.h"
#include "base/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "rt/file.h"
#include "rt/inside.h"

static void run(bool virtual_clock, co_fn *fn, void *arg)
{
	struct loop_options o = { .virtual_clock = virtual_clock };
	struct loop *l = loop_new(&o);

	assert_non_null(l);
	assert_int_equal(loop_run(l, fn, arg), 0);
	loop_free(l);
}

/* Posts of several threads: each thread's arrive in its order, none is lost. */
enum { THREADS = 4, POSTS = 2000 };

struct poster {
	struct loop *loop;
	struct waiter *done;
	int seen, *threads_left;
	struct numbered {
		struct post post;
		struct poster *poster;
		int number;
	} posts[POSTS];
};

static void post_arrived(struct post *post)
{
	struct numbered *n = CONTAINER_OF(post, struct numbered, post);
	struct poster *p = n->poster;

	assert_ptr_equal(loop_self(), p->loop);
	assert_int_equal(n->number, p->seen);
	p->seen++;
	if (p->seen == POSTS && --*p->threads_left == 0)
		co_wake(p->done);
}

static void *poster_main(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < POSTS; i++)
		loop_post(p->loop, &p->posts[i].post);
	return NULL;
}

static CO void posts_body(void *arg)
{
	struct poster *posters = mem_alloc(THREADS * sizeof(*posters));
	struct waiter done = { 0 };
	pthread_t threads[THREADS];
	int left = THREADS;

	(void)arg;
	assert_non_null(posters);
	for (int t = 0; t < THREADS; t++) {
		struct poster *p = &posters[t];

		p->loop = loop_self();
		p->done = &done;
		p->threads_left = &left;
		for (int i = 0; i < POSTS; i++)
			p->posts[i] = (struct numbered){ .post.fn = post_arrived,
							 .poster = p,
							 .number = i };
		assert_int_equal(pthread_create(&threads[t], NULL, poster_main, p), 0);
	}
	loop_outside(loop_self(), +1);
	assert_int_equal(co_wait(&done, DEADLINE_NEVER, "posts"), 0);
	loop_outside(loop_self(), -1);
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	mem_free(posters);
}

static void posts_of_many_threads_arrive_in_order(void **state)
{
	(void)state;
	run(false, posts_body, NULL);
	run(true, posts_body, NULL);
}

struct numbers {
	struct pool *pool;
	int at, done;
	int64_t start_us;
	pthread_t loop_thread;
};

static int square(void *arg)
{
	const int *n = arg;

	return *n * *n;
}

static CO void square_body(void *arg)
{
	struct numbers *all = arg;
	int n = all->at++;

	for (int i = 0; i < 20; i++)
		assert_int_equal(pool_run(all->pool, square, &n, "square"), n * n);
	/* A virtual clock stands still while threads work. */
	assert_true(loop_now_us() == all->start_us);
	all->done++;
}

static CO void timer_body(void *arg)
{
	struct numbers *all = arg;

	assert_int_equal(co_sleep(loop_after_ms(1)), 0);
	assert_int_equal(all->done, 50);
}

static CO void pool_body(void *arg)
{
	struct numbers all = { .pool = arg, .start_us = loop_now_us() };
	struct group g;

	group_init(&g);
	assert_int_equal(group_spawn(&g, "timer", timer_body, &all), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(group_spawn(&g, "square", square_body, &all), 0);
	group_join(&g);
	assert_int_equal(all.done, 50);
}

static void the_pool_runs_jobs_while_a_virtual_clock_stands(void **state)
{
	struct pool *pool = pool_new(3);

	(void)state;
	assert_non_null(pool);
	run(true, pool_body, pool);
	run(true, pool_body, pool);
	pool_free(pool);
}

/* Ends once the loop sleeps in the kernel; gives up when it turns and turns instead. */
static int until_asleep(void *arg)
{
	struct loop *l = arg;

	for (int i = 0; i < 1000000 && !atomic_load(&l->asleep); i++)
		sched_yield();
	return atomic_load(&l->asleep) ? 0 : -EBUSY;
}

static CO void asleep_body(void *arg)
{
	assert_int_equal(pool_run(arg, until_asleep, loop_self(), "sleep"), 0);
}

static void a_virtual_clock_sleeps_while_threads_work(void **state)
{
	struct pool *pool = pool_new(1);

	(void)state;
	run(true, asleep_body, pool);
	pool_free(pool);
}

struct borrowed {
	struct pool *pool;
	int fds[2];
	bool done;
};

static int read_byte(void *arg)
{
	const struct borrowed *b = arg;
	char c;

	return read(b->fds[0], &c, 1) == 1 ? c : -errno;
}

static CO void borrow_body(void *arg)
{
	struct borrowed *b = arg;

	assert_int_equal(pool_run(b->pool, read_byte, b, "byte"), 'x');
	assert_true(co_cancelled());
	b->done = true;
}

static CO void borrowed_body(void *arg)
{
	struct borrowed b = { .pool = arg };
	struct group g;

	assert_int_equal(pipe(b.fds), 0);
	group_init(&g);
	assert_int_equal(group_spawn(&g, "borrow", borrow_body, &b), 0);
	assert_int_equal(co_yield (), 0);
	group_cancel(&g);
	assert_int_equal(co_yield (), 0);
	assert_false(b.done);
	assert_int_equal(write(b.fds[1], "x", 1), 1);
	group_join(&g);
	assert_true(b.done);
	close(b.fds[0]);
	close(b.fds[1]);
}

static void a_job_is_not_left_by_cancellation(void **state)
{
	struct pool *pool = pool_new(1);

	(void)state;
	run(true, borrowed_body, pool);
	pool_free(pool);
}

static CO void file_body(void *arg)
{
	struct pool *pool = arg;
	char path[] = "/tmp/postern-file-XXXXXX", part[8];
	struct arena a = { 0 };
	struct str text = STR("untouched");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(file_sync(pool, fd), 0);
	assert_int_equal(file_pread(pool, fd, part, sizeof(part), 1), 8);
	assert_memory_equal(part, "12345678", 8);
	assert_int_equal(file_pread(pool, fd, part, sizeof(part), 8), 2);
	assert_int_equal(file_pread(pool, -1, part, sizeof(part), 8), -EBADF);
	assert_int_equal(file_read_all(pool, path, 9, &a, &text), -EFBIG);
	assert_int_equal(file_read_all(pool, "/nonexistent", 9, &a, &text), -ENOENT);
	assert_str(text, STR("untouched"));
	assert_int_equal(file_read_all(pool, path, 10, &a, &text), 0);
	assert_str(text, STR("0123456789"));
	assert_int_equal(file_sync(pool, -1), -EBADF);
	close(fd);
	unlink(path);
	arena_done(&a);
}

static void files_are_read_by_the_pool(void **state)
{
	struct pool *pool = pool_new(1);

	(void)state;
	run(true, file_body, pool);
	pool_free(pool);
}

/* Two loops in two threads that share a pool. */
static void *second_loop(void *arg)
{
	run(true, pool_body, arg);
	return NULL;
}

static void loops_of_two_threads_share_a_pool(void **state)
{
	struct pool *pool = pool_new(2);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, second_loop, pool), 0);
	run(true, pool_body, pool);
	pthread_join(thread, NULL);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_of_many_threads_arrive_in_order),
		cmocka_unit_test(the_pool_runs_jobs_while_a_virtual_clock_stands),
		cmocka_unit_test(a_virtual_clock_sleeps_while_threads_work),
		cmocka_unit_test(a_job_is_not_left_by_cancellation),
		cmocka_unit_test(files_are_read_by_the_pool),
		cmocka_unit_test(loops_of_two_threads_share_a_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

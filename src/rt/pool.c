#include "rt/pool.h"

#include <pthread.h>
#include <signal.h>

#include "base/mem.h"

struct job {
	struct list node;
	int (*fn)(void *arg);
	void *arg;
	int result;
	struct post post;
	struct loop *loop;
	struct waiter done;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list jobs;
	bool ending;
	unsigned n;
	pthread_t threads[];
};

static void *thread_main(void *arg)
{
	struct pool *p = arg;

	(void)pthread_setname_np(pthread_self(), "pool");
	pthread_mutex_lock(&p->lock);
	while (!p->ending || !list_empty(&p->jobs)) {
		struct list *node = list_pop_front(&p->jobs);
		struct job *job;

		if (!node) {
			pthread_cond_wait(&p->work, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		job = LIST_ITEM(node, struct job, node);
		job->result = job->fn(job->arg);
		loop_post(job->loop, &job->post); /* job may be gone now */
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals belong to the loop's thread. False: the system has no more threads. */
static bool threads_start(struct pool *p, unsigned n)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (p->n < n && pthread_create(&p->threads[p->n], NULL, thread_main, p) == 0)
		p->n++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return p->n == n;
}

struct pool *pool_new(unsigned threads)
{
	struct pool *p = mem_alloc(sizeof(*p) + threads * sizeof(p->threads[0]));

	assert(threads);
	if (!p)
		return NULL;
	list_init(&p->jobs);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	if (!threads_start(p, threads)) {
		pool_free(p);
		return NULL;
	}
	return p;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	assert(list_empty(&p->jobs));
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

static void job_done(struct post *post)
{
	struct job *job = CONTAINER_OF(post, struct job, post);

	loop_outside(job->loop, -1);
	co_wake(&job->done);
}

CO int pool_run(struct pool *p, int (*fn)(void *arg), void *arg, const char *what)
{
	struct job job = {
		.fn = fn, .arg = arg, .post.fn = job_done, .loop = loop_self()
	};

	loop_outside(job.loop, +1);
	pthread_mutex_lock(&p->lock);
	list_push_back(&p->jobs, &job.node);
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	co_wait_shielded(&job.done, what);
	return job.result;
}

/* Opening and closing the segment log. */
#include <time.h>

#include "base/mem.h"
#include "log/log.h"
#include "spool/store.h"

enum {
	SEGMENT_BYTES = 64 * 1024 * 1024,
	INLINE_BYTES_MAX = 1024 * 1024,
	DRAFT_MEMORY_BYTES = 256 * 1024 * 1024,
	BACKOFF_US_LEAST = 100000,
	COMMIT_US_MAX = 30000000,
	WAIT_DAYS_MAX = 14,
	CLOSE_TRIES = 5,
};

static void options_fill(struct store *st, const struct spool_log_options *o)
{
	struct spool_log_options *mine = &st->options;

	*mine = *o;
	mine->path = NULL;
	if (!mine->segment_bytes)
		mine->segment_bytes = SEGMENT_BYTES;
	if (mine->segment_bytes < SEGMENT_BYTES_LEAST)
		mine->segment_bytes = SEGMENT_BYTES_LEAST;
	if (!mine->inline_bytes_max)
		mine->inline_bytes_max = INLINE_BYTES_MAX;
	if (mine->inline_bytes_max > mine->segment_bytes / 4)
		mine->inline_bytes_max = mine->segment_bytes / 4;
	if (!mine->wait_us_max)
		mine->wait_us_max = WAIT_DAYS_MAX * 86400 * USEC_PER_SEC;
	if (!mine->commit_us)
		mine->commit_us = COMMIT_US_MAX;
	if (!mine->draft_memory_bytes)
		mine->draft_memory_bytes = DRAFT_MEMORY_BYTES;
}

void store_free(struct store *st)
{
	struct map_node *n;
	struct item *it;

	while ((it = index_after(&st->index, 0))) {
		index_drop(&st->index, it);
		mem_free(it);
	}
	while ((n = map_each(&st->segments, NULL))) {
		map_remove(&st->segments, n);
		store_segment_free(st, CONTAINER_OF(n, struct segment, node));
	}
	for (unsigned i = 0; st->stocks && i < st->index.shard_count; i++) {
		struct block **list[] = { &st->stocks[i].small, &st->stocks[i].large };

		for (size_t k = 0; k < COUNT_OF(list); k++)
			while (*list[k]) {
				struct block *b = *list[k];

				*list[k] = b->next;
				mem_free(b);
			}
	}
	mem_free(st->stocks);
	map_done(&st->segments);
	map_done(&st->pending);
	pthread_cond_destroy(&st->committer_wake);
	pthread_cond_destroy(&st->keeper_wake);
	pthread_cond_destroy(&st->watch_wake);
	index_done(&st->index);
	st->disk->ops->done(st->disk);
	mem_free(st);
}

int store_new(struct disk *d, const struct spool_log_options *o, struct store **ret)
{
	struct store *st = mem_alloc(sizeof(*st));
	pthread_condattr_t attr;
	int rc;

	rc = st ? index_init(&st->index, o->shards) : -ENOMEM;
	if (rc < 0) {
		d->ops->done(d);
		mem_free(st);
		return rc;
	}
	st->disk = d;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&st->committer_wake, &attr);
	pthread_cond_init(&st->keeper_wake, &attr);
	pthread_cond_init(&st->watch_wake, &attr);
	pthread_condattr_destroy(&attr);
	options_fill(st, o);
	st->spool.ops = &store_ops;
	st->backoff_us_least = BACKOFF_US_LEAST;
	st->pool = o->pool;
	list_init(&st->queue);
	list_init(&st->unflushed);
	list_init(&st->trash);
	list_init(&st->waiting);
	st->stocks = mem_alloc(o->shards * sizeof(*st->stocks));
	if (!st->stocks) {
		store_free(st);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < o->shards; i++)
		group_init(&st->stocks[i].helpers);
	*ret = st;
	return 0;
}

/* Lock held. */
static void threads_stop(struct store *st)
{
	st->stop = true;
	pthread_cond_signal(&st->committer_wake);
	pthread_cond_signal(&st->keeper_wake);
	pthread_cond_signal(&st->watch_wake);
}

static int threads_start(struct store *st)
{
	static void *(*const mains[])(void *) = { committer_main, keeper_main,
						  watch_main };
	pthread_t *const threads[] = { &st->committer, &st->keeper, &st->watcher };
	size_t n = 0;
	int rc = 0;

	while (n < COUNT_OF(mains) && !rc) {
		rc = pthread_create(threads[n], NULL, mains[n], st);
		n += !rc;
	}
	if (!rc)
		return 0;
	pthread_mutex_lock(&st->index.lock);
	threads_stop(st);
	pthread_mutex_unlock(&st->index.lock);
	while (n--)
		pthread_join(*threads[n], NULL);
	return -rc;
}

static int recover_job(void *store)
{
	return store_recover(store);
}

CO int store_open(struct disk *d, const struct spool_log_options *o,
		  void (*problem)(void *ctx, struct str line), void *ctx,
		  struct spool **ret)
{
	struct store *st;
	int rc = store_new(d, o, &st);

	if (rc < 0)
		return rc;
	st->problem = problem;
	st->problem_ctx = ctx;
	st->opened_wall_us = loop_wall_us();
	rc = d->ops->lock(d);
	if (!rc)
		rc = pool_run(o->pool, recover_job, st, "recovering the spool");
	if (!rc)
		rc = threads_start(st);
	if (rc < 0) {
		store_free(st);
		return rc;
	}
	*ret = &st->spool;
	return 0;
}

CO int spool_log_open(const struct spool_log_options *o,
		      void (*problem)(void *ctx, struct str line), void *ctx,
		      struct spool **ret)
{
	struct disk *d;
	int rc = disk_open(o->path, true, &d);

	return rc ? rc : store_open(d, o, problem, ctx, ret);
}

static CO int barrier_once(struct store *st)
{
	struct ticket t = { 0 };
	struct job j = { .kind = JOB_BARRIER, .ticket = &t };

	pthread_mutex_lock(&st->index.lock);
	j.shard = index_shard(&st->index, 0);
	loop_outside(loop_self(), 1);
	store_enqueue(st, &j);
	pthread_mutex_unlock(&st->index.lock);
	return index_ticket_wait(&t, "flushing the spool");
}

/* In the pool: let the disk rest as long as the committer does. */
static int rest_job(void *arg)
{
	struct store *st = arg;
	struct timespec t;
	int64_t until;

	pthread_mutex_lock(&st->index.lock);
	until = st->retry_at_us;
	pthread_mutex_unlock(&st->index.lock);
	t.tv_sec = until / USEC_PER_SEC;
	t.tv_nsec = until % USEC_PER_SEC * 1000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
	return 0;
}

/* Everything that was settled is on disk, or the disk refuses it again and again. */
static CO void barrier(struct store *st)
{
	int rc = barrier_once(st);

	for (int i = 1; i < CLOSE_TRIES && rc < 0; i++) {
		rc = pool_run(st->pool, rest_job, st, "waiting for the disk");
		if (!rc)
			rc = barrier_once(st);
	}
	if (rc < 0)
		log_text(LOG_ERROR, "spool_close_unflushed", rc,
			 "some messages may be delivered again");
}

/* In the pool: the threads end; the open segments are cut to what is in them. */
static int close_job(void *arg)
{
	struct store *st = arg;
	struct segment *open[2];
	char name[DISK_NAME_MAX];

	pthread_mutex_lock(&st->index.lock);
	threads_stop(st);
	pthread_mutex_unlock(&st->index.lock);
	pthread_join(st->committer, NULL);
	pthread_join(st->keeper, NULL);
	pthread_join(st->watcher, NULL);
	open[0] = st->current;
	open[1] = st->survivors;
	for (size_t i = 0; i < COUNT_OF(open); i++) {
		if (!open[i])
			continue;
		store_seal(st, open[i]);
		(void)st->disk->ops->truncate(st->disk, open[i]->file,
					      (int64_t)open[i]->end);
	}
	if (st->spare && st->current) { /* else it keeps the ids rising */
		store_segment_name(st->spare->head.number, name);
		(void)st->disk->ops->unlink(st->disk, name);
	}
	return 0;
}

static void jobs_drop(struct store *st, struct list *jobs)
{
	LIST_EACH(it, jobs) {
		struct job *j = LIST_ITEM(it, struct job, node);

		list_remove(it);
		if (j->kind == JOB_COMMIT) { /* nobody waited for it any more */
			store_orphan_free(st, j, true);
			continue;
		}
		if (j->kind == JOB_REMOVE)
			mem_free(j->item);
		job_free(j);
	}
}

CO void store_close(struct spool *s)
{
	struct store *st = CONTAINER_OF(s, struct store, spool);
	struct list *left;
	int rc;

	for (unsigned i = 0; i < st->index.shard_count; i++)
		group_join(&st->stocks[i].helpers);
	barrier(st);
	rc = pool_run(st->pool, close_job, st, "closing the spool");
	assert(!rc);
	index_settle_posts(&st->index);
	jobs_drop(st, &st->queue);
	jobs_drop(st, &st->unflushed);
	while ((left = list_pop_front(&st->trash))) /* recovery takes the files away */
		mem_free(LIST_ITEM(left, struct trash, node));
	store_free(st);
}

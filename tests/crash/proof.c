/*
 * The crash proof: traffic is recorded (traffic.h), cut at every event in several ways of
 * losing what was not flushed (image.h), and each disk that results is recovered and
 * compared with what had been promised by then:
 *
 *   - an acknowledged message is there, byte for byte, in its acknowledged state or a
 *     later one that had been begun;
 *   - a message whose removal was flushed, or that was refused, stays away;
 *   - of what was not acknowledged there is all or nothing;
 *   - recovery, itself cut off in the middle and begun again, comes to the same.
 *
 *   proof POINTS [SEED]: at least so many crash points, beginning with this seed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "image.h"
#include "log/log.h"
#include "spool/store.h"
#include "traffic.h"

enum {
	ROUNDS = 3,            /* of each random way to cut, at each event */
	POINTS_PER_EVENT = 12, /* about */
	POINTS_LEAST = 200,    /* of a recording */
	AGAIN_EVERY = 8,       /* points after which recovery is repeated */
	SHORT_OF_MAX = 6,      /* changes of a recovery that is cut off */
};

struct proof {
	struct traffic traffic;
	struct image *image;
	struct store *store;
	uint64_t point, points_of[IMAGE_KINDS], recoveries;
	uint64_t *seen; /* by message: the recovery that found it last */
	enum image_kind how;
	uint64_t seed, cut_seed;
	int problems;
};

static const char *const kind_names[IMAGE_KINDS] = { "flushed", "everything", "sectors",
						     "writes",  "prefix",     "stale" };

static void versions_print(const struct message *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct version *v = &m->versions[i];

		(void)fprintf(stderr,
			      "  state %u: begun after event %zu, on disk by %zu:%s%s, "
			      "%u attempts, next %lld\n",
			      i, v->from, v->durable, v->gone ? " gone" : "",
			      v->held ? " held" : "", v->attempts, (long long)v->next_us);
	}
}

static void fail(const struct proof *p, spool_id id, const char *what)
{
	char text[SPOOL_ID_TEXT];

	(void)spool_id_text(id, text);
	(void)fprintf(stderr,
		      "FAIL %s\n  message %s, recording \"%s\" of seed %llu, after event "
		      "%zu, cut \"%s\" %llu\n",
		      what, text, p->traffic.mix->name, (unsigned long long)p->seed,
		      image_at(p->image), kind_names[p->how],
		      (unsigned long long)p->cut_seed);
	for (unsigned i = 0; i < p->traffic.count; i++)
		if (p->traffic.messages[i].id == id)
			versions_print(&p->traffic.messages[i]);
	exit(1);
}

static void problem_count(void *ctx, struct str line)
{
	struct proof *p = ctx;

	(void)line;
	p->problems++;
}

static struct message *message_find(struct proof *p, spool_id id)
{
	struct message *m = p->traffic.messages;
	unsigned lo = 0, hi = p->traffic.count;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (m[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->traffic.count && m[lo].id == id ? &m[lo] : NULL;
}

/* The range of states that a message may be in: *ret_lo is durable (-1: none is), *ret_hi
 * the last that was begun (-1: none was). */
static void versions_possible(const struct message *m, size_t events, int *ret_lo,
			      int *ret_hi)
{
	int lo = -1, hi = -1;

	for (int i = 0; i < (int)m->count && m->versions[i].from < events; i++) {
		hi = i;
		if (m->versions[i].durable && m->versions[i].durable <= events)
			lo = i;
	}
	*ret_lo = lo;
	*ret_hi = hi;
}

static struct str record_bytes_of(struct proof *p, struct place at)
{
	char name[DISK_NAME_MAX];
	const char *bytes;
	size_t n;

	store_segment_name(at.segment, name);
	bytes = image_bytes(p->image, name, &n);
	return bytes ? str_skip(str_of(bytes, n), (size_t)at.at * RECORD_ALIGN)
		     : STR_NONE;
}

static bool envelope_same(struct proof *p, const struct item *it, const struct version *v)
{
	struct place at = it->state.segment ? it->state : it->content;
	struct str have = str_sub(record_bytes_of(p, at), RECORD_HEAD_BYTES,
				  at.envelope_bytes);

	return str_eq(have, v->envelope);
}

static bool content_same(struct proof *p, const struct item *it, struct str want)
{
	char name[DISK_NAME_MAX];
	struct str have;
	size_t n = 0;

	if (!(it->flags & ITEM_BIG)) {
		have = str_skip(record_bytes_of(p, it->content),
				RECORD_HEAD_BYTES + it->content.envelope_bytes);
		return str_eq(str_sub(have, 0, want.n), want);
	}
	store_big_name(it->id, name);
	have.p = image_bytes(p->image, name, &n);
	have.n = n;
	return have.p && str_eq(have, want);
}

static void item_check(struct proof *p, const struct item *it)
{
	struct message *m = message_find(p, it->id);
	struct spool_head h;
	int lo, hi;

	if (!m)
		fail(p, it->id, "there is a message that nobody sent");
	p->seen[m - p->traffic.messages] = p->recoveries;
	if (it->size != m->size || !content_same(p, it, message_content(&p->traffic, m)))
		fail(p, it->id, "the content is not what was sent");
	versions_possible(m, image_at(p->image), &lo, &hi);
	index_head(it, &h);
	for (int i = lo < 0 ? 0 : lo; i <= hi; i++) {
		const struct version *v = &m->versions[i];

		if (!v->gone && v->attempts == h.attempts && v->held == h.held &&
		    v->next_us == h.next_us && envelope_same(p, it, v))
			return;
	}
	fail(p, it->id, "the state is none that it may have, or it should be gone");
}

static void absence_check(struct proof *p, unsigned i)
{
	const struct message *m = &p->traffic.messages[i];
	int lo, hi;

	if (p->seen[i] == p->recoveries)
		return;
	versions_possible(m, image_at(p->image), &lo, &hi);
	if (lo < 0)
		return;
	for (int k = lo; k <= hi; k++)
		if (m->versions[k].gone)
			return;
	fail(p, m->id, "an acknowledged message is lost");
}

static void index_check(struct proof *p)
{
	struct item *it;

	p->recoveries++;
	for (spool_id id = 0; (it = index_after(&p->store->index, id)); id = it->id)
		item_check(p, it);
	for (unsigned i = 0; i < p->traffic.count; i++)
		absence_check(p, i);
}

/* Recovery of the disk as it is; the index is checked unless it is cut off midway. */
static void recover(struct proof *p, struct disk *d, bool whole)
{
	struct spool_log_options o = { .shards = 2, .segment_bytes = 1 };
	int rc;

	p->problems = 0;
	if (store_new(d, &o, &p->store) < 0)
		abort();
	p->store->problem = problem_count;
	p->store->problem_ctx = p;
	rc = store_recover(p->store);
	if (rc < 0)
		fail(p, 0, "recovery ends with an error");
	if (whole)
		index_check(p);
	store_free(p->store);
}

static void point(struct proof *p, enum image_kind how)
{
	struct disk *d;

	p->how = how;
	p->cut_seed = p->seed * 1000003 + p->point;
	p->point++;
	p->points_of[how]++;
	d = image_cut(p->image, how, p->cut_seed);
	if (p->point % AGAIN_EVERY == 0) {
		image_changes_max(p->image,
				  (long)(p->point / AGAIN_EVERY % SHORT_OF_MAX));
		recover(p, d, false);
		image_changes_max(p->image, -1);
	}
	recover(p, d, true);
	if (how <= IMAGE_EVERYTHING && !p->traffic.sick && p->problems)
		fail(p, 0, "problems are told of a disk that is well");
	if (p->point % AGAIN_EVERY == 1)
		recover(p, d, true);
}

static void event_cut(struct proof *p)
{
	if (!image_at(p->image) || image_flush_was_last(p->image))
		point(p, IMAGE_FLUSHED);
	if (!image_unflushed(p->image)) /* every cut would show the same disk */
		return;
	point(p, IMAGE_EVERYTHING);
	for (unsigned i = 0; i < ROUNDS; i++)
		for (int how = IMAGE_SECTORS; how < IMAGE_KINDS; how++)
			point(p, (enum image_kind)how);
}

/* At every event; or, for fewer points, at so many of them, evenly spread. */
static void recording_cut(struct proof *p, uint64_t points)
{
	uint64_t all = disk_mem_events(p->traffic.disk) * POINTS_PER_EVENT, debt = 0;

	points = points > p->point + POINTS_LEAST ? points - p->point : POINTS_LEAST;
	do {
		debt += points < all ? points : all;
		if (debt < all)
			continue;
		debt -= all;
		event_cut(p);
	} while (image_step(p->image));
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void recording_run(struct proof *p, uint64_t points, uint64_t seed)
{
	struct traffic *t = &p->traffic;
	uint64_t before = p->point;
	double began = seconds();

	p->seed = seed;
	if (traffic_record(t, &mixes[seed % mix_count], seed) < 0)
		abort();
	p->image = image_new(t->disk);
	p->seen = mem_alloc((t->count + 1) * sizeof(*p->seen));
	if (!p->image || !p->seen)
		abort();
	if (t->wrong)
		fail(p, 0, "the state of a message is told wrongly");
	if (!image_unlinks_flushed(p->image))
		fail(p, 0, "a segment went before another one was gone for good");
	recording_cut(p, points);
	(void)printf("seed %llu %-10s %4u messages, %5zu events, %4llu flushes, %3llu "
		     "segments given up: %7llu points, %5.1f s\n",
		     (unsigned long long)seed, t->mix->name, t->count, image_at(p->image),
		     (unsigned long long)t->flushes, (unsigned long long)t->given_up,
		     (unsigned long long)(p->point - before), seconds() - began);
	(void)fflush(stdout);
	image_free(p->image);
	mem_free(p->seen);
	traffic_done(t);
}

int main(int argc, char **argv)
{
	static struct proof p;
	uint64_t points = 20000, seed = 1, first;
	double began = seconds();
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (nowhere < 0 || log_open(nowhere, LOG_LOGFMT, LOG_ERROR) < 0)
		return 2; /* that the disk fails is known */
	if ((argc > 1 && str_to_u64(str_from(argv[1]), UINT32_MAX, &points) < 0) ||
	    (argc > 2 && str_to_u64(str_from(argv[2]), UINT32_MAX, &seed) < 0)) {
		(void)fprintf(stderr, "usage: proof [POINTS [SEED]]\n");
		return 2;
	}
	/* A short run sees something of each kind of traffic, a long one all of it. */
	for (first = seed; p.point < points; seed++)
		recording_run(&p,
			      seed < first + mix_count
				      ? p.point + (points - p.point) /
							  (first + mix_count - seed)
				      : points,
			      seed);
	for (int how = 0; how < IMAGE_KINDS; how++)
		(void)printf("%-10s %9llu\n", kind_names[how],
			     (unsigned long long)p.points_of[how]);
	began = seconds() - began;
	log_close();
	(void)close(nowhere);
	(void)printf("seeds %llu to %llu: %llu crash points, %llu recoveries in %.0f s, "
		     "%.0f us "
		     "each\n1 passed, 0 failed\n",
		     (unsigned long long)first, (unsigned long long)seed - 1,
		     (unsigned long long)p.point, (unsigned long long)p.recoveries, began,
		     began / (double)p.point * 1e6);
	return 0;
}

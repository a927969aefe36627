/* The table of segments, and what is done with one as a whole. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rand.h"
#include "log/log.h"
#include "spool/store.h"

int64_t store_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

void store_segment_name(uint64_t number, char ret[DISK_NAME_MAX])
{
	(void)snprintf(ret, DISK_NAME_MAX, "log/%010llu.seg", (unsigned long long)number);
}

bool store_segment_number(const char *name, uint64_t *ret)
{
	struct str s = str_from(name);

	if (s.n < 5 || !str_eq(str_skip(s, s.n - 4), STR(".seg")))
		return false;
	return str_to_u64(str_sub(s, 0, s.n - 4), UINT32_MAX, ret) == 0 && *ret;
}

void store_big_name(spool_id id, char ret[DISK_NAME_MAX])
{
	char text[SPOOL_ID_TEXT];

	(void)spool_id_text(id, text);
	(void)snprintf(ret, DISK_NAME_MAX, "big/%s", text);
}

struct segment *store_segment(struct store *st, uint64_t number)
{
	struct map_node *node = map_first(&st->segments, number);

	return node ? CONTAINER_OF(node, struct segment, node) : NULL;
}

void store_segment_free(struct store *st, struct segment *s)
{
	if (s->file >= 0)
		st->disk->ops->close(st->disk, s->file);
	mem_free(s->tombs);
	mem_free(s);
}

void store_unpin(struct store *st, struct segment *s)
{
	bool last;

	pthread_mutex_lock(&st->index.lock);
	last = --s->pins == 0 && s->state == SEGMENT_GONE;
	pthread_mutex_unlock(&st->index.lock);
	if (last)
		store_segment_free(st, s);
}

/* Allocated, both headers written, flushed, and its name durable. */
static int segment_fill(struct store *st, struct segment *s)
{
	char head[SEGMENT_HEAD_BYTES];
	struct disk *d = st->disk;
	int rc = d->ops->allocate(d, s->file, (int64_t)s->capacity);

	segment_head_encode(&s->head, head);
	if (!rc)
		rc = disk_write_all(d, s->file, str_of(head, sizeof(head)), 0);
	if (!rc)
		rc = disk_write_all(d, s->file, str_of(head, sizeof(head)),
				    SEGMENT_COPY_AT);
	if (!rc)
		rc = d->ops->sync(d, s->file);
	return rc ? rc : d->ops->sync_dir(d, "log");
}

int store_segment_make(struct store *st, uint32_t generation, uint64_t bytes,
		       struct segment **ret)
{
	struct segment *s = mem_alloc(sizeof(*s));
	char name[DISK_NAME_MAX];
	int rc;

	if (!s)
		return -ENOMEM;
	pthread_mutex_lock(&st->index.lock);
	if (st->number_last >= UINT32_MAX) { /* recovery reads no larger ones */
		pthread_mutex_unlock(&st->index.lock);
		mem_free(s);
		return -EOVERFLOW;
	}
	s->head.number = ++st->number_last;
	s->head.id_floor = st->index.id_last;
	pthread_mutex_unlock(&st->index.lock);
	s->head.generation = generation;
	rand_bytes(s->head.key, sizeof(s->head.key));
	s->key = segment_key_of(&s->head);
	s->capacity = bytes;
	s->end = s->flushed = SEGMENT_RECORDS_AT;
	store_segment_name(s->head.number, name);
	s->file = st->disk->ops->open(st->disk, name, DISK_CREATE);
	rc = s->file < 0 ? s->file : segment_fill(st, s);
	if (rc < 0) {
		if (s->file >= 0)
			(void)st->disk->ops->unlink(st->disk, name);
		store_segment_free(st, s);
		return rc;
	}
	pthread_mutex_lock(&st->index.lock);
	map_insert(&st->segments, &s->node, s->head.number);
	pthread_mutex_unlock(&st->index.lock);
	*ret = s;
	return 0;
}

uint64_t store_content_bytes(const struct item *it)
{
	struct record r = { .type = it->flags & ITEM_BIG ? RECORD_BIG : RECORD_MESSAGE,
			    .envelope_bytes = it->content.envelope_bytes,
			    .size = it->size };

	return record_bytes(&r);
}

uint64_t store_state_bytes(struct place p)
{
	struct record r = { .type = RECORD_STATE, .envelope_bytes = p.envelope_bytes };

	return record_bytes(&r);
}

/* A message has left the index (more), or its removal has been flushed. */
void store_leaving(struct store *st, const struct item *it, bool more)
{
	const struct place places[] = { it->content, it->state };
	const uint64_t bytes[] = { store_content_bytes(it),
				   store_state_bytes(it->state) };

	for (size_t i = 0; i < COUNT_OF(places); i++) {
		struct segment *s = store_segment(st, places[i].segment);

		if (!s)
			continue;
		s->leaving = more ? s->leaving + bytes[i] : s->leaving - bytes[i];
		if (!more)
			store_live(st, places[i], bytes[i], false);
	}
}

/* A record at p begins or ceases to count. */
void store_live(struct store *st, struct place p, uint64_t bytes, bool more)
{
	struct segment *s = p.segment ? store_segment(st, p.segment) : NULL;

	if (!s)
		return;
	assert(more || s->live >= bytes);
	s->live = more ? s->live + bytes : s->live - bytes;
	if (!more && s->state == SEGMENT_SEALED && s->live < s->end / 4 && !st->reclaim) {
		st->reclaim = true;
		pthread_cond_signal(&st->keeper_wake);
	}
}

/* One more REMOVE record in s, about a message whose content lies in `about`. */
int store_tomb(struct segment *s, uint64_t about)
{
	size_t room = s->tomb_room ? s->tomb_room * 2 : 8;
	struct tomb *more;

	if (about == s->head.number)
		return 0; /* both go with s */
	for (size_t i = s->tomb_count; i-- > 0;)
		if (s->tombs[i].segment == about) {
			s->tombs[i].count++;
			return 0;
		}
	if (s->tomb_count == s->tomb_room) {
		more = mem_realloc(s->tombs, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->tombs = more;
		s->tomb_room = room;
	}
	s->tombs[s->tomb_count++] = (struct tomb){ (uint32_t)about, 1 };
	return 0;
}

int store_append(struct store *st, struct segment *s, struct record *r,
		 struct str envelope, struct str content)
{
	static const char zeros[RECORD_ALIGN];
	char head[RECORD_HEAD_BYTES];
	size_t n = sizeof(head) + envelope.n + content.n;
	struct iovec v[4] = { { head, sizeof(head) },
			      { (void *)(uintptr_t)envelope.p, envelope.n },
			      { (void *)(uintptr_t)content.p, content.n },
			      { (void *)(uintptr_t)zeros, record_bytes(r) - n } };
	ptrdiff_t rc;

	r->flushed = (uint32_t)(s->flushed / RECORD_ALIGN);
	record_encode(r, s->key, envelope, head);
	rc = st->disk->ops->pwritev(st->disk, s->file, v, COUNT_OF(v), (int64_t)s->end);
	if (rc < 0)
		return (int)rc;
	if ((uint64_t)rc != record_bytes(r))
		return -EIO;
	s->end += record_bytes(r);
	return 0;
}

void store_seal(struct store *st, struct segment *s)
{
	struct record r = { .type = RECORD_SEAL, .id = s->head.number, .size = s->end };
	uint64_t end = s->end;
	int rc;

	if (s->flushed != end || end == SEGMENT_RECORDS_AT)
		return;
	rc = store_append(st, s, &r, STR(""), STR(""));
	if (!rc)
		rc = st->disk->ops->sync(st->disk, s->file);
	pthread_mutex_lock(&st->index.lock);
	s->end = rc ? end : s->end;
	s->flushed = s->end;
	pthread_mutex_unlock(&st->index.lock);
}

/* The failed segments that no END record speaks of yet, at most n. */
static size_t ends_missing(struct store *st, struct segment **ret, size_t n)
{
	size_t count = 0;

	pthread_mutex_lock(&st->index.lock);
	for (struct map_node *it = NULL;
	     (it = map_each(&st->segments, it)) && count < n;) {
		struct segment *s = CONTAINER_OF(it, struct segment, node);

		if (s->failed && !s->end_told)
			ret[count++] = s;
	}
	pthread_mutex_unlock(&st->index.lock);
	return count;
}

/*
 * Two threads may both tell the same end: harmless. A segment that failed is not given up
 * before its end is told, so the pointers stay good.
 */
int store_tell_ends(struct store *st, struct segment *s)
{
	struct segment *failed[16];
	size_t n = ends_missing(st, failed, COUNT_OF(failed));
	int rc = 0;

	while (n && !rc) {
		for (size_t i = 0; i < n && !rc; i++) {
			struct record r = { .type = RECORD_END,
					    .id = failed[i]->head.number,
					    .size = failed[i]->flushed };

			rc = store_append(st, s, &r, STR(""), STR(""));
		}
		if (!rc)
			rc = st->disk->ops->sync(st->disk, s->file);
		if (rc)
			break;
		pthread_mutex_lock(&st->index.lock);
		s->flushed = s->end;
		s->holds_end = true;
		for (size_t i = 0; i < n; i++)
			failed[i]->end_told = true;
		st->reclaim = true;
		pthread_cond_signal(&st->keeper_wake);
		pthread_mutex_unlock(&st->index.lock);
		n = ends_missing(st, failed, COUNT_OF(failed));
	}
	return rc;
}

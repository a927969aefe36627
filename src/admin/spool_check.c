#include "admin/spool_check.h"

#include <string.h>

#include "base/mem.h"
#include "spool/inspect.h"

enum { LIST_CHUNK = 64, READ_BYTES = 65536, ROOM_FIRST = 16 };

static void fault_add(struct spool_check *c, const struct spool_fault *f)
{
	size_t room = c->room ? 2 * c->room : ROOM_FIRST;
	struct spool_fault *more;

	if (c->count == SPOOL_FAULTS_MAX) {
		c->more++;
		return;
	}
	if (c->count == c->room) {
		more = arena_alloc(c->arena, room * sizeof(*more));
		if (!more) {
			c->err = -ENOMEM;
			return;
		}
		if (c->count)
			memcpy(more, c->faults, c->count * sizeof(*more));
		c->faults = more;
		c->room = room;
	}
	c->faults[c->count++] = *f;
}

static int record_look(void *ctx, const struct spool_record_seen *r)
{
	struct spool_check *c = ctx;
	struct spool_fault f = {
		.segment = r->segment, .at = r->at, .bytes = r->bytes, .id = r->id
	};

	c->segments += r->segment != c->segment_last;
	c->segment_last = r->segment;
	c->bytes += r->bytes;
	if (r->type == 'G' && !r->at)
		f.what = STR("both headers of the segment are damaged");
	else if (r->type == 'G')
		f.what = STR("damaged bytes between records");
	else if (r->type == 'T')
		f.what = STR("bytes behind the last record that are no record");
	else if (!r->content_good)
		f.what = STR("the content is not what its checksum says");
	c->records += r->type != 'G' && r->type != 'T';
	if (f.what.n)
		fault_add(c, &f);
	return c->err;
}

/* Recovery tells more than the walk: about files of large messages. */
static void problem_take(void *ctx, struct str line)
{
	struct spool_check *c = ctx;
	struct spool_fault f = { .what = line };

	if (str_starts(line, STR("segment "))) /* the walk has told these */
		return;
	if (c->count < SPOOL_FAULTS_MAX)
		f.what = arena_str(c->arena, line);
	if (!f.what.p)
		c->err = -ENOMEM;
	else
		fault_add(c, &f);
}

/* 0, -EUCLEAN, or what the disk said. */
CO static int message_read(struct spool *s, const struct spool_head *h, char *part)
{
	ptrdiff_t got = 1;

	for (uint64_t at = 0; at < h->size && got > 0; at += got > 0 ? (uint64_t)got : 0)
		got = s->ops->read(s, h->id, at, part, READ_BYTES);
	return got < 0 ? (int)got : 0;
}

/* A message as a delivery would meet it: content in a file of its own has no other look.
 */
CO static void message_look(struct spool_check *c, struct spool *s,
			    const struct spool_head *h, char *part)
{
	struct arena arena = { 0 };
	struct spool_fault f = { .id = h->id };
	struct envelope e;
	int rc = s->ops->load(s, h->id, &arena, &e);

	c->messages++;
	if (rc < 0)
		f.what = STR("the envelope cannot be read");
	else if ((rc = message_read(s, h, part)) == -EUCLEAN)
		f.what = STR("the message cannot be delivered: its content is damaged");
	else if (rc < 0)
		f.what = STR("the message cannot be delivered: its content cannot be "
			     "read");
	if (f.what.n)
		fault_add(c, &f);
	arena_done(&arena);
}

CO static void messages_look(struct spool_check *c, struct spool *s)
{
	struct spool_head heads[LIST_CHUNK];
	char *part = mem_alloc(READ_BYTES);
	spool_id after = 0;
	size_t n;

	if (!part) {
		c->err = -ENOMEM;
		return;
	}
	while ((n = s->ops->list(s, after, heads, COUNT_OF(heads)))) {
		for (size_t i = 0; i < n; i++)
			message_look(c, s, &heads[i], part);
		after = heads[n - 1].id;
	}
	mem_free(part);
}

CO int spool_check_run(struct spool_check *c)
{
	struct spool_log_options o = { .path = c->path, .shards = 1, .pool = c->pool };
	struct spool *s;
	int rc;

	c->faults = NULL;
	c->count = c->room = 0;
	c->err = 0;
	c->more = c->segments = c->records = c->messages = c->bytes = 0;
	c->segment_last = 0;
	rc = spool_records(c->path, record_look, c);
	if (!rc)
		rc = spool_look_open(&o, false, problem_take, c, &s);
	if (rc < 0)
		return rc;
	messages_look(c, s);
	s->ops->close(s);
	return c->err;
}

static bool same(const struct spool_fault *a, const struct spool_fault *b)
{
	return a->segment == b->segment && a->at == b->at && a->bytes == b->bytes &&
	       a->id == b->id && str_eq(a->what, b->what);
}

void spool_check_both(struct spool_check *c, const struct spool_check *again)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		size_t k = 0;

		while (k < again->count && !same(&c->faults[i], &again->faults[k]))
			k++;
		if (k < again->count)
			c->faults[kept++] = c->faults[i];
	}
	c->count = kept;
}

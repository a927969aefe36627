/* What a power cut leaves of a recording. */
#include <string.h>

#include "base/mem.h"
#include "spool/disk_mem_inside.h"

/* The same seed gives the same disk. */
static uint64_t draw(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

struct cut {
	struct disk_mem *to;
	enum disk_cut how;
	uint64_t seed;
	size_t *synced; /* events before this one are on disk */
	size_t dir_synced[DIRECTORIES];
	size_t dir_until[DIRECTORIES]; /* of the others, these happened */
	size_t data_until;             /* CUT_PREFIX: whole before this event */
};

/* Part of an unflushed write. */
static bool sector_kept(struct cut *c, size_t index)
{
	switch (c->how) {
	case CUT_FLUSHED:
		return false;
	case CUT_EVERYTHING:
		return true;
	case CUT_ANY:
		return draw(&c->seed) & 1;
	case CUT_PREFIX:
		break;
	}
	return index < c->data_until || (index == c->data_until && (draw(&c->seed) & 1));
}

static void cut_write(struct cut *c, const struct event *e, size_t index,
		      const char *bytes)
{
	struct inode *in = &c->to->inodes[e->inode];
	bool sure = index < c->synced[e->inode];

	for (uint64_t at = e->at; at < e->at + e->n;) {
		uint64_t step = SECTOR - at % SECTOR;

		if (step > e->at + e->n - at)
			step = e->at + e->n - at;
		if (sure || sector_kept(c, index)) {
			if (at + step > in->data.n)
				assert(!disk_mem_resize(in, at + step));
			memcpy(in->data.p + at, bytes + (at - e->at), (size_t)step);
		}
		at += step;
	}
}

static void cut_event(struct cut *c, const struct event *e, size_t index,
		      const char *bytes)
{
	struct inode *in = &c->to->inodes[e->inode];
	bool named = index < c->dir_synced[e->directory] ||
		     index < c->dir_until[e->directory];

	switch (e->kind) {
	case EVENT_CREATE:
	case EVENT_RENAME:
		if (named)
			memcpy(in->name, e->name, sizeof(in->name));
		break;
	case EVENT_UNLINK:
		if (named)
			in->name[0] = '\0';
		break;
	case EVENT_WRITE:
		cut_write(c, e, index, bytes + e->bytes_at);
		break;
	case EVENT_TRUNCATE:
		if (index < c->synced[e->inode] || sector_kept(c, index))
			assert(!disk_mem_resize(in, e->n));
		break;
	case EVENT_SYNC:
	case EVENT_SYNC_DIR:
		break;
	}
}

static void cut_limits(struct cut *c, const struct event *e, size_t events)
{
	for (size_t i = 0; i < events; i++) {
		if (e[i].kind == EVENT_SYNC)
			c->synced[e[i].inode] = i;
		if (e[i].kind == EVENT_SYNC_DIR)
			c->dir_synced[e[i].directory] = i;
	}
	for (unsigned d = 0; d < DIRECTORIES; d++) {
		size_t left = events - c->dir_synced[d];

		c->dir_until[d] = c->how == CUT_FLUSHED ? 0
				  : c->how == CUT_EVERYTHING
					  ? events
					  : c->dir_synced[d] +
						    draw(&c->seed) % (left + 1);
	}
	c->data_until = events ? draw(&c->seed) % 8 : 0;
	c->data_until = events > c->data_until ? events - c->data_until : 0;
}

struct disk_mem *disk_mem_cut(struct disk_mem *m, size_t events, enum disk_cut how,
			      uint64_t seed)
{
	const struct event *e = (const void *)m->events.p;
	struct cut *c = mem_alloc(sizeof(*c));

	if (c) {
		c->to = disk_mem_new();
		c->synced = mem_alloc(m->inode_count * sizeof(*c->synced));
	}
	if (!c || !c->to || !c->synced) {
		if (c) {
			disk_mem_free(c->to);
			mem_free(c->synced);
		}
		mem_free(c);
		return NULL;
	}
	c->how = how;
	c->seed = seed;
	disk_mem_inodes(c->to, m->inode_count);
	c->to->inode_count = m->inode_count;
	cut_limits(c, e, events);
	for (size_t i = 0; i < events; i++)
		cut_event(c, &e[i], i, m->bytes.p);
	m = c->to;
	mem_free(c->synced);
	mem_free(c);
	return m;
}

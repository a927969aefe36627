#include "inspect/cfb.h"

#include "base/mem.h"
#include "inspect/office.h"

enum {
	HEADER_BYTES = 512,
	HEADER_DIFAT = 109, /* FAT sectors named in the header */
	ENTRY_BYTES = 128,
	MINI_SHIFT = 6,
	MINI_CUTOFF = 4096, /* streams below it live in the mini stream */
};

static const uint32_t sector_max = 0xfffffffa; /* beyond: marks */
static const uint32_t sector_end = 0xfffffffe;
static const uint32_t sector_free = 0xffffffff;

static size_t unit_of(const struct cfb_chains *t)
{
	return (size_t)1 << t->shift;
}

static struct str sector_of(const struct cfb_chains *t, uint32_t sector)
{
	return str_at(t->bytes, t->skip + ((uint64_t)sector << t->shift), unit_of(t));
}

/* A table of n sectors that are all free. */
static int chains_make(struct cfb *c, struct cfb_chains *t, size_t n)
{
	if (!scan_work(c->scan, c->o, (uint64_t)n * 2 * sizeof(uint32_t)))
		return -ENOSPC;
	t->next = mem_alloc((n + 1) * sizeof(uint32_t));
	t->mark = mem_alloc((n + 1) * sizeof(uint32_t));
	if (!t->next || !t->mark)
		return -ENOMEM;
	t->n = n;
	memset(t->next, 0xff, (n + 1) * sizeof(uint32_t));
	return 0;
}

struct chain {
	uint32_t start;
	uint64_t size;
	uint32_t before; /* stamp of an earlier reading of the same: not shared */
};

/*
 * The bytes of a chain, `size` of them at most. Each sector is taken once, so
 * that a loop ends. False: the chain has less.
 */
static bool chain_read(struct cfb *c, struct cfb_chains *t, struct chain chain,
		       struct buf *ret)
{
	uint32_t stamp = ++c->stamp, at = chain.start;
	uint64_t size = chain.size;

	while (size > 0 && at < t->n) {
		struct str piece = sector_of(t, at);

		if (t->mark[at] == stamp) {
			c->odd |= CFB_ODD_LOOP;
			return false;
		}
		if (t->mark[at] && t->mark[at] != chain.before)
			c->odd |= CFB_ODD_SHARED;
		t->mark[at] = stamp;
		piece = str_at(piece, 0, size);
		buf_add(ret, piece);
		size -= piece.n;
		if (size > 0 && piece.n < unit_of(t))
			break;
		at = t->next[at];
	}
	if (size > 0 && at != sector_end)
		c->odd |= CFB_ODD_CHAIN;
	return size == 0;
}

/* How much a chain may give at most: asked for before it is read. */
static uint64_t chain_most(const struct cfb_chains *t, uint64_t size)
{
	uint64_t all = (uint64_t)t->n << t->shift;

	return size < all ? size : all;
}

/* The FAT's own sectors are named in the header, then in a chain of sectors. */
static void fat_add(struct cfb *c, struct str ids, size_t *count)
{
	size_t per = unit_of(&c->fat) / 4;

	for (size_t i = 0; i + 4 <= ids.n && *count * per < c->fat.n; i += 4) {
		uint32_t sector = le32_at(ids, i);
		struct str piece;

		if (sector >= sector_max)
			continue;
		piece = sector_of(&c->fat, sector);
		if (sector >= c->fat.n || piece.n < unit_of(&c->fat))
			c->odd |= CFB_ODD_CHAIN;
		for (size_t j = 0; j < piece.n / 4; j++)
			if (*count * per + j < c->fat.n)
				c->fat.next[*count * per + j] = le32_at(piece, j * 4);
		(*count)++;
	}
}

static void fat_read(struct cfb *c)
{
	struct str file = c->fat.bytes;
	uint32_t at = le32_at(file, 0x44), stamp = ++c->stamp;
	size_t count = 0, unit = unit_of(&c->fat);

	fat_add(c, str_sub(file, 0x4c, (size_t)HEADER_DIFAT * 4), &count);
	while (at < c->fat.n && count * (unit / 4) < c->fat.n) {
		struct str piece = sector_of(&c->fat, at);

		if (c->fat.mark[at] == stamp) {
			c->odd |= CFB_ODD_LOOP;
			return;
		}
		c->fat.mark[at] = stamp;
		fat_add(c, str_sub(piece, 0, unit - 4), &count);
		at = le32_at(piece, unit - 4);
	}
}

static void entry_read(struct cfb_entry *e, struct str raw)
{
	struct buf name = BUF_OVER(e->name_bytes);
	size_t units = le16_at(raw, 0x40) / 2;

	if (units > CFB_NAME_UNITS_MAX)
		units = CFB_NAME_UNITS_MAX;
	while (units && le16_at(raw, (units - 1) * 2) == 0)
		units--;
	name.bytes_max = CFB_NAME_BYTES_MAX;
	office_utf16(&name, str_sub(raw, 0, units * 2));
	e->name_n = name.n;
	e->kind = (enum cfb_kind)(unsigned char)raw.p[0x42];
	e->left = le32_at(raw, 0x44);
	e->right = le32_at(raw, 0x48);
	e->child = le32_at(raw, 0x4c);
	memcpy(e->class_id, raw.p + 0x50, CFB_CLASS_BYTES);
	e->start = le32_at(raw, 0x74);
	e->size = le64_at(raw, 0x78);
	e->parent = CFB_NOWHERE;
}

static int directory_read(struct cfb *c)
{
	struct buf raw = { 0 };
	uint32_t start = le32_at(c->fat.bytes, 0x30);
	int e = -EBADMSG;

	if (!scan_work(c->scan, c->o, chain_most(&c->fat, UINT64_MAX)))
		return -ENOSPC;
	/* Its size is not known: the whole chain; only a loop is odd. */
	chain_read(c, &c->fat, (struct chain){ start, UINT64_MAX, 0 }, &raw);
	c->entry_count = raw.n / ENTRY_BYTES;
	if (c->entry_count > CFB_ENTRIES_MAX) {
		c->entry_count = CFB_ENTRIES_MAX;
		c->odd |= CFB_ODD_MANY;
	}
	if (c->entry_count) {
		c->entries = mem_alloc(c->entry_count * sizeof(*c->entries));
		e = c->entries && !raw.err ? 0 : -ENOMEM;
	}
	if (e == 0)
		for (size_t i = 0; i < c->entry_count; i++)
			entry_read(&c->entries[i],
				   str_sub(buf_str(&raw), i * ENTRY_BYTES, ENTRY_BYTES));
	else
		c->entry_count = 0;
	buf_done(&raw);
	return e;
}

struct walk {
	uint32_t *todo;
	size_t n;
};

static void walk_to(struct cfb *c, struct walk *w, uint32_t to, uint32_t parent)
{
	struct cfb_entry *e;

	if (to == sector_free)
		return;
	if (to >= c->entry_count) {
		c->odd |= CFB_ODD_CHAIN;
		return;
	}
	e = &c->entries[to];
	if (e->parent != CFB_NOWHERE || e->kind == CFB_EMPTY) {
		c->odd |= CFB_ODD_LOOP;
		return;
	}
	e->parent = parent;
	e->beside = c->entries[parent].inside;
	c->entries[parent].inside = to;
	w->todo[w->n++] = to; /* each entry once: there is room for all */
}

/* Who stands in which storage. MS-CFB 2.6.4: siblings are a tree of their own. */
static int tree_read(struct cfb *c)
{
	struct walk w = { .todo = mem_alloc(c->entry_count * sizeof(uint32_t)) };

	if (!w.todo)
		return -ENOMEM;
	c->entries[0].parent = 0;
	w.todo[w.n++] = 0;
	while (w.n) {
		uint32_t at = w.todo[--w.n];
		const struct cfb_entry *e = &c->entries[at];

		if (at) {
			walk_to(c, &w, e->left, e->parent);
			walk_to(c, &w, e->right, e->parent);
		}
		if (e->kind != CFB_STREAM)
			walk_to(c, &w, e->child, at);
	}
	for (size_t i = 0; i < c->entry_count; i++)
		if (c->entries[i].parent == CFB_NOWHERE &&
		    (c->entries[i].kind == CFB_STREAM ||
		     c->entries[i].kind == CFB_STORAGE))
			c->odd |= CFB_ODD_ORPHAN;
	mem_free(w.todo);
	return 0;
}

/* The small streams: their sectors are one stream, the root's. */
static int mini_read(struct cfb *c)
{
	struct buf raw = { 0 };
	const struct cfb_entry *root = &c->entries[0];
	uint32_t start = le32_at(c->fat.bytes, 0x3c);
	uint64_t most = chain_most(&c->fat, root->size);
	uint64_t table = chain_most(&c->fat, (uint64_t)le32_at(c->fat.bytes, 0x40)
						     << c->fat.shift);
	int e;

	if (root->start >= sector_end || root->size == 0 || start >= sector_end)
		return 0;
	if (!scan_work(c->scan, c->o, most + table))
		return -ENOSPC;
	if (!chain_read(c, &c->fat, (struct chain){ root->start, root->size, 0 },
			&c->mini))
		c->odd |= CFB_ODD_CHAIN;
	chain_read(c, &c->fat, (struct chain){ start, table, 0 }, &raw);
	e = chains_make(c, &c->mini_fat, (c->mini.n + 63) >> MINI_SHIFT);
	c->mini_fat.bytes = buf_str(&c->mini);
	c->mini_fat.shift = MINI_SHIFT;
	for (size_t i = 0; e == 0 && i < c->mini_fat.n && i * 4 + 4 <= raw.n; i++)
		c->mini_fat.next[i] = le32_at(buf_str(&raw), i * 4);
	if (e == 0 && (c->mini.err || raw.err))
		e = -ENOMEM;
	buf_done(&raw);
	return e;
}

static void header_read(struct cfb *c, struct str file)
{
	unsigned major = le16_at(file, 0x1a), shift = le16_at(file, 0x1e);

	if (!((major == 3 && shift == 9) || (major == 4 && shift == 12)) ||
	    le16_at(file, 0x1c) != 0xfffe || le16_at(file, 0x20) != MINI_SHIFT ||
	    le32_at(file, 0x38) != MINI_CUTOFF)
		c->odd |= CFB_ODD_HEADER;
	if (shift < 7 || shift > 16)
		shift = major == 4 ? 12 : 9;
	c->fat.shift = shift;
	c->fat.skip = (size_t)1 << shift;
	if (c->fat.skip < HEADER_BYTES)
		c->fat.skip = HEADER_BYTES;
	c->fat.bytes = file;
}

int cfb_open(struct cfb *c, struct scan *s, const struct object *o)
{
	struct str file = o->content;
	size_t n;
	int e;

	*c = (struct cfb){ .scan = s, .o = o };
	if (file.n < HEADER_BYTES)
		return -EBADMSG;
	header_read(c, file);
	n = str_skip(file, c->fat.skip).n;
	e = chains_make(c, &c->fat, (n + unit_of(&c->fat) - 1) >> c->fat.shift);
	if (e < 0)
		return e;
	fat_read(c);
	e = directory_read(c);
	if (e == 0)
		e = tree_read(c);
	if (e == 0)
		e = mini_read(c);
	return e;
}

void cfb_close(struct cfb *c)
{
	mem_free(c->fat.next);
	mem_free(c->fat.mark);
	mem_free(c->mini_fat.next);
	mem_free(c->mini_fat.mark);
	mem_free(c->entries);
	buf_done(&c->mini);
	*c = (struct cfb){ 0 };
}

struct str cfb_parent_name(const struct cfb *c, const struct cfb_entry *e)
{
	if (e->parent == CFB_NOWHERE || e->parent == 0)
		return STR("");
	return cfb_name(&c->entries[e->parent]);
}

bool cfb_read(struct cfb *c, const struct cfb_entry *e, struct buf *ret)
{
	bool version4 = c->fat.shift >= 12;
	/* MS-CFB 2.6.1: the upper half is to be ignored in version 3. */
	uint64_t size = version4 ? e->size : e->size & UINT32_MAX;
	struct cfb_chains *t = size < MINI_CUTOFF ? &c->mini_fat : &c->fat;
	uint64_t most = chain_most(t, size);
	bool whole;

	if (size == 0)
		return true;
	if (most > scan_room(c->scan))
		most = scan_room(c->scan);
	if (!scan_work(c->scan, c->o, most))
		return false;
	whole = chain_read(c, t, (struct chain){ e->start, most, e->stamp }, ret);
	c->entries[e - c->entries].stamp = c->stamp;
	if (!whole || most < size) {
		c->odd |= CFB_ODD_CHAIN;
		return false;
	}
	return !ret->err;
}

const struct cfb_entry *cfb_find(const struct cfb *c, uint32_t parent, struct str name)
{
	if (parent >= c->entry_count)
		return NULL;
	for (uint32_t i = c->entries[parent].inside; i; i = c->entries[i].beside)
		if (c->entries[i].kind == CFB_STREAM &&
		    str_eq_nocase(cfb_name(&c->entries[i]), name))
			return &c->entries[i];
	return NULL;
}

/* For tests: a compound file of version 3, put together from storages and streams. */
#ifndef INSPECT_CFB_BUILD_H
#define INSPECT_CFB_BUILD_H

#include "base/buf.h"

enum {
	BUILD_ENTRIES_MAX = 64,
	BUILD_SECTOR = 512,
	BUILD_SECTORS_MAX = 127, /* one FAT sector names all, and itself */
	BUILD_CUTOFF = 4096,
};

struct build_entry {
	struct str name;
	int kind;   /* 1 storage, 2 stream, 5 root */
	int parent; /* index */
	struct str content;
	const char *class_id; /* 16 bytes, or NULL */
	bool orphan;          /* no place in the tree */
	uint32_t start, n;
};

struct build {
	struct build_entry entries[BUILD_ENTRIES_MAX];
	int n;
	uint32_t fat[128], mini_fat[512], sectors, minis;
	struct buf body, mini;
};

static inline int build_add(struct build *b, int kind, int parent, struct str name,
			    struct str content)
{
	b->entries[b->n] = (struct build_entry){
		.name = name, .kind = kind, .parent = parent, .content = content
	};
	return b->n++;
}

static inline void build_begin(struct build *b)
{
	*b = (struct build){ 0 };
	build_add(b, 5, 0, STR("Root Entry"), STR(""));
}

static inline void build_le(struct buf *b, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buf_add_c(b, (char)(v >> i * 8));
}

static inline void build_pad(struct buf *b, size_t unit)
{
	while (b->n % unit)
		buf_add_c(b, 0);
}

/* The bytes in sectors one after the other; the first of them, or the end's mark. */
static inline uint32_t build_chain(struct build *b, struct str bytes)
{
	uint32_t start = b->sectors;

	if (!bytes.n)
		return 0xfffffffe;
	buf_add(&b->body, bytes);
	build_pad(&b->body, BUILD_SECTOR);
	for (size_t i = 0; i < bytes.n; i += BUILD_SECTOR)
		b->fat[b->sectors] = b->sectors + 1, b->sectors++;
	b->fat[b->sectors - 1] = 0xfffffffe;
	return start;
}

static inline uint32_t build_mini(struct build *b, struct str bytes)
{
	uint32_t start = b->minis;

	buf_add(&b->mini, bytes);
	build_pad(&b->mini, 64);
	for (size_t i = 0; i < bytes.n; i += 64)
		b->mini_fat[b->minis] = b->minis + 1, b->minis++;
	b->mini_fat[b->minis - 1] = 0xfffffffe;
	return start;
}

/* The first child, and the next one, as a list to the right. */
static inline uint32_t build_next(const struct build *b, int parent, int after)
{
	for (int i = after + 1; i < b->n; i++)
		if (b->entries[i].parent == parent && !b->entries[i].orphan && i)
			return (uint32_t)i;
	return 0xffffffff;
}

static inline void build_entry_add(const struct build *b, int i, struct buf *out)
{
	const struct build_entry *e = &b->entries[i];

	for (size_t j = 0; j < 32; j++)
		build_le(out, j < e->name.n ? (unsigned char)e->name.p[j] : 0, 2);
	build_le(out, (e->name.n + 1) * 2, 2);
	build_le(out, (uint64_t)e->kind, 1);
	build_le(out, 1, 1);
	build_le(out, 0xffffffff, 4);
	build_le(out, i ? build_next(b, e->parent, i) : 0xffffffff, 4);
	build_le(out, e->kind == 2 ? 0xffffffff : build_next(b, i, 0), 4);
	if (e->class_id)
		buf_add_bytes(out, e->class_id, 16);
	else
		build_le(out, 0, 8), build_le(out, 0, 8);
	build_le(out, 0, 4);
	build_le(out, 0, 8);
	build_le(out, 0, 8);
	build_le(out, e->start, 4);
	build_le(out, e->n, 8);
}

static inline void build_header(struct buf *out, uint32_t dir, uint32_t mini_fat,
				uint32_t mini_n)
{
	buf_add(out, STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
	build_le(out, 0, 8), build_le(out, 0, 8);
	build_le(out, 0x3e, 2), build_le(out, 3, 2), build_le(out, 0xfffe, 2);
	build_le(out, 9, 2), build_le(out, 6, 2), build_le(out, 0, 6);
	build_le(out, 0, 4), build_le(out, 1, 4), build_le(out, dir, 4);
	build_le(out, 0, 4), build_le(out, BUILD_CUTOFF, 4);
	build_le(out, mini_fat, 4), build_le(out, mini_n, 4);
	build_le(out, 0xfffffffe, 4), build_le(out, 0, 4);
	build_le(out, 0, 4); /* the FAT is sector 0 */
	for (int i = 1; i < 109; i++)
		build_le(out, 0xffffffff, 4);
}

/* The file; out is the caller's. b is used up. */
static inline void build_end(struct build *b, struct buf *out)
{
	struct buf table = { 0 }, dir = { 0 }, fat = { 0 };
	uint32_t at, dir_at, mini_n;

	b->sectors = 1; /* sector 0 is the FAT */
	b->fat[0] = 0xfffffffd;
	for (int i = 1; i < b->n; i++) {
		struct build_entry *e = &b->entries[i];

		e->n = (uint32_t)e->content.n;
		e->start = !e->n                 ? 0xfffffffe
			   : e->n < BUILD_CUTOFF ? build_mini(b, e->content)
						 : build_chain(b, e->content);
	}
	b->entries[0].n = (uint32_t)b->mini.n;
	b->entries[0].start = build_chain(b, buf_str(&b->mini));
	for (uint32_t i = 0; i < b->minis; i++)
		build_le(&table, b->mini_fat[i], 4);
	mini_n = (uint32_t)((table.n + BUILD_SECTOR - 1) / BUILD_SECTOR);
	at = build_chain(b, buf_str(&table));
	for (int i = 0; i < b->n; i++)
		build_entry_add(b, i, &dir);
	dir_at = build_chain(b, buf_str(&dir));
	for (uint32_t i = 0; i < 128; i++)
		build_le(&fat, i < b->sectors ? b->fat[i] : 0xffffffff, 4);
	build_header(out, dir_at, at, mini_n);
	buf_add(out, buf_str(&fat));
	buf_add(out, buf_str(&b->body));
	buf_done(&table);
	buf_done(&dir);
	buf_done(&fat);
	buf_done(&b->body);
	buf_done(&b->mini);
}

/* MS-OVBA 2.4.1 without any copying: all literals. */
static inline void build_compressed(struct buf *out, struct str plain)
{
	buf_add_c(out, 1);
	while (plain.n) {
		struct str piece = str_sub(plain, 0, 3000);

		build_le(out, 0xb000 | (piece.n + (piece.n + 7) / 8 + 2 - 3), 2);
		for (size_t i = 0; i < piece.n; i++) {
			if (i % 8 == 0)
				buf_add_c(out, 0);
			buf_add_c(out, piece.p[i]);
		}
		plain = str_skip(plain, piece.n);
	}
}

static inline void build_record(struct buf *b, unsigned id, struct str data)
{
	build_le(b, id, 2);
	build_le(b, data.n, 4);
	buf_add(b, data);
}

/* The directory of a VBA project with one module, its source at `offset`. */
static inline void build_vba_dir(struct buf *out, struct str module, uint32_t offset)
{
	struct buf b = { 0 }, n = { 0 };

	build_record(&b, 0x0001, STR("\1\0\0\0"));
	build_record(&b, 0x0003, STR("\xe4\4"));
	build_le(&b, 9, 2), build_le(&b, 4, 4), build_le(&b, 1, 4), build_le(&b, 2, 2);
	build_record(&b, 0x000f, STR("\1\0"));
	build_record(&b, 0x0019, module);
	build_record(&b, 0x001a, module);
	build_le(&n, offset, 4);
	build_record(&b, 0x0031, buf_str(&n));
	build_record(&b, 0x002b, STR(""));
	build_record(&b, 0x0010, STR(""));
	build_compressed(out, buf_str(&b));
	buf_done(&b);
	buf_done(&n);
}

#endif

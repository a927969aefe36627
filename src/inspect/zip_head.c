#include <sys/stat.h>

#include "inspect/zip_inner.h"

enum {
	EXTRA_ZIP64 = 0x0001,
	EXTRA_UNICODE_NAME = 0x7075,
	EXTRA_NAME_SKIP = 5, /* version and checksum */
	EXTRAS_MAX = 64,     /* fields of one header that are looked at */
	MADE_BY_UNIX = 3,
	MADE_BY_DARWIN = 19,
	ZIP64_LOCATOR_BYTES = 20,
	ZIP64_END_BYTES = 56,
};

static const uint32_t in_zip64 = 0xffffffff; /* the number stands in the extra field */

static bool mark_is(struct str bytes, uint64_t at, struct str mark)
{
	return at < bytes.n && str_eq(str_sub(bytes, at, mark.n), mark);
}

static struct str extra_find(struct str extra, uint32_t id)
{
	for (size_t i = 0; i < EXTRAS_MAX && extra.n >= 4; i++) {
		if (zip_u16(extra, 0) == id)
			return str_sub(extra, 4, zip_u16(extra, 2));
		extra = str_skip(extra, (size_t)4 + zip_u16(extra, 2));
	}
	return STR_NONE;
}

/* APPNOTE 4.5.3: only those numbers are there that are all ones in the header. */
static void zip64_number(struct str *field, uint64_t *number)
{
	if (*number != in_zip64 || field->n < 8)
		return;
	*number = zip_u64(*field, 0);
	*field = str_skip(*field, 8);
}

static void extra_read(struct zip_head *h, bool central)
{
	struct str field = extra_find(h->extra, EXTRA_ZIP64);

	zip64_number(&field, &h->plain);
	zip64_number(&field, &h->packed);
	if (central)
		zip64_number(&field, &h->local);
	h->other_name = str_skip(extra_find(h->extra, EXTRA_UNICODE_NAME),
				 EXTRA_NAME_SKIP);
}

/* APPNOTE 4.3.7 */
bool zip_local_read(struct str bytes, uint64_t at, struct zip_head *ret)
{
	uint64_t names = at + ZIP_LOCAL_BYTES;

	if (at >= bytes.n || bytes.n - at < ZIP_LOCAL_BYTES)
		return false;
	*ret = (struct zip_head){
		.at = at,
		.flags = zip_u16(bytes, at + 6),
		.method = zip_u16(bytes, at + 8),
		.crc = zip_u32(bytes, at + 14),
		.packed = zip_u32(bytes, at + 18),
		.plain = zip_u32(bytes, at + 22),
		.name = str_sub(bytes, names, zip_u16(bytes, at + 26)),
		.extra = str_sub(bytes, names + zip_u16(bytes, at + 26),
				 zip_u16(bytes, at + 28)),
	};
	ret->after = names + zip_u16(bytes, at + 26) + zip_u16(bytes, at + 28);
	extra_read(ret, false);
	return mark_is(bytes, at, STR("PK\3\4"));
}

/* APPNOTE 4.3.12 */
bool zip_central_read(struct str bytes, uint64_t at, struct zip_head *ret)
{
	uint64_t names = at + ZIP_CENTRAL_BYTES;
	uint32_t made;

	if (!mark_is(bytes, at, STR("PK\1\2")) || bytes.n - at < ZIP_CENTRAL_BYTES)
		return false;
	made = zip_u16(bytes, at + 4) >> 8;
	*ret = (struct zip_head){
		.at = at,
		.flags = zip_u16(bytes, at + 8),
		.method = zip_u16(bytes, at + 10),
		.crc = zip_u32(bytes, at + 16),
		.packed = zip_u32(bytes, at + 20),
		.plain = zip_u32(bytes, at + 24),
		.name = str_sub(bytes, names, zip_u16(bytes, at + 28)),
		.extra = str_sub(bytes, names + zip_u16(bytes, at + 28),
				 zip_u16(bytes, at + 30)),
		.local = zip_u32(bytes, at + 42),
	};
	if (made == MADE_BY_UNIX || made == MADE_BY_DARWIN)
		ret->mode = zip_u32(bytes, at + 38) >> 16;
	ret->after = names + zip_u16(bytes, at + 28) + zip_u16(bytes, at + 30) +
		     zip_u16(bytes, at + 32);
	extra_read(ret, true);
	return true;
}

/* APPNOTE 4.3.16 */
bool zip_end_read(struct str bytes, uint64_t at, struct zip_end *ret)
{
	uint32_t disk, first;

	if (!mark_is(bytes, at, STR("PK\5\6")) || bytes.n - at < ZIP_END_BYTES)
		return false;
	disk = zip_u16(bytes, at + 4);
	first = zip_u16(bytes, at + 6);
	*ret = (struct zip_end){
		.at = at,
		.after = at + ZIP_END_BYTES + zip_u16(bytes, at + 20),
		.count = zip_u16(bytes, at + 10),
		.size = zip_u32(bytes, at + 12),
		.offset = zip_u32(bytes, at + 16),
		.limit = at,
		.volumes = (disk && disk != 0xffff) || (first && first != 0xffff),
	};
	return true;
}

/* APPNOTE 4.3.14 and 4.3.15: the locator stands right before the end. */
bool zip_end64_read(struct str bytes, const struct zip_end *end, struct zip_end *ret)
{
	uint64_t locator = end->at - ZIP64_LOCATOR_BYTES, at;

	if (end->at < ZIP64_LOCATOR_BYTES || !mark_is(bytes, locator, STR("PK\6\7")))
		return false;
	at = zip_u64(bytes, locator + 8);
	if (!mark_is(bytes, at, STR("PK\6\6")))
		at = locator - ZIP64_END_BYTES; /* something was put before it all */
	if (!mark_is(bytes, at, STR("PK\6\6")) || bytes.n - at < ZIP64_END_BYTES)
		return false;
	*ret = *end;
	ret->count = zip_u64(bytes, at + 32);
	ret->size = zip_u64(bytes, at + 40);
	ret->offset = zip_u64(bytes, at + 48);
	ret->limit = at;
	ret->volumes = zip_u32(bytes, at + 16) || zip_u32(bytes, at + 20);
	return true;
}

static bool mark_add(struct zip_marks *m, uint64_t at)
{
	if (zip_marks_count(m) >= ZIP_MARKS_MAX)
		return false;
	buf_add_bytes(&m->at, &at, sizeof(at));
	buf_add_c(&m->seen, 0);
	return true;
}

/* One that a program could take for a header: the name is there, and is one. */
static bool local_likely(struct str bytes, uint64_t at)
{
	struct zip_head h;

	return zip_local_read(bytes, at, &h) && h.name.n &&
	       (h.after <= bytes.n || h.name.n < 256) && h.method <= ZIP_AES;
}

bool zip_marks_find(struct zip *z)
{
	struct str bytes = z->bytes;
	size_t at = 0;
	bool all = true;

	while (at + 4 <= bytes.n) {
		const char *p = memchr(bytes.p + at, 'P', bytes.n - at - 3);
		struct zip_end end;
		struct zip_head head;

		if (!p)
			break;
		at = (size_t)(p - bytes.p);
		if (p[1] == 'K' && p[2] == 3 && local_likely(bytes, at))
			all = mark_add(&z->locals, at) && all;
		else if (p[1] == 'K' && p[2] == 1 && zip_central_read(bytes, at, &head))
			all = mark_add(&z->centrals, at) && all;
		else if (p[1] == 'K' && p[2] == 5 && zip_end_read(bytes, at, &end))
			all = mark_add(&z->ends, at) && all;
		at++;
	}
	return all;
}

size_t zip_marks_count(const struct zip_marks *m)
{
	size_t n = m->at.n / sizeof(uint64_t);

	return n < m->seen.n ? n : m->seen.n; /* they differ when memory ran out */
}

uint64_t zip_mark(const struct zip_marks *m, size_t i)
{
	return ((const uint64_t *)(const void *)m->at.p)[i];
}

size_t zip_mark_from(const struct zip_marks *m, uint64_t at)
{
	size_t from = 0, to = zip_marks_count(m);

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (zip_mark(m, middle) < at)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

bool zip_mark_seen(const struct zip_marks *m, uint64_t at)
{
	size_t i = zip_mark_from(m, at);

	return i < zip_marks_count(m) && zip_mark(m, i) == at && m->seen.p[i];
}

void zip_mark_see(struct zip_marks *m, uint64_t at)
{
	size_t i = zip_mark_from(m, at);

	if (i < zip_marks_count(m) && zip_mark(m, i) == at)
		m->seen.p[i] = 1;
}

/*
 * From the last end to the first: each that does not lie in a member that was read
 * already (an archive in the archive) has its directory read. Then directories that no
 * end names, then local headers that no directory names.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "inspect/readers.h"
#include "inspect/zip_inner.h"

/* What may hold whole archives as they are: their own readers give them out. */
static bool holds_files(const struct type_set *set)
{
	static const enum file_type kinds[] = {
		TYPE_TAR,       TYPE_CPIO,    TYPE_AR,        TYPE_ISO9660, TYPE_UDF,
		TYPE_OLE,       TYPE_ONENOTE, TYPE_TNEF,      TYPE_MESSAGE, TYPE_RAR,
		TYPE_SEVEN_ZIP, TYPE_CAB,     TYPE_FAT_IMAGE, TYPE_VHD,     TYPE_VMDK,
		TYPE_QCOW,      TYPE_GZIP,    TYPE_BZIP2,     TYPE_XZ,      TYPE_ZSTD,
		TYPE_LZ4,       TYPE_SQLITE
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (type_in(set, kinds[i]))
			return true;
	return false;
}

/* A directory and an end, or a member, anywhere: programs that unpack look for them. */
static bool is(const struct object *o)
{
	struct str rest = o->content;
	const char *p;

	if (type_in(&o->types, TYPE_ZIP))
		return true;
	if (holds_files(&o->types) || rest.n < ZIP_END_BYTES)
		return false;
	while ((p = memmem(rest.p, rest.n, "PK", 2)) != NULL) {
		struct zip_head h;
		size_t at = (size_t)(p - rest.p);

		rest = str_skip(rest, at);
		if (zip_central_read(rest, 0, &h) && h.after <= rest.n && h.name.n)
			return true;
		if (zip_local_read(rest, 0, &h) && h.after <= rest.n && h.name.n &&
		    (h.method == ZIP_STORED || h.method == ZIP_DEFLATED))
			return true;
		rest = str_skip(rest, 2);
	}
	return false;
}

static void tell(struct zip *z, enum inspect_finding_kind kind, uint64_t at)
{
	static const enum inspect_finding_kind of_one_archive[] = {
		INSPECT_ARCHIVE_BEHIND,   INSPECT_ARCHIVE_AFTER,   INSPECT_ZIP_HIDDEN,
		INSPECT_ZIP_NO_DIRECTORY, INSPECT_ZIP_DIRECTORIES,
	};

	for (size_t i = 0; z->quiet && i < COUNT_OF(of_one_archive); i++)
		if (kind == of_one_archive[i])
			return;
	scan_tell(z->s, z->o, kind, at, STR_NONE);
}

static int range_cmp(const void *a, const void *b)
{
	const struct zip_range *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static struct zip_range *ranges_of(const struct buf *b)
{
	return (struct zip_range *)(void *)b->p;
}

static size_t ranges_sort(struct buf *b)
{
	struct zip_range *range = ranges_of(b);
	size_t n = b->n / sizeof(*range);

	if (n)
		qsort(range, n, sizeof(*range), range_cmp);
	for (size_t i = 0; i < n; i++) {
		range[i].most = range[i].to;
		if (i > 0 && range[i - 1].most > range[i].most)
			range[i].most = range[i - 1].most;
	}
	return n;
}

/* What was read for sure so far, to be asked by `covered`. */
static void sure_renew(struct zip *z)
{
	const struct zip_range *range = ranges_of(&z->ranges);

	buf_clear(&z->sure);
	for (size_t i = 0; i < z->ranges.n / sizeof(*range); i++)
		if (range[i].sure)
			buf_add_bytes(&z->sure, &range[i], sizeof(*range));
	ranges_sort(&z->sure);
}

/* The place lies in a member that was read: it belongs to what is in there. */
static bool covered(const struct zip *z, uint64_t at)
{
	const struct zip_range *range = ranges_of(&z->sure);
	size_t from = 0, to = z->sure.n / sizeof(*range);

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (range[middle].from <= at)
			from = middle + 1;
		else
			to = middle;
	}
	return from > 0 && range[from - 1].most > at;
}

/* Each costs something, even without any bytes. */
static bool entry_count(struct zip *z)
{
	if (z->entries++ >= ZIP_MARKS_MAX) {
		tell(z, INSPECT_OBJECTS, 0);
		z->stop = true;
	}
	return !z->stop;
}

static void entry_read(struct zip *z, const struct zip_entry *e)
{
	struct zip_range range = { .from = e->local.at };

	if (!entry_count(z))
		return;
	range.to = zip_entry_read(z, e, &range.sure);
	if (e->has_local && range.to > range.from)
		buf_add_bytes(&z->ranges, &range, sizeof(range));
}

/* Another directory says the same of the same member. */
static bool read_before(const struct zip *z, const struct zip_head *central,
			uint64_t local)
{
	const struct zip_head *read = z->read + zip_mark_from(&z->locals, local);

	return z->read && zip_mark_seen(&z->locals, local) &&
	       str_eq(read->name, central->name) && read->method == central->method &&
	       read->packed == central->packed && read->crc == central->crc &&
	       read->flags == central->flags;
}

static void read_keep(struct zip *z, const struct zip_head *central, uint64_t local)
{
	size_t i = zip_mark_from(&z->locals, local);

	if (z->read && i < zip_marks_count(&z->locals))
		z->read[i] = *central;
	zip_mark_see(&z->locals, local);
}

/* base: what was put before the archive, so that its offsets are too small by it. */
static void central_entry(struct zip *z, const struct zip_head *central, uint64_t base)
{
	struct zip_entry e = { .has_central = true, .central = *central };
	uint64_t at = central->local + base;

	zip_mark_see(&z->centrals, central->at);
	e.has_local = zip_local_read(z->bytes, at, &e.local);
	if (!e.has_local && zip_local_read(z->bytes, central->local, &e.local)) {
		at = central->local;
		e.has_local = true;
	}
	if (!e.has_local)
		tell(z, INSPECT_ZIP_DIRECTORY, central->at);
	else if (read_before(z, central, at))
		return;
	else
		read_keep(z, central, at);
	entry_read(z, &e);
}

static bool place_new(struct zip *z, uint64_t at, uint64_t base)
{
	const uint64_t *places = (const uint64_t *)(void *)z->places.p;
	uint64_t place[] = { at, base };

	for (size_t i = 0; i + 1 < z->places.n / sizeof(*places); i += 2)
		if (places[i] == at && places[i + 1] == base)
			return false;
	buf_add_bytes(&z->places, place, sizeof(place));
	return true;
}

/* All headers in a row from `at` on, whatever number is said (end may be NULL). */
static void directory_walk(struct zip *z, uint64_t at, uint64_t base,
			   const struct zip_end *end)
{
	struct zip_head head;
	uint16_t count = 0; /* the end has as few bits, and so it wraps there, too */

	if (z->stop)
		return;
	if (z->directories >= ZIP_DIRECTORIES_MAX) {
		tell(z, INSPECT_OBJECTS, at);
		z->stop = true;
		return;
	}
	if (!place_new(z, at, base))
		return;
	z->directories++;
	while (!z->stop && zip_central_read(z->bytes, at, &head)) {
		central_entry(z, &head, base);
		at = head.after;
		count++;
	}
	/* APPNOTE 4.3.13: a signature may follow. */
	if (at > z->bytes.n ||
	    (end && !z->stop &&
	     (count != (uint16_t)end->count ||
	      (at != end->limit && !str_eq(str_sub(z->bytes, at, 4), STR("PK\5\5"))))))
		tell(z, INSPECT_ZIP_DIRECTORY, at);
}

static bool directory_at(const struct zip *z, uint64_t at)
{
	struct zip_head head;

	return zip_central_read(z->bytes, at, &head);
}

/* A directory is where its end says, and right before its end: two places, perhaps. */
static void end_read(struct zip *z, const struct zip_end *end)
{
	uint64_t before = end->limit - end->size;
	bool is_before = end->size <= end->limit && directory_at(z, before);
	bool is_there = directory_at(z, end->offset);

	if (end->volumes)
		tell(z, INSPECT_ARCHIVE_VOLUME, end->at);
	if (is_before)
		directory_walk(z, before, before - end->offset, end);
	if (is_there && (!is_before || before != end->offset))
		directory_walk(z, end->offset, 0, end);
	if (!is_before && !is_there && (end->size || end->count))
		tell(z, INSPECT_ZIP_DIRECTORY, end->at);
}

/* Blanks of any kind at the end hide nothing. */
static bool filler(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] && s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != ' ')
			return false;
	return true;
}

static void end_look(struct zip *z, const struct zip_end *end, bool last)
{
	struct zip_end end64;

	if (last && end->after > z->bytes.n)
		tell(z, INSPECT_ZIP_DIRECTORY, end->at);
	if (last && !filler(str_skip(z->bytes, end->after)))
		tell(z, INSPECT_ARCHIVE_AFTER, end->after);
	if (zip_end64_read(z->bytes, end, &end64)) {
		end_read(z, &end64);
		if (end->offset == UINT32_MAX || end->size == UINT32_MAX ||
		    (end->offset == end64.offset && end->size == end64.size))
			return;
		tell(z, INSPECT_ZIP_DIRECTORY, end->at);
	}
	end_read(z, end);
}

/* Returns how many there are outside of members. */
static size_t ends_read(struct zip *z)
{
	size_t found = 0;

	for (size_t i = zip_marks_count(&z->ends); i > 0 && !z->stop; i--) {
		uint64_t at = zip_mark(&z->ends, i - 1);
		size_t before = z->directories;
		struct zip_end end;

		if (covered(z, at) || !zip_end_read(z->bytes, at, &end))
			continue;
		end_look(z, &end, found == 0);
		if (z->directories != before)
			sure_renew(z);
		if (found++ == 1)
			tell(z, INSPECT_ZIP_DIRECTORIES, at);
	}
	if (z->directories > 1)
		tell(z, INSPECT_ZIP_DIRECTORIES, 0);
	return found;
}

static void orphans_read(struct zip *z, size_t ends)
{
	for (size_t i = 0; i < zip_marks_count(&z->centrals) && !z->stop; i++) {
		uint64_t at = zip_mark(&z->centrals, i);

		if (z->centrals.seen.p[i] || covered(z, at))
			continue;
		if (ends)
			tell(z, INSPECT_ZIP_DIRECTORIES, at);
		directory_walk(z, at, 0, NULL);
		sure_renew(z);
	}
}

static void locals_read(struct zip *z)
{
	uint64_t until = 0;

	for (size_t i = 0; i < zip_marks_count(&z->locals) && !z->stop; i++) {
		struct zip_entry e = { .has_local = true };
		struct zip_range range = { 0 };
		uint64_t at = zip_mark(&z->locals, i);

		if (z->locals.seen.p[i] || at < until || covered(z, at) ||
		    !zip_local_read(z->bytes, at, &e.local))
			continue;
		if (!entry_count(z))
			return;
		if (z->directories)
			tell(z, INSPECT_ZIP_HIDDEN, at);
		range.to = zip_entry_read(z, &e, &range.sure);
		if (range.sure)
			until = range.to;
	}
}

/* Those that directories name must not share bytes. */
static void overlaps_tell(struct zip *z)
{
	size_t n = ranges_sort(&z->ranges);
	const struct zip_range *range = ranges_of(&z->ranges);

	for (size_t i = 1; i < n; i++)
		if (range[i - 1].most > range[i].from)
			tell(z, INSPECT_ZIP_OVERLAP, range[i].from);
}

static void front_look(struct zip *z)
{
	static const enum file_type programs[] = { TYPE_PE, TYPE_DOS, TYPE_ELF,
						   TYPE_MACHO, TYPE_SHEBANG };

	if (str_starts(z->bytes, STR("PK")))
		return;
	for (size_t i = 0; i < COUNT_OF(programs); i++)
		if (type_in(&z->o->types, programs[i]))
			return; /* unpacks itself: told as a program */
	tell(z, INSPECT_ARCHIVE_BEHIND,
	     zip_marks_count(&z->locals) ? zip_mark(&z->locals, 0) : 0);
}

static void done(struct zip *z)
{
	struct zip_marks *marks[] = { &z->locals, &z->centrals, &z->ends };

	if (!z->read || z->ranges.err || z->sure.err || z->places.err ||
	    z->locals.at.err || z->centrals.at.err || z->ends.at.err)
		tell(z, INSPECT_MEMORY, 0);
	for (size_t i = 0; i < COUNT_OF(marks); i++) {
		buf_done(&marks[i]->at);
		buf_done(&marks[i]->seen);
	}
	buf_done(&z->ranges);
	buf_done(&z->sure);
	mem_free(z->read);
	buf_done(&z->places);
	buf_done(&z->members.rows);
}

static void read_all(struct scan *s, const struct object *o)
{
	struct zip z = { .s = s, .o = o, .bytes = o->content };
	size_t ends;

	if (!zip_marks_find(&z))
		tell(&z, INSPECT_OBJECTS, 0);
	z.quiet = holds_files(&o->types) && !str_starts(z.bytes, STR("PK"));
	z.read = mem_alloc((zip_marks_count(&z.locals) + 1) * sizeof(*z.read));
	ends = ends_read(&z);
	orphans_read(&z, ends);
	locals_read(&z);
	if (!ends)
		tell(&z, INSPECT_ZIP_NO_DIRECTORY, 0);
	front_look(&z);
	overlaps_tell(&z);
	members_tell(&z.members, s, o);
	done(&z);
}

const struct reader reader_zip = { .name = "zip", .is = is, .read = read_all };

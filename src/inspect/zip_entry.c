#include <sys/stat.h>
#include <zlib.h>

#include "inspect/archive.h"
#include "inspect/archive_inner.h"
#include "inspect/inflate.h"
#include "inspect/zip_inner.h"

enum {
	NAMES_MAX = 5,
	METHODS_MAX = 4,
	SIZES_MAX = 4,
	CRCS_MAX = 4,
};

/* One member while it is read. */
struct reading {
	struct zip *z;
	const struct zip_entry *e;
	uint64_t data;                   /* where it begins */
	struct str names[NAMES_MAX + 1]; /* the last one is empty */
	size_t name_count;
	uint32_t crcs[CRCS_MAX];
	size_t crc_count;
	bool locked; /* said to be encrypted */
	bool given;  /* has become an object */
	bool fits;   /* a checksum did fit */
	uint64_t end;
};

/* What one way to read the data gave. */
struct attempt {
	struct str content;
	struct buf made;
	uint64_t packed; /* bytes that it used */
	bool known;      /* a way that is read here */
	bool whole;      /* to its end */
	bool fits;       /* by the checksum */
};

static void tell(struct reading *r, enum inspect_finding_kind kind, struct str excerpt)
{
	uint64_t at = r->e->has_local ? r->e->local.at : r->e->central.at;

	scan_tell(r->z->s, r->z->o, kind, at, excerpt);
}

static bool name_add(struct reading *r, struct str name)
{
	if (!name.n)
		return false;
	for (size_t i = 0; i < r->name_count; i++)
		if (str_eq(r->names[i], name))
			return false;
	if (r->name_count < NAMES_MAX)
		r->names[r->name_count++] = name;
	return true;
}

/* The field is for what the old code page cannot say: the end of the name is ASCII. */
static void other_name_add(struct reading *r, const struct zip_head *h)
{
	struct str end = h->name, other_end = h->other_name;
	ptrdiff_t dot = str_rfind(end, '.');

	if (!name_add(r, h->other_name))
		return;
	end = str_skip(end, dot < 0 ? end.n : (size_t)dot);
	dot = str_rfind(other_end, '.');
	other_end = str_skip(other_end, dot < 0 ? other_end.n : (size_t)dot);
	if (!str_eq_nocase(end, other_end))
		tell(r, INSPECT_ZIP_NAMES, h->other_name);
}

static void names_collect(struct reading *r)
{
	const struct zip_entry *e = r->e;
	bool masked = e->has_central && e->central.flags & ZIP_MASKED;
	size_t first;
	ptrdiff_t nul;

	if (e->has_central)
		name_add(r, e->central.name);
	if (e->has_local && name_add(r, e->local.name) && e->has_central && !masked)
		tell(r, INSPECT_ZIP_NAMES, e->local.name);
	first = r->name_count;
	for (size_t i = 0; i < first; i++) {
		nul = str_find(r->names[i], '\0');
		if (nul >= 0 && name_add(r, str_sub(r->names[i], 0, (size_t)nul)))
			tell(r, INSPECT_ZIP_NAMES, r->names[i]);
	}
	if (e->has_central)
		other_name_add(r, &e->central);
	if (e->has_local && !masked)
		other_name_add(r, &e->local);
}

/* With a descriptor behind the data the local header may leave its numbers at zero. */
static bool open_number(const struct zip_head *local, uint64_t number)
{
	return number == 0 && local->flags & ZIP_DESCRIPTOR;
}

static void heads_compare(struct reading *r)
{
	const struct zip_head *l = &r->e->local, *c = &r->e->central;

	if (l->method != c->method)
		tell(r, INSPECT_ZIP_METHOD, STR_NONE);
	if ((l->packed != c->packed && !open_number(l, l->packed)) ||
	    (l->plain != c->plain && !open_number(l, l->plain)))
		tell(r, INSPECT_ZIP_SIZE, c->name);
	if (l->crc != c->crc && !open_number(l, l->crc))
		tell(r, INSPECT_ARCHIVE_BROKEN, c->name);
}

static void crc_add(struct reading *r, uint32_t crc)
{
	if (r->crc_count < CRCS_MAX)
		r->crcs[r->crc_count++] = crc;
}

static bool crc_fits(const struct reading *r, struct str content)
{
	uint32_t crc = (uint32_t)crc32_z(0, (const unsigned char *)content.p, content.n);

	for (size_t i = 0; i < r->crc_count; i++)
		if (r->crcs[i] == crc)
			return true;
	return false;
}

/* The length of stored data that only a descriptor behind it knows: up to what follows,
 * APPNOTE 4.3.9. */
static uint64_t stored_extent(struct reading *r)
{
	static const struct {
		unsigned bytes, size_at;
	} forms[] = { { 16, 8 }, { 24, 8 }, { 12, 4 }, { 20, 4 } };
	const struct zip *z = r->z;
	const struct zip_marks *kinds[] = { &z->locals, &z->centrals, &z->ends };
	uint64_t next = z->bytes.n, n;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		size_t at = zip_mark_from(kinds[i], r->data);

		if (at < zip_marks_count(kinds[i]) && zip_mark(kinds[i], at) < next)
			next = zip_mark(kinds[i], at);
	}
	n = next - r->data;
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		uint64_t at = next - forms[i].bytes;

		if (n < forms[i].bytes || zip_u32(z->bytes, at + forms[i].size_at) !=
						  (uint32_t)(n - forms[i].bytes))
			continue;
		crc_add(r, zip_u32(z->bytes, at + forms[i].size_at - 4));
		return n - forms[i].bytes;
	}
	return n;
}

static void stored_try(struct reading *r, struct attempt *a)
{
	const struct zip_entry *e = r->e;
	uint64_t sizes[SIZES_MAX];
	size_t count = 0;

	if (e->has_central) {
		sizes[count++] = e->central.packed;
		sizes[count++] = e->central.plain;
	}
	if (e->has_local && !open_number(&e->local, e->local.packed))
		sizes[count++] = e->local.packed;
	if (!e->has_central && open_number(&e->local, e->local.packed))
		sizes[count++] = stored_extent(r);
	for (size_t i = 0; i < count && !a->fits; i++) {
		struct str content = str_sub(r->z->bytes, r->data, sizes[i]);
		bool again = false;

		for (size_t j = 0; j < i; j++)
			again = again || sizes[j] == sizes[i];
		if (again || !scan_work(r->z->s, r->z->o, content.n))
			continue;
		a->fits = crc_fits(r, content);
		if (!a->fits && content.n <= a->content.n)
			continue;
		a->content = content;
		a->packed = content.n;
		a->whole = content.n == sizes[i];
	}
}

static void inflate_try(struct reading *r, struct attempt *a)
{
	struct inflated done = inspect_inflate(
		r->z->s, r->z->o, str_skip(r->z->bytes, r->data), INFLATE_RAW, &a->made);

	a->content = buf_str(&a->made);
	a->packed = done.used;
	a->whole = done.whole;
}

/* APPNOTE 4.3.9: the checksum behind the data, with or without a mark before it. */
static void descriptor_read(struct reading *r, const struct attempt *a)
{
	uint64_t at = r->data + a->packed;

	if (!r->e->has_local || !(r->e->local.flags & ZIP_DESCRIPTOR))
		return;
	if (str_eq(str_sub(r->z->bytes, at, 4), STR("PK\7\10")))
		at += 4;
	crc_add(r, zip_u32(r->z->bytes, at));
}

/* More or less than any header says. */
static bool size_differs(const struct reading *r, const struct attempt *a)
{
	const struct zip_head *l = &r->e->local, *c = &r->e->central;

	if (r->e->has_central && (c->packed != a->packed || c->plain != a->content.n))
		return true;
	return r->e->has_local && !open_number(l, l->packed) &&
	       (l->packed != a->packed || l->plain != a->content.n);
}

/* All that libarchive knows: bzip2, LZMA, xz, Zstandard, PPMd. */
static void other_try(struct reading *r, uint32_t method, struct attempt *a)
{
	const struct zip_entry *e = r->e;
	uint64_t n = e->has_central ? e->central.packed : e->local.packed;
	struct str member = str_sub(r->z->bytes, e->local.at, r->data - e->local.at + n);
	struct str data = str_sub(r->z->bytes, r->data, n);

	if (!scan_work(r->z->s, r->z->o, data.n))
		return;
	if ((method == ZIP_LZMA && zip_u32(data, 5) > ARCHIVE_WINDOW_MAX_MIB * MIB) ||
	    (method == ZIP_XZ && archive_window_too_big(TYPE_XZ, data)) ||
	    (method == ZIP_ZSTD && archive_window_too_big(TYPE_ZSTD, data))) {
		tell(r, INSPECT_ARCHIVE_WINDOW, r->names[0]);
		a->known = false;
		return;
	}
	a->known = archive_zip_member(r->z->s, r->z->o, member, &a->made, &a->whole);
	a->content = buf_str(&a->made);
	a->packed = n;
	a->fits = a->whole && crc_fits(r, a->content);
}

static struct attempt method_try(struct reading *r, uint32_t method)
{
	struct attempt a = { .known = true };

	if (method == ZIP_STORED) {
		stored_try(r, &a);
	} else if (method == ZIP_DEFLATED) {
		inflate_try(r, &a);
		descriptor_read(r, &a);
		a.fits = a.whole && crc_fits(r, a.content);
	} else if (r->e->has_local && !r->locked) {
		other_try(r, method, &a);
	} else {
		a.known = false;
	}
	return a;
}

static void give(struct reading *r, struct str content, bool truncated)
{
	bool link = r->e->has_central && (r->e->central.mode & S_IFMT) == S_IFLNK;

	if (link && member_link_leads_away(r->names[0], content))
		tell(r, INSPECT_NAME_PATH, content);
	r->given = true;
	for (size_t i = 0; i < r->name_count || i == 0; i += 2) {
		struct child c = { .name = r->names[i], .name2 = r->names[i + 1] };

		if (i == 0) {
			c.content = content;
			c.truncated = truncated;
		}
		if (!scan_child(r->z->s, r->z->o, &c))
			r->z->stop = true;
	}
}

static size_t methods_list(const struct zip_entry *e, uint32_t ret[METHODS_MAX],
			   size_t *ret_said)
{
	const uint32_t wanted[METHODS_MAX] = {
		e->has_central ? e->central.method : e->local.method,
		e->has_local ? e->local.method : e->central.method,
		ZIP_DEFLATED,
		ZIP_STORED,
	};
	size_t n = 0;

	for (size_t i = 0; i < METHODS_MAX; i++) {
		bool again = false;

		for (size_t j = 0; j < n; j++)
			again = again || ret[j] == wanted[i];
		if (!again)
			ret[n++] = wanted[i];
		if (i == 1)
			*ret_said = n;
	}
	return n;
}

/* All ways that are said; if none fits, those that are not. */
static void member_content(struct reading *r)
{
	uint32_t methods[METHODS_MAX];
	size_t said = 0, count = methods_list(r->e, methods, &said);
	bool known = true;

	for (size_t i = 0; i < count && !(i >= said && r->fits); i++) {
		struct attempt a = method_try(r, methods[i]);

		known = known && (i >= said || a.known);
		if (i >= said && a.fits && !a.content.n)
			a.fits = false; /* nothing fits to anything */
		if (i >= said && a.fits)
			tell(r, INSPECT_ZIP_METHOD, r->names[0]);
		if (a.fits && size_differs(r, &a))
			tell(r, INSPECT_ZIP_SIZE, r->names[0]);
		if (a.fits && r->data + a.packed > r->end)
			r->end = r->data + a.packed;
		r->fits = r->fits || a.fits;
		if (a.known && (a.fits || (i < said && !r->locked)))
			give(r, a.content, !a.whole);
		buf_done(&a.made);
	}
	if (!known && !r->fits)
		tell(r, r->locked ? INSPECT_ARCHIVE_ENCRYPTED : INSPECT_ARCHIVE_METHOD,
		     r->names[0]);
	else if (!r->fits && !r->locked)
		tell(r, INSPECT_ARCHIVE_BROKEN, r->names[0]);
	else if (!r->fits)
		tell(r, INSPECT_ARCHIVE_ENCRYPTED, r->names[0]);
	else if (r->locked)
		tell(r, INSPECT_ZIP_FAKE_LOCK, r->names[0]);
}

static bool says_locked(const struct zip_head *h)
{
	return h->flags & (ZIP_ENCRYPTED | ZIP_ENCRYPTED_STRONG) || h->method == ZIP_AES;
}

static void mode_look(struct reading *r)
{
	uint32_t type = r->e->has_central ? r->e->central.mode & S_IFMT : 0;

	if (type == S_IFLNK)
		tell(r, INSPECT_ARCHIVE_LINK, r->names[0]);
	else if (type == S_IFCHR || type == S_IFBLK || type == S_IFSOCK)
		tell(r, INSPECT_ARCHIVE_DEVICE, r->names[0]); /* a pipe: of "zip -" */
}

uint64_t zip_entry_read(struct zip *z, const struct zip_entry *e, bool *sure)
{
	const struct zip_head *best = e->has_central ? &e->central : &e->local;
	struct reading r = { .z = z, .e = e };
	bool folder = best->name.n && best->name.p[best->name.n - 1] == '/';
	uint64_t packed = best->packed;

	/* A directory's entry that leads nowhere has only its names. */
	r.data = e->has_local ? e->local.after : z->bytes.n;
	r.end = r.data + (packed < z->bytes.n ? packed : z->bytes.n);
	names_collect(&r);
	for (size_t i = 0; i < r.name_count; i++)
		member_add(&z->members, z->s, z->o, r.names[i], folder);
	if (e->has_central)
		crc_add(&r, e->central.crc);
	if (e->has_local && !open_number(&e->local, e->local.crc))
		crc_add(&r, e->local.crc);
	r.locked = (e->has_central && says_locked(&e->central)) ||
		   (e->has_local && says_locked(&e->local));
	mode_look(&r);
	if (e->has_central && e->central.flags & ZIP_MASKED)
		tell(&r, INSPECT_ARCHIVE_ENCRYPTED_NAMES, r.names[0]);
	else if (e->has_central && e->has_local)
		heads_compare(&r);
	if (folder && e->has_local && !best->packed && !best->plain)
		r.fits = true;
	else if (e->has_local)
		member_content(&r);
	if (!r.given && !folder)
		give(&r, STR_NONE, false);
	*sure = r.fits;
	return r.end;
}

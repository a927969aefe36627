/*
 * All archives but ZIP, and single files that are compressed: by libarchive, one format
 * or one filter at a time, so that what is within becomes an object and is looked at
 * like any other. Nothing is written anywhere, and no program is run.
 */
#include "inspect/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include "inspect/archive_inner.h"
#include "inspect/inflate.h"
#include "inspect/readers.h"

enum {
	STEP_BYTES = 64 * 1024, /* made at once, before it is asked for */
	HEADER_WORK = 512,      /* what a member costs without its content */
	STARTS_MAX = 4,         /* marks of RAR or 7z that are tried in one file */
};

typedef int enable(struct archive *a);

enum how { ARCHIVE_PACKED, ARCHIVE_FORMAT, ARCHIVE_OPAQUE };

static const struct row {
	enum file_type type;
	enum how how;
	enable *enable, *enable2;
} rows[] = {
	{ TYPE_GZIP, ARCHIVE_PACKED, archive_read_support_filter_gzip, NULL },
	{ TYPE_BZIP2, ARCHIVE_PACKED, archive_read_support_filter_bzip2, NULL },
	{ TYPE_XZ, ARCHIVE_PACKED, archive_read_support_filter_xz, NULL },
	{ TYPE_LZMA, ARCHIVE_PACKED, archive_read_support_filter_lzma, NULL },
	{ TYPE_ZSTD, ARCHIVE_PACKED, archive_read_support_filter_zstd, NULL },
	{ TYPE_LZ4, ARCHIVE_PACKED, archive_read_support_filter_lz4, NULL },
	{ TYPE_COMPRESS, ARCHIVE_PACKED, archive_read_support_filter_compress, NULL },
	{ TYPE_LZIP, ARCHIVE_PACKED, archive_read_support_filter_lzip, NULL },
	{ TYPE_RPM, ARCHIVE_PACKED, archive_read_support_filter_rpm, NULL },
	{ TYPE_TAR, ARCHIVE_FORMAT, archive_read_support_format_tar, NULL },
	{ TYPE_CPIO, ARCHIVE_FORMAT, archive_read_support_format_cpio, NULL },
	{ TYPE_AR, ARCHIVE_FORMAT, archive_read_support_format_ar, NULL },
	{ TYPE_CAB, ARCHIVE_FORMAT, archive_read_support_format_cab, NULL },
	{ TYPE_LHA, ARCHIVE_FORMAT, archive_read_support_format_lha, NULL },
	{ TYPE_RAR, ARCHIVE_FORMAT, archive_read_support_format_rar,
	  archive_read_support_format_rar5 },
	{ TYPE_SEVEN_ZIP, ARCHIVE_FORMAT, archive_read_support_format_7zip, NULL },
	{ TYPE_XAR, ARCHIVE_FORMAT, archive_read_support_format_xar, NULL },
	{ TYPE_ISO9660, ARCHIVE_FORMAT, archive_read_support_format_iso9660, NULL },
	{ TYPE_ARJ, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_ACE, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_ALZ, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_EGG, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_ZOO, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_UDF, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_VHD, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_VHDX, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_DMG, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_WIM, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_VMDK, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_QCOW, ARCHIVE_OPAQUE, NULL, NULL },
	{ TYPE_FAT_IMAGE, ARCHIVE_OPAQUE, NULL, NULL },
};

/* One archive while it is read. */
struct opened {
	struct scan *s;
	const struct object *o;
	const struct row *row;
	struct str bytes;
	struct archive *a;
	struct members members;
	bool open; /* it is of the format; else libarchive must not be asked about it */
	bool stop; /* a limit has been reached */
};

static void tell(struct opened *x, enum inspect_finding_kind kind, struct str excerpt)
{
	scan_tell(x->s, x->o, kind, (uint64_t)(x->bytes.p - x->o->content.p), excerpt);
}

/* Filters that libarchive has no library for would run a program (ARCHIVE_WARN). */
static struct archive *open_as(const struct row *row, struct str bytes, bool *ret_open)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	if (row->enable(a) != ARCHIVE_OK || (row->enable2 && row->enable2(a)) ||
	    (row->how == ARCHIVE_PACKED && archive_read_support_format_raw(a)) ||
	    (row->type == TYPE_TAR &&
	     archive_read_set_options(a, "tar:read_concatenated_archives"))) {
		archive_read_free(a);
		return NULL;
	}
	*ret_open = archive_read_open_memory(a, bytes.p, bytes.n) >= ARCHIVE_WARN;
	return a;
}

/*
 * The content of the entry at hand. True: to its end. Where it is cut short the archive
 * is left alone: to get to the next entry libarchive would have to unpack the rest.
 */
static bool member_content(struct opened *x, struct buf *ret, bool *ret_broken)
{
	uint64_t room = scan_room(x->s);

	*ret_broken = false;
	while (ret->n < room) {
		la_ssize_t got;

		if (buf_reserve(ret, STEP_BYTES) < 0) {
			scan_tell(x->s, x->o, INSPECT_MEMORY, 0, STR_NONE);
			return false;
		}
		got = archive_read_data(x->a, ret->p + ret->n, STEP_BYTES);
		if (got <= 0) {
			*ret_broken = got < 0;
			return got == 0;
		}
		if (!scan_work(x->s, x->o, (uint64_t)got)) {
			x->stop = true;
			return false;
		}
		ret->n += (size_t)got;
	}
	x->stop = true;
	return false;
}

static void child_give(struct opened *x, const struct child *c)
{
	if (!scan_child(x->s, x->o, c))
		x->stop = true;
}

/* "a.tar.gz" holds "a.tar", "a.tgz" as well. */
static struct str name_within(const struct object *o, struct buf *room)
{
	static const char tars[] = "tgz tbz tbz2 txz tzst taz tlz";
	struct str name = o->name_count ? str_sub(o->names[0], 0, SCAN_NAME_MAX)
					: STR_NONE;
	ptrdiff_t dot = str_rfind(name, '.');
	struct str end = str_skip(name, dot < 0 ? name.n : (size_t)dot + 1);
	struct str rest = str_from(tars), word;

	if (dot <= 0)
		return name;
	while (str_word(&rest, &word)) {
		if (!str_eq_nocase(word, end))
			continue;
		buf_add(room, str_sub(name, 0, (size_t)dot));
		buf_add(room, STR(".tar"));
		return buf_str(room);
	}
	return str_sub(name, 0, (size_t)dot);
}

/* What follows the end of the compressed bytes is a file of its own. */
static void rest_look(struct opened *x, struct str rest)
{
	size_t fill = 0;

	while (fill < rest.n && !rest.p[fill])
		fill++;
	if (fill == rest.n)
		return;
	tell(x, INSPECT_ARCHIVE_AFTER, rest);
	if (scan_work(x->s, x->o, rest.n))
		child_give(x, &(struct child){ .content = rest });
}

/* libarchive gives nothing of the piece in which an error is; programs write all they
 * have. */
static void gzip_salvage(struct opened *x, struct buf *content)
{
	if (x->row->type != TYPE_GZIP || x->stop)
		return;
	buf_clear(content);
	inspect_inflate(x->s, x->o, x->bytes, INFLATE_GZIP, content);
}

/* *ret_entry is NULL where there is none. True: all of it. */
static bool packed_content(struct opened *x, struct buf *ret,
			   struct archive_entry **ret_entry)
{
	int result = archive_read_next_header(x->a, ret_entry);
	bool broken = result != ARCHIVE_EOF && result < ARCHIVE_WARN, whole = false;

	if (broken || result == ARCHIVE_EOF)
		*ret_entry = NULL;
	if (!broken)
		whole = result == ARCHIVE_EOF || member_content(x, ret, &broken);
	if (broken) {
		tell(x, INSPECT_ARCHIVE_BROKEN, str_from(archive_error_string(x->a)));
		gzip_salvage(x, ret);
	}
	return whole;
}

static void packed_read(struct opened *x)
{
	char room[SCAN_NAME_MAX + 8];
	struct buf content = { 0 }, name = BUF_OVER(room);
	struct archive_entry *entry = NULL;
	struct str part = archive_packed_part(x->row->type, x->bytes);
	struct child c = { .name = name_within(x->o, &name) };
	la_int64_t used;

	c.truncated = !packed_content(x, &content, &entry);
	if (entry)
		c.name2 = str_from(archive_entry_pathname(entry));
	if (str_eq(c.name2, STR("data")) || str_eq(c.name2, c.name))
		c.name2 = STR_NONE;
	if (!c.name.n) {
		c.name = c.name2;
		c.name2 = STR_NONE;
	}
	member_add(&x->members, x->s, x->o, c.name2.n ? c.name2 : c.name, false);
	c.content = buf_str(&content);
	if (content.n || !c.truncated)
		child_give(x, &c);
	used = c.truncated ? 0 : archive_filter_bytes(x->a, -1);
	if (part.n < x->bytes.n)
		rest_look(x, str_skip(x->bytes, part.n));
	else if (used > 0)
		rest_look(x, str_skip(x->bytes, (size_t)used));
	buf_done(&content);
	buf_done(&name);
}

static struct str entry_name(struct archive_entry *entry)
{
	const char *name = archive_entry_pathname_utf8(entry);

	return str_from(name ? name : archive_entry_pathname(entry));
}

/* True: it has content of its own. */
static bool entry_look(struct opened *x, struct archive_entry *entry, struct str name)
{
	struct str target = str_from(archive_entry_symlink(entry));
	struct str hard = str_from(archive_entry_hardlink(entry));
	__LA_MODE_T type = archive_entry_filetype(entry);

	member_add(&x->members, x->s, x->o, name, type == AE_IFDIR);
	if (target.p || hard.p || type == AE_IFLNK)
		tell(x, INSPECT_ARCHIVE_LINK, target.p ? target : hard);
	if ((target.p && member_link_leads_away(name, target)) ||
	    (hard.p && member_leads_away(hard)))
		tell(x, INSPECT_NAME_PATH, target.p ? target : hard);
	if (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFIFO || type == AE_IFSOCK)
		tell(x, INSPECT_ARCHIVE_DEVICE, name);
	if (archive_entry_is_metadata_encrypted(entry))
		tell(x, INSPECT_ARCHIVE_ENCRYPTED_NAMES, name);
	if (archive_entry_is_encrypted(entry)) {
		tell(x, INSPECT_ARCHIVE_ENCRYPTED, name);
		return false;
	}
	return type != AE_IFDIR && !target.p;
}

/* libarchive 3.6 follows a wild pointer when no format took the bytes. */
static bool has_locked(const struct opened *x)
{
	return x->open && archive_read_has_encrypted_entries(x->a) == 1;
}

static void entry_read(struct opened *x, struct archive_entry *entry)
{
	struct buf content = { 0 };
	struct child c = { .name = entry_name(entry) };
	bool broken = false;

	if (entry_look(x, entry, c.name)) {
		c.truncated = !member_content(x, &content, &broken) && !broken;
		c.content = buf_str(&content);
	}
	if (broken && has_locked(x))
		tell(x, INSPECT_ARCHIVE_ENCRYPTED, c.name);
	else if (broken)
		tell(x, INSPECT_ARCHIVE_BROKEN, str_from(archive_error_string(x->a)));
	if (archive_entry_filetype(entry) != AE_IFDIR || content.n)
		child_give(x, &c);
	buf_done(&content);
}

/* Warnings are of names in other character sets mostly; this one is not. */
static bool out_of_order(struct archive *a)
{
	struct str text = str_from(archive_error_string(a));

	return text.n && memmem(text.p, text.n, "out-of-order", 12) != NULL;
}

static void format_read(struct opened *x)
{
	struct archive_entry *entry;
	int result = ARCHIVE_OK;

	while (!x->stop && scan_work(x->s, x->o, HEADER_WORK)) {
		result = archive_read_next_header(x->a, &entry);
		if (result == ARCHIVE_EOF || result < ARCHIVE_WARN)
			break;
		if (result == ARCHIVE_WARN && out_of_order(x->a))
			tell(x, INSPECT_ARCHIVE_BROKEN,
			     str_from(archive_error_string(x->a)));
		entry_read(x, entry);
	}
	if (result >= ARCHIVE_WARN || result == ARCHIVE_EOF)
		return;
	if (has_locked(x))
		tell(x, INSPECT_ARCHIVE_ENCRYPTED, STR_NONE);
	else
		tell(x, INSPECT_ARCHIVE_BROKEN, str_from(archive_error_string(x->a)));
}

static void open_and_read(struct scan *s, const struct object *o, const struct row *row,
			  struct str bytes)
{
	struct opened x = { .s = s, .o = o, .row = row, .bytes = bytes };

	if (archive_window_too_big(row->type, bytes)) {
		tell(&x, INSPECT_ARCHIVE_WINDOW, type_id(row->type));
		return;
	}
	if (archive_headers_look(s, o, row->type, bytes)) {
		tell(&x, INSPECT_ARCHIVE_ENCRYPTED_NAMES, type_id(row->type));
		return;
	}
	x.a = open_as(row, archive_packed_part(row->type, bytes), &x.open);
	if (!x.a) {
		tell(&x, INSPECT_ARCHIVE_KIND, type_id(row->type));
		return;
	}
	if (row->how == ARCHIVE_PACKED)
		packed_read(&x);
	else
		format_read(&x);
	archive_read_free(x.a);
	members_tell(&x.members, s, o);
	buf_done(&x.members.rows);
}

/* RAR and 7z may begin anywhere: behind a program that unpacks them, or a picture. */
static void starts_read(struct scan *s, const struct object *o, const struct row *row)
{
	struct str mark = row->type == TYPE_RAR ? STR("Rar!\x1a\7")
						: STR("7z\xbc\xaf\x27\x1c");
	struct str rest = o->content;
	const char *p;

	for (size_t i = 0; i < STARTS_MAX; i++) {
		p = memmem(rest.p, rest.n, mark.p, mark.n);
		if (!p)
			return;
		rest = str_skip(rest, (size_t)(p - rest.p));
		if (i && !scan_work(s, o, rest.n))
			return;
		open_and_read(s, o, row, rest);
		if (p == o->content.p)
			return; /* what it stores is its own */
		rest = str_skip(rest, mark.n);
	}
}

static bool is(const struct object *o)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (type_in(&o->types, rows[i].type))
			return true;
	for (size_t i = 0; i < o->name_count; i++)
		if (archive_is_volume_name(o->names[i]))
			return true;
	return archive_is_old_tar(o->content);
}

static void row_read(struct scan *s, const struct object *o, const struct row *row)
{
	bool old_tar = row->type == TYPE_TAR && archive_is_old_tar(o->content);

	if (!type_in(&o->types, row->type) && !old_tar)
		return;
	if (!archive_likely(row->type, o->content))
		return;
	if (row->how == ARCHIVE_OPAQUE)
		scan_tell(s, o, INSPECT_ARCHIVE_KIND, 0, type_id(row->type));
	else if (row->type == TYPE_RAR || row->type == TYPE_SEVEN_ZIP)
		starts_read(s, o, row);
	else
		open_and_read(s, o, row, o->content);
}

static void read_all(struct scan *s, const struct object *o)
{
	for (size_t i = 0; i < o->name_count; i++)
		if (archive_is_volume_name(o->names[i]))
			scan_tell(s, o, INSPECT_ARCHIVE_VOLUME, 0, o->names[i]);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		row_read(s, o, &rows[i]);
}

const struct reader reader_archive = { .name = "archive", .is = is, .read = read_all };

bool archive_zip_member(struct scan *s, const struct object *o, struct str bytes,
			struct buf *ret, bool *whole)
{
	static const struct row row = { TYPE_ZIP, ARCHIVE_FORMAT,
					archive_read_support_format_zip_streamable,
					NULL };
	struct opened x = { .s = s, .o = o, .row = &row, .bytes = bytes };
	struct archive_entry *entry;
	bool broken = true;

	x.a = open_as(&row, bytes, &x.open);
	if (!x.a)
		return false;
	if (archive_read_next_header(x.a, &entry) >= ARCHIVE_WARN)
		*whole = member_content(&x, ret, &broken);
	archive_read_free(x.a);
	return !broken || ret->n;
}

/* OneNote sections (MS-ONESTORE): the files embedded in them, and what they are named. */
#include "inspect/office.h"
#include "inspect/readers.h"

enum {
	GUID_BYTES = 16,
	FILE_HEADER = 36,     /* MS-ONESTORE 2.6.13: GUID, length, unused, reserved */
	NAME_UNITS_MIN = 3,   /* "a.b" */
	NAME_UNITS_MAX = 260, /* as Windows has it */
	EXTENSION_MAX = 16,
};

static const struct str file_guid = STR_INIT(
	"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac");
static const struct str file_end = STR_INIT(
	"\x22\xa7\xfb\x71\x79\x0f\x0b\x4a\xbb\x13\x89\x92\x56\x42\x6b\x24");

static bool is_onenote(const struct object *o)
{
	/* With any head at all, when the files are there. */
	return type_in(&o->types, TYPE_ONENOTE) ||
	       office_find(o->content, 0, file_guid) >= 0;
}

static size_t file_look(struct scan *s, const struct object *o, size_t at,
			unsigned number)
{
	uint64_t n = le64_at(o->content, at + GUID_BYTES);
	struct str data = str_at(o->content, at + FILE_HEADER, n);
	uint64_t behind = at + FILE_HEADER + (data.n + 7) / 8 * 8;
	char room[32];
	struct buf name = BUF_OVER(room);

	buf_printf(&name, "file%u", number);
	scan_tell(s, o, INSPECT_ONENOTE_FILE, at, STR_NONE);
	if (data.n < n || !str_starts(str_at(o->content, behind, GUID_BYTES), file_end))
		scan_tell(s, o, INSPECT_ONENOTE_BROKEN, at, STR_NONE);
	/* A length that is wrong hides nothing: the rest is looked at as well. */
	if (data.n < n || !n)
		data = str_skip(o->content, at + FILE_HEADER);
	if (data.n)
		scan_child(s, o,
			   &(struct child){ .name = buf_str(&name),
					    .content = data,
					    .truncated = data.n < n });
	buf_done(&name);
	return data.n < n || !n ? 0 : data.n;
}

/* UTF-16 of printable ASCII: how many units begin here. */
static size_t units_at(struct str s, size_t at)
{
	size_t n = 0;

	while (at + n * 2 + 2 <= s.n && n < NAME_UNITS_MAX && s.p[at + n * 2 + 1] == 0 &&
	       !ch_control(s.p[at + n * 2]) && (unsigned char)s.p[at + n * 2] < 0x80)
		n++;
	return n;
}

static void name_look(struct scan *s, const struct object *o, size_t at, size_t units)
{
	char room[NAME_UNITS_MAX];
	struct str name, extension;
	enum inspect_class class;
	ptrdiff_t dot;

	for (size_t i = 0; i < units; i++)
		room[i] = ch_lower(o->content.p[at + i * 2]);
	name = str_of(room, units);
	dot = str_rfind(name, '.');
	extension = str_skip(name, (size_t)(dot + 1));
	if (dot <= 0 || extension.n > EXTENSION_MAX || !extension.n ||
	    office_has(name, STR("://")))
		return;
	class = extension_class(extension);
	if (class != CLASS_NONE && class != CLASS_ARCHIVE)
		scan_tell(s, o, INSPECT_ONENOTE_NAME, at, name);
}

/* The names are properties elsewhere, each text with its length before it. */
static void names_look(struct scan *s, const struct object *o, size_t from, size_t to)
{
	for (size_t at = from; at + 4 < to;) {
		uint32_t n = le32_at(o->content, at) / 2;
		size_t units = 0;

		if (n >= NAME_UNITS_MIN && n <= NAME_UNITS_MAX) {
			units = units_at(o->content, at + 4);
			if (units + 1 >= n)
				name_look(s, o, at + 4, units < n ? units : n);
		}
		at += units ? 4 + units * 2 : 1;
	}
}

static void read_onenote(struct scan *s, const struct object *o)
{
	size_t from = 0;
	ptrdiff_t at;

	if (!scan_work(s, o, o->content.n))
		return;
	for (unsigned n = 1;; n++) {
		size_t bytes;

		at = office_find(o->content, from, file_guid);
		names_look(s, o, from, at < 0 ? o->content.n : (size_t)at);
		if (at < 0 || !scan_work(s, o, FILE_HEADER))
			return;
		bytes = file_look(s, o, (size_t)at, n);
		from = (size_t)at + FILE_HEADER + bytes;
		if (!bytes && n > 1000)
			return;
	}
}

const struct reader reader_onenote = { "onenote", is_onenote, read_onenote };

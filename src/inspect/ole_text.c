/* The streams of Word and PowerPoint. */
#include <zlib.h>

#include "inspect/office.h"
#include "inspect/ole.h"

enum {
	FIB_ENCRYPTED = 0x0100, /* MS-DOC 2.5.2 */
	FIELD_MAX = 512,        /* bytes of an instruction that are looked at */
	FIELD_BEGIN = 0x13,
	FIELD_SEPARATOR = 0x14,
	FIELD_END = 0x15,
	INFLATE_STEP = 65536,
	PPT_CONTAINER = 0xf,
	PPT_OLE = 0x1011, /* MS-PPT 2.10.34: ExOleObjStg */
};

/* The instruction of a field that begins at `at`; units of `width` bytes. */
static void field_look(struct scan *s, const struct object *o, struct str stream,
		       size_t at, size_t width)
{
	char bytes[FIELD_MAX];
	struct buf text = BUF_OVER(bytes);
	bool nested = false;

	text.bytes_max = FIELD_MAX;
	for (size_t i = at + width; i + width <= stream.n && text.n < FIELD_MAX;
	     i += width) {
		char c = stream.p[i];

		if (width == 2 && stream.p[i + 1])
			break;
		if (c == FIELD_SEPARATOR || (c == FIELD_END && !nested))
			break;
		/* A field within: its own text may be a part of the name. */
		nested = nested || c == FIELD_BEGIN;
		if (!ch_control(c))
			buf_add_c(&text, c);
		else if (c != FIELD_BEGIN)
			buf_add_c(&text, ' ');
	}
	office_field(s, o, buf_str(&text), at);
	if (nested && office_has(str_sub(buf_str(&text), 0, 8), STR("QUOTE")))
		scan_tell(s, o, INSPECT_FIELD_COMPUTED, at, buf_str(&text));
	buf_done(&text);
}

void word_read(struct scan *s, const struct object *o, struct str stream)
{
	if (le16_at(stream, 0) == 0xa5ec && le16_at(stream, 0x0a) & FIB_ENCRYPTED)
		scan_tell(s, o, INSPECT_ENCRYPTED_DOCUMENT, 0x0a, STR_NONE);
	if (!scan_work(s, o, stream.n))
		return;
	for (size_t i = 0; i + 8 < stream.n; i++) {
		size_t width = stream.p[i + 1] ? 1 : 2;
		char next = stream.p[i + width];

		if (stream.p[i] != FIELD_BEGIN)
			continue;
		/* Only what can begin a name of interest: at most FIELD_MAX each. */
		if (next == ' ' || next == '"' || next == '\\' || next == FIELD_BEGIN ||
		    ch_lower(next) == 'd' || ch_lower(next) == 'q') {
			if (!scan_work(s, o, FIELD_MAX))
				return;
			field_look(s, o, stream, i, width);
		}
	}
}

bool office_inflate(struct scan *s, const struct object *o, struct str in,
		    struct buf *ret)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
	uint64_t room = scan_room(s);
	int e = Z_OK;

	if (in.n > UINT32_MAX || inflateInit(&z) != Z_OK)
		return false;
	while (e == Z_OK && ret->n < room && scan_work(s, o, INFLATE_STEP) &&
	       buf_reserve(ret, INFLATE_STEP) == 0) {
		z.next_out = (Bytef *)ret->p + ret->n;
		z.avail_out = INFLATE_STEP;
		e = inflate(&z, Z_NO_FLUSH);
		ret->n += INFLATE_STEP - z.avail_out;
	}
	inflateEnd(&z);
	if (ret->err)
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
	return e == Z_STREAM_END;
}

/* MS-PPT 2.10.35: with its length and packed, or as it is. */
static void storage_look(struct scan *s, const struct object *o, struct str data,
			 bool packed)
{
	struct buf plain = { 0 };
	struct child c = { .name = STR("storage"), .content = data };

	if (packed) {
		c.truncated = !office_inflate(s, o, str_skip(data, 4), &plain);
		c.content = buf_str(&plain);
	}
	if (c.content.n)
		scan_child(s, o, &c);
	buf_done(&plain);
}

void powerpoint_read(struct scan *s, const struct object *o, struct str stream)
{
	size_t at = 0;

	/* Containers are entered by reading on behind their header. */
	while (at + 8 <= stream.n) {
		unsigned head = le16_at(stream, at);
		unsigned type = le16_at(stream, at + 2);
		uint32_t n = le32_at(stream, at + 4);

		if (type == PPT_OLE)
			storage_look(s, o, str_sub(stream, at + 8, n), head >> 4 == 1);
		if (type == 0x2f14) /* CryptSession10Container */
			scan_tell(s, o, INSPECT_ENCRYPTED_DOCUMENT, at, STR_NONE);
		at += 8;
		if ((head & 0xf) != PPT_CONTAINER)
			at += n > stream.n - at ? stream.n - at : n;
	}
}

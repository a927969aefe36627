#include "inspect/archive_inner.h"

#include <zlib.h>

enum {
	RAR_BLOCKS_MAX = 20000,
	RAR_PASSWORD =
		0x80, /* RAR 4: of the main header: all that follows is encrypted */
	RAR_VOLUME = 0x01,
	RAR5_MAIN = 1,
	RAR5_FILE = 2,
	RAR5_SERVICE = 3,
	RAR5_LOCK = 4,
	RAR5_HAS_EXTRA = 1,
	RAR5_HAS_DATA = 2,
	RAR5_HAS_TIME = 2, /* of a file */
	RAR5_HAS_CRC = 4,
	RAR5_EXTRA_LOCK = 1,
	CAB_FLAGS_AT = 30,
	CAB_PIECE = 3, /* there is one before, one behind */
	TAR_BLOCK = 512,
	TAR_SUM_AT = 148,
	TAR_SUM_BYTES = 8,
	XZ_FOOTER_BYTES = 12,
	XZ_LZMA2 = 0x21,
	CPIO_NAME_AT = 94, /* in a header of the newer forms: eight hex digits */
	CPIO_NAME_MAX = 65536,
	XAR_TOC_MAX_MIB = 4,
};

static const uint64_t window_max = ARCHIVE_WINDOW_MAX_MIB * (uint64_t)MIB;

static unsigned u8(struct str s, uint64_t at)
{
	return at < s.n ? (unsigned char)s.p[at] : 0;
}

static uint64_t little(struct str s, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)u8(s, at + i) << 8 * i;
	return v;
}

static uint64_t big(struct str s, uint64_t at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | u8(s, at + i);
	return v;
}

/* A number of seven bits a byte, lowest first: RAR 5 and xz. False: cut short. */
static bool take_number(struct str *s, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s->n && i < 9; i++) {
		v |= (uint64_t)(s->p[i] & 0x7f) << 7 * i;
		if (s->p[i] & 0x80)
			continue;
		*s = str_skip(*s, i + 1);
		*ret = v;
		return true;
	}
	return false;
}

/* What encoders write: a power of two, or one and a half of it. */
static bool lzma_likely(struct str bytes)
{
	uint64_t window = little(bytes, 1, 4), size = little(bytes, 5, 8);
	uint64_t one = 1;

	while (one < window)
		one <<= 1;
	return bytes.n > 13 &&
	       (one == window || one / 4 * 3 == window || window == UINT32_MAX) &&
	       (size == UINT64_MAX || size < UINT64_C(1) << 40);
}

bool archive_likely(enum file_type type, struct str bytes)
{
	switch (type) {
	case TYPE_LZMA:
		return lzma_likely(bytes);
	case TYPE_BZIP2:
		return u8(bytes, 3) >= '1' && u8(bytes, 3) <= '9' &&
		       (str_eq(str_sub(bytes, 4, 6), STR("1AY&SY")) ||
			str_eq(str_sub(bytes, 4, 6), STR("\x17\x72\x45\x38\x50\x90")));
	case TYPE_LHA:
		return u8(bytes, 6) == '-' && bytes.n > 20;
	case TYPE_ARJ:
		return little(bytes, 2, 2) >= 30 && little(bytes, 2, 2) <= 2600 &&
		       u8(bytes, 4) >= 30 && u8(bytes, 4) <= little(bytes, 2, 2);
	case TYPE_COMPRESS:
		return (u8(bytes, 2) & 0x1f) >= 9 && (u8(bytes, 2) & 0x1f) <= 16 &&
		       bytes.n > 3;
	default:
		return true;
	}
}

bool archive_is_old_tar(struct str bytes)
{
	uint64_t sum = 0, said = 0;
	size_t digits = 0;

	if (bytes.n < TAR_BLOCK || !bytes.p[0])
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= TAR_SUM_AT && i < TAR_SUM_AT + TAR_SUM_BYTES
			       ? ' '
			       : (unsigned char)bytes.p[i];
	for (size_t i = TAR_SUM_AT; i < TAR_SUM_AT + TAR_SUM_BYTES; i++) {
		char c = bytes.p[i];

		if (c == ' ' && !digits)
			continue;
		if (c < '0' || c > '7')
			break;
		said = said * 8 + (uint64_t)(c - '0');
		digits++;
	}
	return digits >= 3 && said == sum;
}

/* RFC 8878 3.1.1.1 */
static bool zstd_frame_too_big(struct str frame)
{
	static const unsigned id_bytes[] = { 0, 1, 2, 4 };
	unsigned head = u8(frame, 4), size_code = head >> 6;
	bool single = head >> 5 & 1;
	uint64_t at = 5, one, size;

	if (!single) {
		one = UINT64_C(1) << (10 + (u8(frame, 5) >> 3));
		return one + one / 8 * (u8(frame, 5) & 7) > window_max;
	}
	at += id_bytes[head & 3];
	size = little(frame, at, 1u << size_code);
	return size > window_max;
}

/* The .xz File Format 3.1: a header of a block, whose filters keep how much? */
static bool xz_block_too_big(struct str block)
{
	size_t n = (u8(block, 0) + 1u) * 4;
	unsigned flags = u8(block, 1), filters = (flags & 3) + 1;
	struct str rest = str_sub(block, 2, n - 6);
	uint64_t skip, id = 0, bytes = 0, bits;

	if (n < 8 || n > block.n || flags & 0x3c)
		return false;
	if ((flags & 0x40 && !take_number(&rest, &skip)) ||
	    (flags & 0x80 && !take_number(&rest, &skip)))
		return false;
	for (unsigned i = 0; i < filters; i++) {
		if (!take_number(&rest, &id) || !take_number(&rest, &bytes) ||
		    bytes > rest.n)
			return false;
		if (id == XZ_LZMA2 && bytes == 1)
			break;
		rest = str_skip(rest, bytes);
	}
	bits = u8(rest, 0);
	if (id != XZ_LZMA2 || bytes != 1 || bits > 40 ||
	    (bits < 40 && (2 | (uint64_t)(bits & 1)) << (bits / 2 + 11) <= window_max))
		return false;
	return crc32_z(0, (const unsigned char *)block.p, n - 4) ==
	       little(block, n - 4, 4);
}

/* The .xz File Format 2.1.2: a footer with its checksum, at a multiple of four. */
static size_t xz_end(struct str bytes)
{
	for (size_t at = bytes.n / 4 * 4; at >= XZ_FOOTER_BYTES; at -= 4) {
		struct str footer = str_sub(bytes, at - XZ_FOOTER_BYTES, XZ_FOOTER_BYTES);

		if (footer.p[10] == 'Y' && footer.p[11] == 'Z' &&
		    crc32_z(0, (const unsigned char *)footer.p + 4, 6) ==
			    little(footer, 0, 4))
			return at;
	}
	return bytes.n;
}

/* RFC 8878 3.1.1: a frame is a header, blocks with their lengths, a checksum. 0: no frame
 * that ends. */
static uint64_t zstd_frame_bytes(struct str frame)
{
	static const unsigned id_bytes[] = { 0, 1, 2, 4 };
	unsigned head = u8(frame, 4), size_code = head >> 6, single = head >> 5 & 1;
	uint64_t at = 6u - single + id_bytes[head & 3], block;

	if (little(frame, 0, 4) >> 4 == 0x184d2a5) /* skipped */
		return 8 + little(frame, 4, 4);
	if (little(frame, 0, 4) != 0xfd2fb528)
		return 0;
	at += size_code ? 1u << size_code : single;
	do {
		if (at + 3 > frame.n)
			return 0;
		block = little(frame, at, 3);
		at += 3 + ((block >> 1 & 3) == 1 ? 1 : block >> 3);
	} while (!(block & 1));
	return at + (head & 4);
}

static size_t zstd_end(struct str bytes)
{
	struct str rest = bytes;
	uint64_t n;

	while ((n = zstd_frame_bytes(rest)) > 0 && n <= rest.n)
		rest = str_skip(rest, n);
	return rest.n == bytes.n || n > rest.n ? bytes.n : bytes.n - rest.n;
}

struct str archive_packed_part(enum file_type type, struct str bytes)
{
	if (type == TYPE_XZ)
		return str_sub(bytes, 0, xz_end(bytes));
	if (type == TYPE_ZSTD)
		return str_sub(bytes, 0, zstd_end(bytes));
	return bytes;
}

static bool any_too_big(struct str bytes, struct str mark, bool (*too_big)(struct str))
{
	const char *p;

	while ((p = memmem(bytes.p, bytes.n, mark.p, mark.n)) != NULL) {
		bytes = str_skip(bytes, (size_t)(p - bytes.p));
		if (too_big(bytes))
			return true;
		bytes = str_skip(bytes, mark.n);
	}
	return false;
}

/* Blocks stand at multiples of four. All are looked at: the second may be the big one. */
static bool xz_too_big(struct str bytes)
{
	for (size_t at = 12; at + 8 <= bytes.n; at += 4)
		if (bytes.p[at] && xz_block_too_big(str_skip(bytes, at)))
			return true;
	return false;
}

static bool lzip_too_big(struct str member)
{
	unsigned code = u8(member, 5);

	return (UINT64_C(1) << (code & 31)) / 16 * (16 - (code >> 5)) > window_max;
}

/* The table of contents is XML, deflated; what becomes of it is kept as a whole. */
static bool xar_too_big(struct str bytes)
{
	unsigned char step[4096];
	struct str toc = str_sub(bytes, big(bytes, 4, 2), big(bytes, 8, 8));
	z_stream zs = { 0 };
	uint64_t made = 0;
	int result = Z_OK;

	toc = str_sub(toc, 0, UINT32_MAX);
	if (inflateInit(&zs) != Z_OK)
		return true;
	memcpy(&zs.next_in, &toc.p, sizeof(toc.p));
	zs.avail_in = (uInt)toc.n;
	while (result == Z_OK && made <= XAR_TOC_MAX_MIB * MIB) {
		zs.next_out = step;
		zs.avail_out = sizeof(step);
		result = inflate(&zs, Z_NO_FLUSH);
		made += sizeof(step) - zs.avail_out;
	}
	inflateEnd(&zs);
	return made > XAR_TOC_MAX_MIB * MIB;
}

/* The length of a name, which libarchive makes room for before there are so many bytes.
 */
static bool cpio_too_big(struct str header)
{
	struct str digits = str_sub(header, CPIO_NAME_AT, 8);
	uint64_t n = 0;

	for (size_t i = 0; i < digits.n; i++)
		n = n << 4 |
		    (unsigned)(ch_hex(digits.p[i]) ? ch_hex_value(digits.p[i]) : 0);
	return n > CPIO_NAME_MAX;
}

bool archive_window_too_big(enum file_type type, struct str bytes)
{
	switch (type) {
	case TYPE_LZMA:
		return little(bytes, 1, 4) > window_max;
	case TYPE_XZ:
		return xz_too_big(bytes);
	case TYPE_LZIP:
		return any_too_big(bytes, STR("LZIP\1"), lzip_too_big);
	case TYPE_ZSTD:
		return any_too_big(bytes, STR("\x28\xb5\x2f\xfd"), zstd_frame_too_big);
	case TYPE_SEVEN_ZIP:
		return seven_too_big(bytes);
	case TYPE_XAR:
		return xar_too_big(bytes);
	case TYPE_CPIO:
		return any_too_big(bytes, STR("070701"), cpio_too_big) ||
		       any_too_big(bytes, STR("070702"), cpio_too_big);
	default:
		return false;
	}
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ch_digit(s.p[i]))
			return false;
	return s.n > 0;
}

bool archive_is_volume_name(struct str name)
{
	ptrdiff_t dot = str_rfind(name, '.');
	struct str stem = str_sub(name, 0, dot < 0 ? 0 : (size_t)dot);
	struct str end = str_skip(name, dot < 0 ? name.n : (size_t)dot + 1);
	ptrdiff_t part = str_rfind(stem, '.');
	struct str before = str_skip(stem, part < 0 ? stem.n : (size_t)part + 1);

	if (str_eq_nocase(end, STR("rar")))
		return str_starts_nocase(before, STR("part")) &&
		       all_digits(str_skip(before, 4));
	if (end.n == 3 && all_digits(end)) /* x.7z.001, and what HJSplit makes */
		return str_eq(end, STR("001")) || str_eq_nocase(before, STR("7z")) ||
		       str_eq_nocase(before, STR("zip")) ||
		       str_eq_nocase(before, STR("rar"));
	return end.n == 3 && all_digits(str_skip(end, 1)) && stem.n &&
	       (ch_lower(end.p[0]) == 'r' || ch_lower(end.p[0]) == 'z');
}

/* A stream's name in a service header "STM" may lead anywhere: CVE-2025-8088. */
static void rar5_file_look(struct scan *s, const struct object *o, struct str rest,
			   uint64_t extra_bytes, bool service)
{
	struct str extra = str_skip(rest,
				    extra_bytes < rest.n ? rest.n - extra_bytes : 0);
	uint64_t flags, skip, name_bytes, bytes, type;
	struct str name;

	if (!take_number(&rest, &flags) || !take_number(&rest, &skip) ||
	    !take_number(&rest, &skip))
		return;
	rest = str_skip(rest, (flags & RAR5_HAS_TIME ? 4u : 0u) +
				      (flags & RAR5_HAS_CRC ? 4u : 0u));
	if (!take_number(&rest, &skip) || !take_number(&rest, &skip) ||
	    !take_number(&rest, &name_bytes))
		return;
	name = str_sub(rest, 0, name_bytes);
	if (service && str_eq(name, STR("STM")) &&
	    (memmem(extra.p, extra.n, "..\\", 3) || memmem(extra.p, extra.n, "../", 3)))
		scan_tell(s, o, INSPECT_NAME_PATH, 0, extra);
	while (extra_bytes && take_number(&extra, &bytes) && bytes) {
		struct str record = str_sub(extra, 0, bytes);

		extra = str_skip(extra, bytes);
		if (!take_number(&record, &type) || type != RAR5_EXTRA_LOCK)
			continue;
		scan_tell(s, o, INSPECT_ARCHIVE_ENCRYPTED, 0, name);
		if (!service)
			scan_child(s, o, &(struct child){ .name = name });
	}
}

/* RAR 5.0 archive format: blocks, one after the other. True: names are encrypted. */
static bool rar5_look(struct scan *s, const struct object *o, struct str bytes)
{
	struct str rest = str_skip(bytes, 8);

	for (size_t i = 0; i < RAR_BLOCKS_MAX && rest.n > 4; i++) {
		struct str block = str_skip(rest, 4);
		uint64_t size, type, flags, extra = 0, data = 0, volume;

		if (!take_number(&block, &size) || !size)
			return false;
		rest = str_skip(block, size);
		block = str_sub(block, 0, size);
		if (!take_number(&block, &type) || !take_number(&block, &flags) ||
		    (flags & RAR5_HAS_EXTRA && !take_number(&block, &extra)) ||
		    (flags & RAR5_HAS_DATA && !take_number(&block, &data)))
			return false;
		rest = str_skip(rest, data);
		if (type == RAR5_LOCK)
			return true;
		if (type == RAR5_MAIN && take_number(&block, &volume) &&
		    volume & RAR_VOLUME)
			scan_tell(s, o, INSPECT_ARCHIVE_VOLUME, 0, STR_NONE);
		if (type == RAR5_FILE || type == RAR5_SERVICE)
			rar5_file_look(s, o, block, extra, type == RAR5_SERVICE);
	}
	return false;
}

bool archive_headers_look(struct scan *s, const struct object *o, enum file_type type,
			  struct str bytes)
{
	uint64_t flags;

	if (type == TYPE_RAR && str_starts(bytes, STR("Rar!\x1a\7\1\0")))
		return rar5_look(s, o, bytes);
	if (type == TYPE_RAR) {
		flags = little(bytes, 10, 2);
		if (flags & RAR_VOLUME)
			scan_tell(s, o, INSPECT_ARCHIVE_VOLUME, 0, STR_NONE);
		return flags & RAR_PASSWORD;
	}
	if (type == TYPE_CAB && little(bytes, CAB_FLAGS_AT, 2) & CAB_PIECE)
		scan_tell(s, o, INSPECT_ARCHIVE_VOLUME, 0, STR_NONE);
	if (type == TYPE_SEVEN_ZIP) {
		struct str header = seven_header(bytes);

		/* kEncodedHeader, and the coder is that of 7zAES */
		return u8(header, 0) == 0x17 &&
		       memmem(header.p, header.n, "\6\xf1\7\1", 4) != NULL;
	}
	return false;
}

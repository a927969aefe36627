#include <archive.h>
#include <archive_entry.h>

#include "inspect/archive_inner.h"

/* 7zFormat.txt */
enum {
	HEADER_AT = 32, /* what the offset in the first bytes counts from */
	HEADER_MAX_MIB = 4,
	LZMA_PROPERTIES = 5,
	LZMA_HEADER_BYTES = 13, /* of a file of its own: properties and the size */
};

static uint64_t little(struct str s, size_t at, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes && at + i < s.n; i++)
		v |= (uint64_t)(unsigned char)s.p[at + i] << 8 * i;
	return v;
}

struct str seven_header(struct str bytes)
{
	uint64_t at = little(bytes, 12, 8), n = little(bytes, 20, 8);

	return at < bytes.n ? str_sub(bytes, HEADER_AT + at, n) : STR_NONE;
}

static bool bits_too_many(unsigned bits)
{
	return bits == 40 || (bits < 40 && (2 | (uint64_t)(bits & 1)) << (bits / 2 + 11) >
						   ARCHIVE_WINDOW_MAX_MIB * MIB);
}

/* Coders of LZMA, LZMA2 and PPMd with their properties, wherever they stand. */
static bool coders_too_big(struct str header)
{
	for (size_t i = 0; i + 3 < header.n; i++) {
		struct str at = str_skip(header, i);

		if ((str_starts(at, STR("\x23\3\1\1\5")) ||
		     str_starts(at, STR("\x23\3\4\1\5"))) &&
		    little(at, 6, 4) > ARCHIVE_WINDOW_MAX_MIB * MIB)
			return true;
		if (str_starts(at, STR("\x21\x21\1")) &&
		    bits_too_many((unsigned char)at.p[3]))
			return true;
	}
	return false;
}

/* The first byte's upper bits say how many follow, and its lower bits are the highest. */
static uint64_t take_number(struct str *s)
{
	unsigned first = s->n ? (unsigned char)s->p[0] : 0;
	unsigned more = 0;
	uint64_t v;

	while (more < 8 && first & 0x80u >> more)
		more++;
	v = little(*s, 1, more);
	if (more < 7)
		v |= (uint64_t)(first & (0x7fu >> more)) << 8 * more;
	*s = str_skip(*s, 1 + more);
	return v;
}

static bool take_bytes(struct str *s, struct str bytes)
{
	if (!str_starts(*s, bytes))
		return false;
	*s = str_skip(*s, bytes.n);
	return true;
}

/* A header packed by LZMA alone, as every program writes it. */
struct packed_header {
	uint64_t at, packed, plain;
	struct str properties;
};

static bool encoded_read(struct str header, struct packed_header *ret)
{
	if (!take_bytes(&header, STR("\x17\6")))
		return false;
	ret->at = take_number(&header);
	if (!take_bytes(&header, STR("\1\x09")))
		return false;
	ret->packed = take_number(&header);
	if (take_bytes(&header, STR("\x0a\1"))) /* a checksum */
		header = str_skip(header, 4);
	if (!take_bytes(&header, STR("\0\7\x0b\1\0\1\x23\3\1\1\5")))
		return false;
	ret->properties = str_sub(header, 0, LZMA_PROPERTIES);
	header = str_skip(header, LZMA_PROPERTIES);
	if (!take_bytes(&header, STR("\x0c")))
		return false;
	ret->plain = take_number(&header);
	return true;
}

/* As a file of the old LZMA format. What is unpacked is asked for by its fixed bound. */
static bool packed_too_big(struct str bytes, const struct packed_header *p)
{
	struct str packed = p->at < bytes.n ? str_sub(bytes, HEADER_AT + p->at, p->packed)
					    : STR_NONE;
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	struct buf file = { 0 }, header = { 0 };
	la_ssize_t got;
	bool big = true;

	buf_add(&file, p->properties);
	for (unsigned i = 0; i < LZMA_HEADER_BYTES - LZMA_PROPERTIES; i++)
		buf_add_c(&file, (char)(p->plain >> 8 * i & 0xff));
	buf_add(&file, packed);
	if (a && !file.err && buf_reserve(&header, p->plain + 1) == 0) {
		archive_read_support_filter_lzma(a);
		archive_read_support_format_raw(a);
		got = archive_read_open_memory(a, file.p, file.n) ||
				      archive_read_next_header(a, &entry)
			      ? 0
			      : archive_read_data(a, header.p, p->plain);
		big = got > 0 && coders_too_big(str_of(header.p, (size_t)got));
	}
	archive_read_free(a);
	buf_done(&file);
	buf_done(&header);
	return big;
}

bool seven_too_big(struct str bytes)
{
	struct str header = seven_header(bytes);
	struct packed_header packed;

	if (coders_too_big(header))
		return true;
	if (!encoded_read(header, &packed))
		return false;
	return packed.plain > HEADER_MAX_MIB * MIB || packed_too_big(bytes, &packed);
}

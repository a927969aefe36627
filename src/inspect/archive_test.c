#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "inspect/look_test.h"

static const char eicar[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$"
			    "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

#define EICAR str_of(eicar, sizeof(eicar) - 1)

typedef int enable(struct archive *a);

static struct result look_done(const char *name, struct buf *b)
{
	struct result r = result_of(name, buf_str(b));

	buf_done(b);
	return r;
}

/* A member as libarchive writes it. */
struct member {
	const char *name, *symlink, *hardlink;
	struct str data;
	unsigned type; /* AE_IF…, 0: a file */
};

static struct buf written(enable *format, enable *filter, const struct member *m,
			  size_t n)
{
	struct archive *a = archive_write_new();
	size_t room = 4 * MIB, used = 0;
	struct buf b = { 0 };

	assert_int_equal(buf_reserve(&b, room), 0);
	assert_int_equal(format(a), ARCHIVE_OK);
	assert_true(!filter || filter(a) == ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(archive_write_open_memory(a, b.p, room, &used), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++) {
		struct archive_entry *e = archive_entry_new();

		archive_entry_set_pathname(e, m[i].name);
		archive_entry_set_filetype(e, m[i].type ? m[i].type : AE_IFREG);
		archive_entry_set_perm(e, 0644);
		archive_entry_set_size(e, (la_int64_t)m[i].data.n);
		if (m[i].symlink)
			archive_entry_set_symlink(e, m[i].symlink);
		if (m[i].hardlink)
			archive_entry_set_hardlink(e, m[i].hardlink);
		assert_true(archive_write_header(a, e) >= ARCHIVE_WARN);
		if (m[i].data.n)
			archive_write_data(a, m[i].data.p, m[i].data.n);
		archive_entry_free(e);
	}
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	b.n = used;
	return b;
}

static void test_formats(void **state)
{
	static const struct {
		const char *name;
		enable *format;
	} rows[] = {
		{ "a.tar", archive_write_set_format_ustar },
		{ "a.tar", archive_write_set_format_pax },
		{ "a.tar", archive_write_set_format_gnutar },
		{ "a.tar", archive_write_set_format_v7tar },
		{ "a.cpio", archive_write_set_format_cpio_newc },
		{ "a.a", archive_write_set_format_ar_svr4 },
		{ "a.iso", archive_write_set_format_iso9660 },
		{ "a.7z", archive_write_set_format_7zip },
		{ "a.xar", archive_write_set_format_xar },
	};
	const struct member m[] = { { .name = "a.txt", .data = STR("text") },
				    { .name = "b.js", .data = EICAR } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf b = written(rows[i].format, NULL, m, 2);
		struct result r = result_of(rows[i].name, buf_str(&b));

		assert_true(r.found[INSPECT_EICAR]);
		assert_true(r.found[INSPECT_SCRIPT_NAME]);
		assert_false(r.found[INSPECT_ARCHIVE_BROKEN]);
		assert_false(r.found[INSPECT_ARCHIVE_TWICE]);
		assert_false(r.found[INSPECT_ARCHIVE_LINK]);
		/* Cut short: never clean. */
		r = result_of(rows[i].name, str_sub(buf_str(&b), 0, b.n * 2 / 3));
		if (rows[i].format != archive_write_set_format_iso9660)
			assert_true(r.worst > INSPECT_RISK);
		buf_done(&b);
	}
}

static void test_filters(void **state)
{
	static const struct {
		const char *name;
		enable *filter;
	} rows[] = {
		{ "b.js.gz", archive_write_add_filter_gzip },
		{ "b.js.bz2", archive_write_add_filter_bzip2 },
		{ "b.js.xz", archive_write_add_filter_xz },
		{ "b.js.lzma", archive_write_add_filter_lzma },
		{ "b.js.zst", archive_write_add_filter_zstd },
		{ "b.js.lz4", archive_write_add_filter_lz4 },
		{ "b.js.z", archive_write_add_filter_compress },
		{ "b.js.lz", archive_write_add_filter_lzip },
	};
	struct member m = { .name = "b" };
	struct buf text = { 0 };

	(void)state;
	for (int i = 0; i < 200; i++)
		buf_printf(&text, "%d bottles of beer on the wall\n", i * i);
	buf_add(&text, EICAR);
	m.data = buf_str(&text);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf b = written(archive_write_set_format_raw, rows[i].filter, &m,
				       1);
		struct result r = result_of(rows[i].name, buf_str(&b));

		assert_true(r.found[INSPECT_EICAR]);
		assert_true(r.found[INSPECT_SCRIPT_NAME]);
		assert_non_null(strstr(r.names, " b.js "));
		assert_false(r.found[INSPECT_ARCHIVE_BROKEN]);
		assert_false(r.found[INSPECT_ARCHIVE_AFTER]);
		assert_false(r.found[INSPECT_ARCHIVE_WINDOW]);
		r = result_of(rows[i].name, str_sub(buf_str(&b), 0, b.n / 2));
		/* The old compress has no end: it cannot be missed. */
		assert_true(r.found[INSPECT_ARCHIVE_BROKEN] ||
			    rows[i].filter == archive_write_add_filter_compress);
		buf_add(&b, STR("<html>rest"));
		r = result_of(rows[i].name, buf_str(&b));
		assert_true(r.found[INSPECT_ARCHIVE_AFTER] ||
			    r.found[INSPECT_ARCHIVE_BROKEN]);
		assert_true(r.found[INSPECT_EICAR] ||
			    rows[i].filter == archive_write_add_filter_compress);
		buf_done(&b);
	}
	buf_done(&text);
}

/* What there is of it is seen, although libarchive gives nothing. */
static void test_gzip_cut_short(void **state)
{
	struct member m = { .name = "b", .data = EICAR };
	struct buf b = written(archive_write_set_format_raw,
			       archive_write_add_filter_gzip, &m, 1);
	struct result r;

	(void)state;
	b.n -= 8; /* the checksum and the size */
	r = look_done("b.js.gz", &b);
	assert_true(r.found[INSPECT_EICAR] && r.found[INSPECT_ARCHIVE_BROKEN]);
}

/* x.tgz is x.tar inside, and what is in that is seen. */
static void test_both(void **state)
{
	const struct member m[] = { { .name = "b.js", .data = EICAR } };
	struct buf b = written(archive_write_set_format_pax,
			       archive_write_add_filter_gzip, m, 1);
	struct result r = look_done("x.tgz", &b);

	(void)state;
	assert_true(r.found[INSPECT_EICAR]);
	assert_int_equal(r.objects, 3);
	assert_non_null(strstr(r.names, "x.tar b.js "));
}

static void test_links(void **state)
{
	struct member m[] = { { .name = "d/a", .data = STR("a") },
			      { .name = "d/l", .type = AE_IFLNK, .symlink = "../x" } };
	struct buf b = written(archive_write_set_format_pax, NULL, m, 2);
	struct result r = look_done("a.tar", &b);

	(void)state;
	assert_true(r.found[INSPECT_ARCHIVE_LINK] && !r.found[INSPECT_NAME_PATH]);
	m[1].symlink = "../../x";
	b = written(archive_write_set_format_pax, NULL, m, 2);
	assert_true(look_done("a.tar", &b).found[INSPECT_NAME_PATH]);
	m[1] = (struct member){ .name = "h", .hardlink = "/etc/passwd" };
	b = written(archive_write_set_format_pax, NULL, m, 2);
	r = look_done("a.tar", &b);
	assert_true(r.found[INSPECT_ARCHIVE_LINK] && r.found[INSPECT_NAME_PATH]);
	m[1] = (struct member){ .name = "c", .type = AE_IFCHR };
	b = written(archive_write_set_format_pax, NULL, m, 2);
	r = look_done("a.tar", &b);
	assert_true(r.found[INSPECT_ARCHIVE_DEVICE] && !r.found[INSPECT_ARCHIVE_LINK]);
}

static void test_names(void **state)
{
	struct member m[] = { { .name = "a/b", .data = STR("a") },
			      { .name = "a/b", .data = STR("b") } };
	struct buf b = written(archive_write_set_format_pax, NULL, m, 2);

	(void)state;
	assert_true(look_done("a.tar", &b).found[INSPECT_ARCHIVE_TWICE]);
	m[1].name = "a";
	b = written(archive_write_set_format_pax, NULL, m, 2);
	assert_true(look_done("a.tar", &b).found[INSPECT_ARCHIVE_FOLDER]);
	m[1].name = "../x";
	b = written(archive_write_set_format_pax, NULL, m, 2);
	assert_true(look_done("a.tar", &b).found[INSPECT_NAME_PATH]);
	m[1].name = "x";
	b = written(archive_write_set_format_pax, NULL, m, 2);
	assert_int_equal(look_done("a.tar", &b).worst, INSPECT_NOTE);
}

/* What stands behind the end of one tar is read by tar -i. */
static void test_tar_behind_tar(void **state)
{
	struct member m[] = { { .name = "a", .data = STR("a") },
			      { .name = "b.js", .data = EICAR } };
	struct buf b = written(archive_write_set_format_ustar, NULL, m, 1);
	struct buf more = written(archive_write_set_format_ustar, NULL, m + 1, 1);
	struct result r;

	(void)state;
	buf_add(&b, buf_str(&more));
	buf_done(&more);
	r = look_done("a.tar", &b);
	assert_true(r.found[INSPECT_SCRIPT_NAME] && r.objects == 3);
}

static void test_bomb(void **state)
{
	size_t big = 60 * MIB;
	char *zeros = mem_alloc(big);
	struct member m = { .name = "z", .data = str_of(zeros, big) };
	struct buf b = written(archive_write_set_format_raw,
			       archive_write_add_filter_gzip, &m, 1);

	(void)state;
	assert_true(look_done("z.gz", &b).found[INSPECT_RATIO]);
	m.data.n = 8 * MIB;
	b = written(archive_write_set_format_raw, archive_write_add_filter_gzip, &m, 1);
	assert_false(look_done("z.gz", &b).found[INSPECT_RATIO]);
	m.data.n = big;
	b = written(archive_write_set_format_7zip, NULL, &m, 1);
	assert_true(look_done("z.7z", &b).found[INSPECT_RATIO]);
	mem_free(zeros);
}

/* Decoders that would keep 128 MiB and more, by what their headers say. */
/* A name of a gigabyte is not made room for, wherever its header stands. */
static void test_cpio_name(void **state)
{
	static const char head[] =
		"07070100000000000081a400000000000000000000000000000000"
		"00000000000000000000000000000000000000000";
	struct buf b = { 0 };

	(void)state;
	buf_printf(&b, "%.94s0000000600000000a.txt", head);
	buf_add(&b, STR("\0"));
	buf_printf(&b, "%.94s4000000000000000b", head);
	assert_true(result_of("a", buf_str(&b)).found[INSPECT_ARCHIVE_WINDOW]);
	b.p[b.n - 17] = '0';
	assert_false(result_of("a", buf_str(&b)).found[INSPECT_ARCHIVE_WINDOW]);
	buf_done(&b);
}

static void test_windows(void **state)
{
	char xz[] = "\xfd"
		    "7zXZ\0\0\4....\2\0\x21\1\x1d\0\0\0....";
	char lzma[] = "\x5d\0\0\0\x10\xff\xff\xff\xff\xff\xff\xff\xff......";
	char lzip[] = "LZIP\1\x1b......................";
	char zstd[] = "\x28\xb5\x2f\xfd\0\x88..................";
	uint32_t crc = (uint32_t)crc32_z(0, (const unsigned char *)xz + 12, 8);

	(void)state;
	memcpy(xz + 20, &crc, 4);
	assert_true(
		result_of("a", str_of(xz, sizeof(xz) - 1)).found[INSPECT_ARCHIVE_WINDOW]);
	xz[16] = 0x1c;
	crc = (uint32_t)crc32_z(0, (const unsigned char *)xz + 12, 8);
	memcpy(xz + 20, &crc, 4);
	assert_false(
		result_of("a", str_of(xz, sizeof(xz) - 1)).found[INSPECT_ARCHIVE_WINDOW]);
	assert_true(result_of("a", str_of(lzma, sizeof(lzma) - 1))
			    .found[INSPECT_ARCHIVE_WINDOW]);
	lzma[4] = 4;
	assert_false(result_of("a", str_of(lzma, sizeof(lzma) - 1))
			     .found[INSPECT_ARCHIVE_WINDOW]);
	assert_true(result_of("a", str_of(lzip, sizeof(lzip) - 1))
			    .found[INSPECT_ARCHIVE_WINDOW]);
	lzip[5] = 0x1a;
	assert_false(result_of("a", str_of(lzip, sizeof(lzip) - 1))
			     .found[INSPECT_ARCHIVE_WINDOW]);
	assert_true(result_of("a", str_of(zstd, sizeof(zstd) - 1))
			    .found[INSPECT_ARCHIVE_WINDOW]);
	zstd[5] = (char)0x80;
	assert_false(result_of("a", str_of(zstd, sizeof(zstd) - 1))
			     .found[INSPECT_ARCHIVE_WINDOW]);
}

static void test_volume_names(void **state)
{
	static const char *const pieces[] = { "a.part2.rar", "a.7z.002", "a.r01",
					      "a.z01",       "a.001",    "A.PART01.RAR" };
	static const char *const whole[] = { "a.rar", "a.zip", "a.002", "part.rar",
					     "r01" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pieces); i++)
		assert_true(result_of(pieces[i], STR("?")).found[INSPECT_ARCHIVE_VOLUME]);
	for (size_t i = 0; i < COUNT_OF(whole); i++)
		assert_false(result_of(whole[i], STR("?")).found[INSPECT_ARCHIVE_VOLUME]);
}

static void test_not_read(void **state)
{
	static const struct str bytes[] = {
		STR_INIT("???????**ACE**"),
		STR_INIT("ALZ\1"),
		STR_INIT("EGGA"),
		STR_INIT("conectix"),
		STR_INIT("MSWIM\0\0\0"),
		STR_INIT("QFI\xfb"),
		STR_INIT("\x60\xea\x2b\0\x22..............."),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bytes); i++)
		assert_true(result_of("a", bytes[i]).found[INSPECT_ARCHIVE_KIND]);
	assert_false(result_of("a", STR("\x60\xea text")).found[INSPECT_ARCHIVE_KIND]);
}

static void u16(struct buf *b, unsigned v)
{
	buf_add_c(b, (char)(v & 0xff));
	buf_add_c(b, (char)(v >> 8 & 0xff));
}

static void u32(struct buf *b, uint32_t v)
{
	u16(b, v & 0xffff);
	u16(b, v >> 16);
}

static uint32_t crc_of(struct str s)
{
	return (uint32_t)crc32_z(0, (const unsigned char *)s.p, s.n);
}

static void rar5_block(struct buf *b, struct str block, struct str data)
{
	struct buf sized = { 0 };

	buf_add_c(&sized, (char)block.n); /* below 128 */
	buf_add(&sized, block);
	u32(b, crc_of(buf_str(&sized)));
	buf_add(b, buf_str(&sized));
	buf_add(b, data);
	buf_done(&sized);
}

/* RAR 5, stored. service: a stream beside the file. */
static struct buf rar5(struct str name, struct str data, struct str extra, bool service)
{
	struct buf b = { 0 }, block = { 0 };

	buf_add(&b, STR("Rar!\x1a\7\1\0"));
	rar5_block(&b, STR("\1\0\0"), STR_NONE);
	buf_add(&block, service ? STR("\3\3") : STR("\2\3"));
	buf_add_c(&block, (char)extra.n);
	buf_add_c(&block, (char)data.n);
	buf_add_c(&block, 4); /* has a checksum */
	buf_add_c(&block, (char)data.n);
	buf_add_c(&block, 0x20);
	u32(&block, crc_of(data));
	buf_add(&block, STR("\0\1"));
	buf_add_c(&block, (char)name.n);
	buf_add(&block, name);
	buf_add(&block, extra);
	rar5_block(&b, buf_str(&block), data);
	rar5_block(&b, STR("\5\0\0"), STR_NONE);
	buf_done(&block);
	return b;
}

static void test_rar5(void **state)
{
	struct buf b = rar5(STR("b.js"), EICAR, STR(""), false);
	struct result r = look_done("a.rar", &b);

	(void)state;
	assert_true(r.found[INSPECT_EICAR] && r.found[INSPECT_SCRIPT_NAME]);
	assert_int_equal(r.objects, 2);
	assert_false(r.found[INSPECT_ARCHIVE_BROKEN]);
	assert_false(r.found[INSPECT_ARCHIVE_ENCRYPTED]);
	b = rar5(STR("b.js"), STR("????"), STR("\2\1\0"), false);
	r = look_done("a.rar", &b);
	assert_true(r.found[INSPECT_ARCHIVE_ENCRYPTED] && r.found[INSPECT_SCRIPT_NAME]);
	b = rar5(STR("STM"), STR("data"), STR("\12\7:..\\..\\x"), true);
	assert_true(look_done("a.rar", &b).found[INSPECT_NAME_PATH]);
	b = rar5(STR("STM"), STR("data"), STR("\12\7:stream."), true);
	assert_false(look_done("a.rar", &b).found[INSPECT_NAME_PATH]);
}

/* The names, too: RAR 5, RAR 4, and a volume of RAR 4. */
static void test_rar_headers(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_add(&b, STR("Rar!\x1a\7\1\0"));
	rar5_block(&b, STR("\4\0\0\0\17................"), STR_NONE);
	assert_true(look_done("a.rar", &b).found[INSPECT_ARCHIVE_ENCRYPTED_NAMES]);
	buf_add(&b, STR("Rar!\x1a\7\0..\x73\x80\0\15\0......????????????"));
	assert_true(look_done("a.rar", &b).found[INSPECT_ARCHIVE_ENCRYPTED_NAMES]);
	buf_add(&b, STR("Rar!\x1a\7\0..\x73\1\0\15\0......????????????"));
	assert_true(result_of(("a.rar"), buf_str(&b)).found[INSPECT_ARCHIVE_VOLUME]);
	assert_false(look_done("a.rar", &b).found[INSPECT_ARCHIVE_ENCRYPTED_NAMES]);
}

/* CAB with one file, stored; flags: pieces before and behind. */
static struct buf cab(struct str name, struct str data, unsigned flags)
{
	struct buf b = { 0 };
	uint32_t file = 36 + 8, block = file + 16 + (uint32_t)name.n + 1;

	buf_add(&b, STR("MSCF\0\0\0\0"));
	u32(&b, block + 8 + (uint32_t)data.n);
	u32(&b, 0);
	u32(&b, file);
	u32(&b, 0);
	buf_add(&b, STR("\3\1\1\0\1\0"));
	u16(&b, flags);
	u32(&b, 0);
	u32(&b, block);
	u16(&b, 1);
	u16(&b, 0);
	u32(&b, (uint32_t)data.n);
	u32(&b, 0);
	buf_add(&b, STR("\0\0\x21\x50\0\0\x20\0"));
	buf_add(&b, name);
	buf_add_c(&b, 0);
	u32(&b, 0);
	u16(&b, (unsigned)data.n);
	u16(&b, (unsigned)data.n);
	buf_add(&b, data);
	return b;
}

static void test_cab(void **state)
{
	struct buf b = cab(STR("b.js"), EICAR, 0);
	struct result r = look_done("a.cab", &b);

	(void)state;
	assert_true(r.found[INSPECT_EICAR] && r.objects == 2);
	assert_false(r.found[INSPECT_ARCHIVE_VOLUME]);
	assert_false(r.found[INSPECT_ARCHIVE_BROKEN]);
	b = cab(STR("b.js"), EICAR, 2);
	assert_true(look_done("a.cab", &b).found[INSPECT_ARCHIVE_VOLUME]);
}

/* A 7z behind a program is found; one whose header is encrypted is told. */
static void test_seven(void **state)
{
	const struct member m[] = { { .name = "b.js", .data = EICAR } };
	struct buf b = { 0 }, seven = written(archive_write_set_format_7zip, NULL, m, 1);

	(void)state;
	buf_add(&b, STR("MZ stub "));
	buf_add(&b, buf_str(&seven));
	assert_true(look_done("a.exe", &b).found[INSPECT_EICAR]);
	assert_false(look_done("a.7z", &seven).found[INSPECT_ARCHIVE_ENCRYPTED_NAMES]);
	buf_add(&b, STR("7z\xbc\xaf\x27\x1c\0\4....\0\0\0\0\0\0\0\0"));
	u32(&b, 18);
	buf_add(&b, STR("\0\0\0\0....\x17\6\0\1\x09\1\0\7\13\1\0\1\x24\6\xf1\7\1\0"));
	assert_true(look_done("a.7z", &b).found[INSPECT_ARCHIVE_ENCRYPTED_NAMES]);
}

/* The window stands in the header, which is packed itself. */
static void test_seven_window(void **state)
{
	char header[] = "\1\4\6\0\1\x09\1\0\7\x0b\1\0\1\x23\3\1\1\5\x5d\0\0\0\x10\x0c\1";
	struct member m = { .name = "h", .data = str_of(header, sizeof(header) - 1) };

	(void)state;
	for (int small = 0; small < 2; small++) {
		struct buf b = { 0 }, packed;

		header[22] = small ? 1 : 16; /* 16 MiB or 256 */
		packed = written(archive_write_set_format_raw,
				 archive_write_add_filter_lzma, &m, 1);
		buf_add(&b, STR("7z\xbc\xaf\x27\x1c\0\4...."));
		u32(&b, (uint32_t)packed.n - 13);
		u32(&b, 0);
		u32(&b, 25);
		buf_add(&b, STR("\0\0\0\0...."));
		buf_add(&b, str_skip(buf_str(&packed), 13));
		buf_add(&b, STR("\x17\6\0\1\x09"));
		buf_add_c(&b, (char)(packed.n - 13));
		buf_add(&b, STR("\0\7\x0b\1\0\1\x23\3\1\1\5"));
		buf_add(&b, str_sub(buf_str(&packed), 0, 5));
		buf_add_c(&b, 0x0c);
		buf_add_c(&b, (char)m.data.n);
		buf_done(&packed);
		assert_int_equal(look_done("a.7z", &b).found[INSPECT_ARCHIVE_WINDOW],
				 !small);
	}
}

/* Each allocation of ours fails in turn: never a crash, never clean. */
static void test_no_memory(void **state)
{
	const struct member m[] = { { .name = "a", .data = EICAR },
				    { .name = "b", .data = EICAR } };
	struct buf b = written(archive_write_set_format_pax,
			       archive_write_add_filter_gzip, m, 2);

	(void)state;
	assert_without_memory("a", buf_str(&b));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_gzip_cut_short),
		cmocka_unit_test(test_both),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_tar_behind_tar),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_cpio_name),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_volume_names),
		cmocka_unit_test(test_not_read),
		cmocka_unit_test(test_rar5),
		cmocka_unit_test(test_rar_headers),
		cmocka_unit_test(test_cab),
		cmocka_unit_test(test_seven),
		cmocka_unit_test(test_seven_window),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

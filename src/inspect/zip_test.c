#include <zlib.h>

#include "inspect/look_test.h"

static const char eicar[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$"
			    "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

/* A member as it is to be written; what is zero is made to fit. */
struct made {
	const char *name, *local_name;
	struct str data;
	unsigned method, local_method; /* + 1 */
	unsigned flags;
	uint32_t packed, crc; /* lies of both headers */
	uint32_t central_packed;
	uint32_t mode;
	uint32_t at; /* lie of the directory */
	struct str extra;
	/* Set by local_add. */
	uint32_t real_at, real_packed, real_crc;
};

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

static void deflate_add(struct buf *b, struct str data)
{
	z_stream zs = { 0 };
	unsigned char room[65536];

	assert_int_equal(deflateInit2(&zs, 9, Z_DEFLATED, -15, 9, 0), Z_OK);
	memcpy(&zs.next_in, &data.p, sizeof(data.p));
	zs.avail_in = (uInt)data.n;
	do {
		zs.next_out = room;
		zs.avail_out = sizeof(room);
		deflate(&zs, Z_FINISH);
		buf_add_bytes(b, room, sizeof(room) - zs.avail_out);
	} while (zs.avail_out == 0);
	deflateEnd(&zs);
}

static void head_add(struct buf *b, const struct made *m, bool central)
{
	const char *name = !central && m->local_name ? m->local_name : m->name;

	if (central)
		buf_add(b, STR("PK\1\2\x14\3"));
	else
		buf_add(b, STR("PK\3\4"));
	u16(b, 20);
	u16(b, m->flags);
	u16(b, !central && m->local_method ? m->local_method - 1 : m->method);
	u32(b, 0);
	u32(b, m->crc ? m->crc : m->real_crc);
	if (central && m->central_packed)
		u32(b, m->central_packed);
	else
		u32(b, m->packed ? m->packed : m->real_packed);
	u32(b, (uint32_t)m->data.n);
	u16(b, (unsigned)strlen(name));
	u16(b, (unsigned)m->extra.n);
	if (central) {
		buf_add(b, STR("\0\0\0\0\0\0"));
		u32(b, m->mode << 16);
		u32(b, m->at ? m->at - 1 : m->real_at);
	}
	buf_add(b, str_from(name));
	buf_add(b, m->extra);
}

/* method 8: deflated; any other: as it is. */
static void local_add(struct buf *b, struct made *m)
{
	struct buf data = { 0 };
	bool packed = m->local_method ? m->local_method == 9 : m->method == 8;

	if (packed)
		deflate_add(&data, m->data);
	else
		buf_add(&data, m->data);
	m->real_at = (uint32_t)b->n;
	m->real_packed = (uint32_t)data.n;
	m->real_crc = (uint32_t)crc32_z(0, (const unsigned char *)m->data.p, m->data.n);
	head_add(b, m, false);
	buf_add(b, buf_str(&data));
	buf_done(&data);
}

static void end_add(struct buf *b, size_t directory, unsigned count, struct str comment)
{
	uint32_t size = (uint32_t)(b->n - directory);

	buf_add(b, STR("PK\5\6\0\0\0\0"));
	u16(b, count);
	u16(b, count);
	u32(b, size);
	u32(b, (uint32_t)directory);
	u16(b, (unsigned)comment.n);
	buf_add(b, comment);
}

static void zip_add(struct buf *b, struct made *m, size_t n)
{
	size_t directory;

	for (size_t i = 0; i < n; i++)
		local_add(b, &m[i]);
	directory = b->n;
	for (size_t i = 0; i < n; i++)
		head_add(b, &m[i], true);
	end_add(b, directory, (unsigned)n, STR(""));
}

static struct result look_done(struct buf *b)
{
	struct result r = result_of("a.zip", buf_str(b));

	buf_done(b);
	return r;
}

static struct result look_made(struct made *m, size_t n)
{
	struct buf b = { 0 };

	zip_add(&b, m, n);
	return look_done(&b);
}

#define EICAR str_of(eicar, sizeof(eicar) - 1)

static void test_ordinary(void **state)
{
	struct made m[] = {
		{ .name = "folder/" },
		{ .name = "folder/a.txt", .data = STR("hello hello hello"), .method = 8 },
		{ .name = "b.txt",
		  .data = STR("a PK\3\4 and no header"),
		  .mode = 0100644 },
	};
	struct result r = look_made(m, 3);

	(void)state;
	assert_int_equal(r.objects, 3);
	assert_true(r.worst == INSPECT_NOTE);
	assert_true(r.found[INSPECT_ARCHIVE_NAME]);
	m[1].data = EICAR;
	r = look_made(m, 3);
	assert_true(r.found[INSPECT_EICAR]);
	assert_non_null(strstr(r.names, "folder/a.txt"));
}

/* A stored archive in an archive is read once, as what it is. */
static void test_nested(void **state)
{
	struct buf inner = { 0 };
	struct made in[] = { { .name = "e.com", .data = EICAR, .method = 8 },
			     { .name = "f.txt", .data = STR("f") } };
	struct made out = { .name = "in.zip" };
	struct result r;

	(void)state;
	zip_add(&inner, in, 2);
	out.data = buf_str(&inner);
	r = look_made(&out, 1);
	assert_true(r.found[INSPECT_EICAR]);
	assert_int_equal(r.objects, 4);
	assert_false(r.found[INSPECT_ZIP_DIRECTORIES] || r.found[INSPECT_ZIP_HIDDEN] ||
		     r.found[INSPECT_ZIP_OVERLAP] || r.found[INSPECT_ARCHIVE_BEHIND]);
	buf_done(&inner);
}

static void test_names_differ(void **state)
{
	struct made m = { .name = "good.txt", .local_name = "evil.exe", .data = EICAR };
	struct result r = look_made(&m, 1);

	(void)state;
	assert_true(r.found[INSPECT_ZIP_NAMES] && r.found[INSPECT_EXECUTABLE_NAME]);
	m.local_name = NULL;
	assert_false(look_made(&m, 1).found[INSPECT_ZIP_NAMES]);
	/* Info-ZIP's field for names in UTF-8. */
	m.extra = STR("up\15\0\1....evil.exe");
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_ZIP_NAMES] && r.found[INSPECT_EXECUTABLE_NAME]);
	m.name = "g\x81.exe";
	m.extra = STR("up\14\0\1....g\xc3\xbc.exe");
	assert_false(look_made(&m, 1).found[INSPECT_ZIP_NAMES]);
}

static void test_methods_differ(void **state)
{
	struct made m = { .name = "a", .data = EICAR, .method = 0, .local_method = 9 };
	struct result r = look_made(&m, 1);

	(void)state;
	assert_true(r.found[INSPECT_ZIP_METHOD] && r.found[INSPECT_EICAR]);
	m.method = 8;
	m.local_method = 1;
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_ZIP_METHOD] && r.found[INSPECT_EICAR]);
}

/* Both say stored, and it is deflated: what only the thief's program knows. */
static void test_method_lies(void **state)
{
	struct buf packed = { 0 };
	struct made m = { .name = "a" };
	struct result r;

	(void)state;
	deflate_add(&packed, EICAR);
	m.data = buf_str(&packed);
	r = look_made(&m, 1);
	assert_false(r.found[INSPECT_ZIP_METHOD]);
	m.crc = (uint32_t)crc32_z(0, (const unsigned char *)eicar, EICAR.n);
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_ZIP_METHOD] && r.found[INSPECT_EICAR]);
	buf_done(&packed);
}

static void test_size_lies(void **state)
{
	struct made m = { .name = "a", .data = EICAR, .method = 8, .packed = 5 };
	struct result r = look_made(&m, 1);

	(void)state;
	assert_true(r.found[INSPECT_ZIP_SIZE] && r.found[INSPECT_EICAR]);
	m.method = 0;
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_ZIP_SIZE] && r.found[INSPECT_EICAR]);
	m.packed = 0;
	m.central_packed = 9;
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_ZIP_SIZE] && r.found[INSPECT_EICAR]);
	m.central_packed = 0;
	assert_false(look_made(&m, 1).found[INSPECT_ZIP_SIZE]);
}

static void test_hidden(void **state)
{
	struct made shown = { .name = "a.txt", .data = STR("text") };
	struct made hidden = { .name = "b.txt", .data = EICAR, .method = 8 };
	struct buf b = { 0 };
	size_t directory;
	struct result r;

	(void)state;
	local_add(&b, &shown);
	local_add(&b, &hidden);
	directory = b.n;
	head_add(&b, &shown, true);
	end_add(&b, directory, 1, STR(""));
	r = look_done(&b);
	assert_true(r.found[INSPECT_ZIP_HIDDEN] && r.found[INSPECT_EICAR]);
}

static void test_no_directory(void **state)
{
	struct made m[] = { { .name = "a.txt", .data = STR("text") },
			    { .name = "b.txt", .data = EICAR, .method = 8 } };
	struct buf b = { 0 };
	struct result r;

	(void)state;
	local_add(&b, &m[0]);
	local_add(&b, &m[1]);
	r = look_done(&b);
	assert_true(r.found[INSPECT_ZIP_NO_DIRECTORY] && r.found[INSPECT_EICAR]);
	assert_int_equal(r.objects, 3);
	local_add(&b, &m[0]);
	local_add(&b, &m[1]);
	b.n -= 30; /* broken off */
	r = look_done(&b);
	assert_true(r.found[INSPECT_ARCHIVE_BROKEN] && r.objects == 3);
}

static void test_directory_broken(void **state)
{
	struct made m[] = { { .name = "a.txt", .data = STR("text") },
			    { .name = "b.txt", .data = EICAR, .method = 8 } };
	struct buf b = { 0 };
	size_t directory;

	(void)state;
	local_add(&b, &m[0]);
	local_add(&b, &m[1]);
	directory = b.n;
	head_add(&b, &m[0], true);
	head_add(&b, &m[1], true);
	end_add(&b, directory, 1, STR(""));
	assert_true(result_of("a.zip", buf_str(&b)).found[INSPECT_EICAR]);
	assert_true(look_done(&b).found[INSPECT_ZIP_DIRECTORY]);
	m[1].at = 100000; /* leads nowhere */
	assert_true(look_made(m, 2).found[INSPECT_ZIP_DIRECTORY]);
	m[1].at = 0;
	assert_false(look_made(m, 2).found[INSPECT_ZIP_DIRECTORY]);
}

static void test_several(void **state)
{
	struct made one = { .name = "a.txt", .data = STR("text") };
	struct made two = { .name = "b.txt", .data = EICAR, .method = 8 };
	struct buf b = { 0 }, other = { 0 };
	struct result r;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		zip_add(&b, turn ? &one : &two, 1);
		zip_add(&other, turn ? &two : &one, 1);
		buf_add(&b, buf_str(&other));
		buf_done(&other);
		r = look_done(&b);
		assert_true(r.found[INSPECT_ZIP_DIRECTORIES] && r.found[INSPECT_EICAR]);
		assert_int_equal(r.objects, 3);
	}
}

static void test_end_in_comment(void **state)
{
	struct made m = { .name = "b.txt", .data = EICAR, .method = 8 };
	struct buf b = { 0 };
	size_t directory;
	struct result r;

	(void)state;
	local_add(&b, &m);
	directory = b.n;
	head_add(&b, &m, true);
	end_add(&b, directory, 1, STR("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	r = look_done(&b);
	assert_true(r.found[INSPECT_ZIP_DIRECTORIES] && r.found[INSPECT_EICAR]);
}

static void test_zip64(void **state)
{
	struct made m = { .name = "b.txt", .data = EICAR, .method = 8 };
	struct buf b = { 0 };
	size_t directory, size, end64;
	struct result r;

	(void)state;
	local_add(&b, &m);
	directory = b.n;
	head_add(&b, &m, true);
	size = b.n - directory;
	end64 = b.n;
	buf_add(&b, STR("PK\6\6\54\0\0\0\0\0\0\0\55\0\55\0\0\0\0\0\0\0\0\0"));
	for (int i = 0; i < 2; i++) {
		u32(&b, 1);
		u32(&b, 0);
	}
	u32(&b, (uint32_t)size);
	u32(&b, 0);
	u32(&b, (uint32_t)directory);
	u32(&b, 0);
	buf_add(&b, STR("PK\6\7\0\0\0\0"));
	u32(&b, (uint32_t)end64);
	buf_add(&b, STR("\0\0\0\0\1\0\0\0"));
	buf_add(&b, STR("PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
			"\xff\xff\xff\xff\0\0"));
	r = look_done(&b);
	assert_true(r.found[INSPECT_EICAR]);
	assert_int_equal(r.objects, 2);
	assert_false(r.found[INSPECT_ZIP_DIRECTORY] || r.found[INSPECT_ZIP_DIRECTORIES]);
}

static void test_before_and_behind(void **state)
{
	struct made m = { .name = "b.txt", .data = EICAR, .method = 8 };
	struct buf zip = { 0 }, b = { 0 };
	struct result r;

	(void)state;
	zip_add(&zip, &m, 1);
	buf_add(&b, STR("GIF89a....."));
	buf_add(&b, buf_str(&zip));
	r = look_done(&b);
	assert_true(r.found[INSPECT_ARCHIVE_BEHIND] && r.found[INSPECT_EICAR]);
	assert_false(r.found[INSPECT_ZIP_DIRECTORY]);
	buf_add(&b, buf_str(&zip));
	buf_add(&b, STR("junk"));
	r = look_done(&b);
	assert_true(r.found[INSPECT_ARCHIVE_AFTER] && r.found[INSPECT_EICAR]);
	/* A line's end that a mailer added is nothing. */
	buf_add(&b, buf_str(&zip));
	buf_add(&b, STR("\r\n"));
	assert_false(look_done(&b).found[INSPECT_ARCHIVE_AFTER]);
	/* Behind so much that no program would look for it from the end. */
	buf_add(&b, STR("MZ"));
	buf_add(&b, buf_str(&zip));
	for (int i = 0; i < 20000; i++)
		buf_add(&b, STR("......"));
	r = look_done(&b);
	assert_true(r.found[INSPECT_EICAR] && !r.found[INSPECT_ARCHIVE_BEHIND]);
	buf_done(&zip);
}

static void test_overlap(void **state)
{
	struct made m[] = { { .name = "a.txt", .data = EICAR },
			    { .name = "b.txt", .data = STR("b") } };

	(void)state;
	assert_false(look_made(m, 2).found[INSPECT_ZIP_OVERLAP]);
	m[1].at = 1; /* the same local header */
	assert_true(look_made(m, 2).found[INSPECT_ZIP_OVERLAP]);
}

static void test_locked(void **state)
{
	struct made m = { .name = "a.exe", .data = EICAR, .method = 8, .flags = 1 };
	struct result r = look_made(&m, 1);

	(void)state;
	assert_true(r.found[INSPECT_ZIP_FAKE_LOCK] && r.found[INSPECT_EICAR]);
	assert_false(r.found[INSPECT_ARCHIVE_ENCRYPTED]);
	m.data = STR("......");
	m.crc = 1;
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_ARCHIVE_ENCRYPTED] && !r.found[INSPECT_EICAR]);
	assert_true(r.found[INSPECT_EXECUTABLE_NAME]);
	assert_false(r.found[INSPECT_ZIP_FAKE_LOCK] || r.found[INSPECT_ARCHIVE_BROKEN]);
	m.method = 99;
	m.flags = 0;
	assert_true(look_made(&m, 1).found[INSPECT_ARCHIVE_ENCRYPTED]);
}

static void test_unknown_method(void **state)
{
	struct made m = { .name = "a", .data = STR("....."), .method = 6 };
	struct result r;

	(void)state;
	m.crc = 1;
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_ARCHIVE_METHOD] && !r.found[INSPECT_ARCHIVE_BROKEN]);
	m.method = 8;
	m.local_method = 1;
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_ARCHIVE_BROKEN] && !r.found[INSPECT_ARCHIVE_METHOD]);
}

static void test_volumes(void **state)
{
	struct made m = { .name = "a.txt", .data = STR("text") };
	struct buf b = { 0 };

	(void)state;
	zip_add(&b, &m, 1);
	assert_false(result_of("a.zip", buf_str(&b)).found[INSPECT_ARCHIVE_VOLUME]);
	b.p[b.n - 22 + 4] = 2;
	assert_true(look_done(&b).found[INSPECT_ARCHIVE_VOLUME]);
}

static void test_names(void **state)
{
	struct made m[] = { { .name = "a.pdf ", .data = STR("x") },
			    { .name = "a.pdf /a.pdf .cmd", .data = STR("y") } };
	struct made leads = { .name = "a/../../x", .data = STR("x") };
	struct made twice[] = { { .name = "t.txt", .data = STR("x") },
				{ .name = "t.txt", .data = EICAR } };
	struct result r = look_made(m, 2);

	(void)state;
	assert_true(r.found[INSPECT_ARCHIVE_FOLDER]);
	m[1].name = "b.pdf /a.pdf .cmd";
	assert_false(look_made(m, 2).found[INSPECT_ARCHIVE_FOLDER]);
	assert_true(look_made(&leads, 1).found[INSPECT_NAME_PATH]);
	leads.name = "C:x";
	assert_true(look_made(&leads, 1).found[INSPECT_NAME_PATH]);
	leads.name = "a..b/..c";
	assert_false(look_made(&leads, 1).found[INSPECT_NAME_PATH]);
	r = look_made(twice, 2);
	assert_true(r.found[INSPECT_ARCHIVE_TWICE] && r.found[INSPECT_EICAR]);
	twice[1].name = "u.txt";
	assert_false(look_made(twice, 2).found[INSPECT_ARCHIVE_TWICE]);
}

static void test_links(void **state)
{
	struct made m = { .name = "d/l", .data = STR("../x"), .mode = 0120777 };
	struct result r = look_made(&m, 1);

	(void)state;
	assert_true(r.found[INSPECT_ARCHIVE_LINK] && !r.found[INSPECT_NAME_PATH]);
	m.data = STR("../../x");
	assert_true(look_made(&m, 1).found[INSPECT_NAME_PATH]);
	m.mode = 020644;
	assert_true(look_made(&m, 1).found[INSPECT_ARCHIVE_DEVICE]);
	m.mode = 0100644;
	r = look_made(&m, 1);
	assert_false(r.found[INSPECT_ARCHIVE_LINK] || r.found[INSPECT_ARCHIVE_DEVICE]);
}

/* One compressed text that many members share, and one that is a bomb of its own. */
static void test_bombs(void **state)
{
	size_t big = 60 * MIB;
	char *zeros = mem_alloc(big);
	struct made m = { .name = "z", .method = 8 };
	struct buf b = { 0 };
	size_t directory;
	struct result r;

	(void)state;
	assert_non_null(zeros);
	m.data = str_of(zeros, big);
	r = look_made(&m, 1);
	assert_true(r.found[INSPECT_RATIO]);
	m.data = str_of(zeros, 8 * MIB);
	assert_false(look_made(&m, 1).found[INSPECT_RATIO]);
	local_add(&b, &m);
	directory = b.n;
	for (unsigned i = 0; i < 500; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		m.name = name;
		head_add(&b, &m, true);
	}
	end_add(&b, directory, 500, STR(""));
	r = look_done(&b);
	assert_true(r.found[INSPECT_RATIO] && r.found[INSPECT_ZIP_OVERLAP]);
	mem_free(zeros);
}

/* Too many members of nothing. */
static void test_many(void **state)
{
	struct buf b = { 0 };
	struct made m = { .name = "n", .data = STR("") };
	struct result r;

	(void)state;
	for (int i = 0; i < 25000; i++)
		local_add(&b, &m);
	r = look_done(&b);
	assert_true(r.found[INSPECT_OBJECTS]);
}

static void test_no_memory(void **state)
{
	struct made m[] = { { .name = "a.txt", .data = STR("text") },
			    { .name = "b.txt", .data = EICAR, .method = 8 } };
	struct buf b = { 0 };

	(void)state;
	zip_add(&b, m, 2);
	assert_without_memory("a.zip", buf_str(&b));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ordinary),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_names_differ),
		cmocka_unit_test(test_methods_differ),
		cmocka_unit_test(test_method_lies),
		cmocka_unit_test(test_size_lies),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_no_directory),
		cmocka_unit_test(test_directory_broken),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_end_in_comment),
		cmocka_unit_test(test_zip64),
		cmocka_unit_test(test_before_and_behind),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_unknown_method),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

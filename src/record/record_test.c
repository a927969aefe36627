#include "base/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/entry.h"
#include "record/record.h"

struct state {
	char dir[64];
	struct record *record;
	struct arena arena;
	struct episode *found;
	size_t n;
};

static void start(struct state *s, uint64_t file_bytes, uint64_t bytes_max)
{
	*s = (struct state){ .dir = "/tmp/record-test-XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	assert_int_equal(record_open(s->dir, file_bytes, bytes_max, &s->record), 0);
}

static uint64_t each_file(const struct state *s, bool remove)
{
	DIR *dir = opendir(s->dir);
	const struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
		bytes += (uint64_t)st.st_size;
		if (remove)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
	return bytes;
}

static void finish(struct state *s)
{
	record_close(s->record);
	each_file(s, true);
	assert_int_equal(rmdir(s->dir), 0);
	arena_done(&s->arena);
}

static void put(struct state *s, uint64_t connection, uint32_t part, uint64_t message)
{
	struct episode e = {
		.kind = EPISODE_RECEIVE,
		.connection = connection,
		.part = part,
		.message = message,
		.peer = STR("[192.0.2.1]:4711"),
		.sender = STR("User@hidden.gov"),
		.rcpts = STR("guest@shop.net\nother@shop.net"),
		.outcome = STR("stored"),
		.start_us = 1000 + part,
		.notes = STR("\0c\4QUIT"),
	};

	record_put(s->record, &e);
}

static void put_delivery(struct state *s, uint64_t message)
{
	struct episode e = { .kind = EPISODE_DELIVER,
			     .message = message,
			     .peer = STR("mx.example[2001:db8::5]:25"),
			     .rcpts = STR("<third@shop.net>"),
			     .start_us = -5 };

	record_put(s->record, &e);
}

static int find(struct state *s, struct record_query q)
{
	record_sync(s->record);
	s->n = 0;
	s->found = NULL;
	return record_find(s->dir, &q, &s->arena, &s->found, &s->n);
}

#define assert_found(s, q, ...) \
	do { \
		const uint64_t want[] = { __VA_ARGS__ }; \
\
		assert_int_equal(find((s), (struct record_query)q), 0); \
		assert_int_equal((s)->n, COUNT_OF(want) / 2); \
		for (size_t i = 0; i < COUNT_OF(want) / 2; i++) { \
			assert_int_equal((s)->found[i].message, want[2 * i]); \
			assert_int_equal((s)->found[i].part, want[2 * i + 1]); \
		} \
	} while (0)
#define Q(...) \
	{ \
		__VA_ARGS__ \
	}

static void test_round_trip(void **state)
{
	struct state s;

	(void)state;
	start(&s, 0, 0);
	assert_int_equal(find(&s, (struct record_query){ .last = true }), -ENOENT);
	put(&s, 7, 0, 99);
	assert_int_equal(find(&s, (struct record_query){ .message = 99 }), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.found->kind, EPISODE_RECEIVE);
	assert_int_equal(s.found->connection, 7);
	assert_str(s.found->peer, STR("[192.0.2.1]:4711"));
	assert_str(s.found->sender, STR("User@hidden.gov"));
	assert_str(s.found->rcpts, STR("guest@shop.net\nother@shop.net"));
	assert_str(s.found->outcome, STR("stored"));
	assert_str(s.found->notes, STR("\0c\4QUIT"));
	assert_int_equal(s.found->start_us, 1000);
	put_delivery(&s, 99);
	assert_int_equal(find(&s, (struct record_query){ .message = 99 }), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.found[1].start_us, -5);
	assert_int_equal(s.found[1].connection, 0);
	finish(&s);
}

static void test_queries(void **state)
{
	struct state s;

	(void)state;
	start(&s, 0, 0);
	put(&s, 1, 0, 10); /* message, part */
	put(&s, 1, 1, 11);
	put(&s, 2, 0, 0);
	put(&s, 1, 2, 12);
	put_delivery(&s, 11);
	put(&s, 3, 0, 0);
	assert_found(&s, Q(.message = 10), 10, 0);
	assert_found(&s, Q(.message = 11), 10, 0, 11, 1, 11, 0);
	assert_found(&s, Q(.message = 12), 10, 0, 12, 2);
	assert_found(&s, Q(.connection = 1), 10, 0, 11, 1, 12, 2);
	assert_found(&s, Q(.connection = 2), 0, 0);
	assert_found(&s, Q(.last = true), 10, 0, 12, 2);
	assert_found(&s, Q(.address = STR("THIRD@shop.net")), 11, 0);
	assert_found(&s, Q(.address = STR("2001:DB8::5")), 11, 0);
	assert_found(&s, Q(.address = STR("<user@HIDDEN.gov>"), .episodes_max = 2), 10, 0,
		     12, 2, 0, 0);
	assert_found(&s, Q(.address = STR("192.0.2.1")), 10, 0, 11, 1, 12, 2, 0, 0, 0, 0);
	assert_int_equal(find(&s, (struct record_query){ .message = 13 }), -ENOENT);
	assert_int_equal(
		find(&s, (struct record_query){ .address = STR("est@shop.net") }),
		-ENOENT);
	assert_int_equal(find(&s, (struct record_query){ 0 }), -ENOENT);
	finish(&s);
}

static void test_last_without_message(void **state)
{
	struct state s;

	(void)state;
	start(&s, 0, 0);
	put(&s, 1, 0, 0);
	put(&s, 2, 0, 0);
	assert_int_equal(find(&s, (struct record_query){ .last = true }), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.found->connection, 2);
	finish(&s);
}

static void test_rotation_keeps_the_newest(void **state)
{
	enum { MESSAGES = 2000 };
	struct state s;

	(void)state;
	start(&s, 8000, 40000);
	for (uint64_t i = 1; i <= MESSAGES; i++)
		put(&s, i, 0, i);
	record_sync(s.record);
	assert_true(each_file(&s, false) <= 40000);
	assert_true(each_file(&s, false) >= 24000);
	assert_found(&s, Q(.message = MESSAGES), MESSAGES, 0);
	assert_found(&s, Q(.message = MESSAGES - 150), MESSAGES - 150, 0);
	assert_int_equal(find(&s, (struct record_query){ .message = 1 }), -ENOENT);
	finish(&s);
}

static int newest_file(const struct state *s)
{
	int dir = open(s->dir, O_RDONLY | O_DIRECTORY), fd;

	fd = openat(dir, "00000001.rec", O_RDWR);
	assert_true(fd >= 0);
	close(dir);
	return fd;
}

/* A crash tears the last entry; what came before and what comes after stays readable. */
static void test_damage_costs_one_entry(void **state)
{
	struct state s;
	off_t end;
	int fd;

	(void)state;
	start(&s, 0, 0);
	for (uint64_t i = 1; i <= 3; i++)
		put(&s, i, 0, i);
	record_close(s.record);
	fd = newest_file(&s);
	end = lseek(fd, 0, SEEK_END);
	assert_int_equal(ftruncate(fd, end - 3), 0);
	assert_int_equal(pwrite(fd, "X", 1, 40), 1);
	close(fd);
	assert_int_equal(record_open(s.dir, 0, 0, &s.record), 0);
	put(&s, 4, 0, 4);
	assert_int_equal(find(&s, (struct record_query){ .message = 1 }), -ENOENT);
	assert_found(&s, Q(.message = 2), 2, 0);
	assert_int_equal(find(&s, (struct record_query){ .message = 3 }), -ENOENT);
	assert_found(&s, Q(.message = 4), 4, 0);
	finish(&s);
}

static void test_none(void **state)
{
	struct episode e = { 0 };

	(void)state;
	record_put(NULL, &e);
	record_sync(NULL);
	record_close(NULL);
	struct record *r;

	assert_int_equal(record_open("/nonexistent/x", 0, 0, &r), -ENOENT);
	assert_int_equal(record_find("/nonexistent", &(struct record_query){ 0 }, NULL,
				     NULL, NULL),
			 -ENOENT);
}

static void *put_many(void *arg)
{
	struct state *s = arg;

	for (uint64_t i = 1; i <= 2000; i++)
		put(s, i, 0, 5);
	return NULL;
}

static void test_many_threads(void **state)
{
	pthread_t thread[4];
	struct state s;

	(void)state;
	start(&s, 64 * 1024, 0);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, put_many, &s), 0);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(
		find(&s, (struct record_query){ .address = STR("user@hidden.gov"),
						.episodes_max = 10000 }),
		0);
	assert_int_equal(s.n, 8000);
	finish(&s);
}

static void outcome_back(const struct transcript *t, struct str outcome, size_t *bytes)
{
	struct episode back, e = { .outcome = outcome, .notes = buf_str(&t->data) };
	char room[400];
	struct str rest = str_of(room, entry_put(&e, room)), payload;

	*bytes = rest.n;
	assert_true(*bytes <= entry_bytes_max(&e));
	assert_true(entry_next(&rest, &payload));
	assert_int_equal(entry_read(payload, &back), 0);
	assert_str(back.outcome, outcome);
	assert_str(back.notes, buf_str(&t->data));
}

/* An outcome that is the last note is on disk once; any other is kept as it is. */
static void test_outcome_as_last_note(void **state)
{
	const struct str reply = STR("250 2.0.0 stored, queued as 1K0ZXSJG27T00");
	CLEANUP(transcript_done) struct transcript t = { 0 };
	size_t once, twice;

	(void)state;
	outcome_back(&t, reply, &once);
	transcript_note(&t, NOTE_SERVER, 7, STR("354 go ahead"));
	transcript_note(&t, NOTE_SERVER, 8, reply);
	outcome_back(&t, reply, &once);
	outcome_back(&t, STR("250 2.0.0 stored, queued as 1K0ZXSJG27T01"), &twice);
	assert_int_equal(twice - once, reply.n - 1);
	outcome_back(&t, STR(""), &once);
	transcript_note(&t, NOTE_CLOSE, 9, STR(""));
	outcome_back(&t, STR(""), &once);
	outcome_back(&t, reply, &once);
}

/* Every prefix and every changed byte of an entry: nothing is read that was not written.
 */
static void test_entry_damage(void **state)
{
	struct episode e = { .kind = EPISODE_ADMIN,
			     .part = UINT32_MAX,
			     .message = UINT64_MAX,
			     .start_us = INT64_MIN,
			     .rcpts = STR("a\nb") },
		       back;
	char bytes[200];
	size_t n = entry_put(&e, bytes);
	struct str rest, payload;

	(void)state;
	assert_true(n <= entry_bytes_max(&e));
	rest = str_of(bytes, n);
	assert_true(entry_next(&rest, &payload));
	assert_int_equal(rest.n, 0);
	assert_int_equal(entry_read(payload, &back), 0);
	assert_int_equal(back.start_us, INT64_MIN);
	assert_int_equal(back.message, UINT64_MAX);
	for (size_t i = 0; i < n; i++) {
		rest = str_of(bytes, i);
		assert_false(entry_next(&rest, &payload));
		bytes[i] ^= 4;
		rest = str_of(bytes, n);
		assert_false(entry_next(&rest, &payload));
		bytes[i] ^= 4;
	}
	for (size_t i = 0; i < n - ENTRY_HEAD_BYTES; i++)
		assert_int_equal(entry_read(str_of(bytes + ENTRY_HEAD_BYTES, i), &back),
				 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_queries),
		cmocka_unit_test(test_last_without_message),
		cmocka_unit_test(test_rotation_keeps_the_newest),
		cmocka_unit_test(test_damage_costs_one_entry),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_outcome_as_last_note),
		cmocka_unit_test(test_entry_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

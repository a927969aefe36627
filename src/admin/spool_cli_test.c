/* postern spool: what is there, byte for byte; and what is wrong, by its place. */
#include "admin/test_said.h"

#include <ftw.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include "admin/spool_cli.h"
#include "rt/pool.h"
#include "spool/inspect.h"

enum { SMALL, LARGE, OTHER, MESSAGES, LARGE_BYTES = 2 * 1024 * 1024 };

struct scene {
	char dir[32];
	struct pool *pool;
	struct spool *spool;
	spool_id ids[MESSAGES];
	char text[MESSAGES][SPOOL_ID_TEXT];
	struct said said;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static CO void commit(struct scene *s, int which, size_t n, const char *words)
{
	struct envelope_rcpt to = { .to = STR("guest@shop.net") };
	struct envelope e = { .sender = STR("bob@place.org"),
			      .arrived_us = loop_wall_us(),
			      .rcpts = &to,
			      .rcpt_count = 1 };
	struct draft *d = NULL;

	assert_int_equal(spool_create(s->spool, 0, &d), 0);
	s->ids[which] = draft_id(d);
	(void)spool_id_text(s->ids[which], s->text[which]);
	for (size_t at = 0; at < n; at += strlen(words))
		assert_int_equal(draft_write(d, str_from(words)), 0);
	assert_int_equal(draft_commit(&d, &e), 0);
}

static CO void spool_begin(struct scene *s)
{
	struct spool_log_options o = { .path = s->dir, .shards = 1, .pool = s->pool };

	assert_int_equal(spool_log_open(&o, NULL, NULL, &s->spool), 0);
}

static CO void spool_fill(struct scene *s)
{
	spool_begin(s);
	commit(s, SMALL, 1, "Subject: one\r\n\r\nsmall\r\n");
	commit(s, LARGE, LARGE_BYTES, "0123456789abcde\n");
	commit(s, OTHER, 1, "Subject: two\r\n\r\nother\r\n");
}

/* The command has a loop of its own, so it runs on another thread. */
static CO void say(struct scene *s, const char *words, const char *id)
{
	said_done(&s->said);
	said_begin(&s->said, spool_cli, "spool %s %s --path %s", words, id, s->dir);
	said_split(&s->said);
	assert_int_equal(pool_run(s->pool, said_job, &s->said, "postern spool"), 0);
}

static void on_loop(co_fn *fn)
{
	struct scene s = { .dir = "/tmp/spool_cli.XXXXXX" };
	struct loop *l = loop_new(NULL);

	assert_non_null(mkdtemp(s.dir));
	s.pool = pool_new(2);
	assert_non_null(s.pool);
	assert_non_null(l);
	assert_int_equal(loop_run(l, fn, &s), 0);
	loop_free(l);
	pool_free(s.pool);
	said_done(&s.said);
	assert_int_equal(nftw(s.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static CO void all_said(struct scene *s)
{
	json_t *list;

	say(s, "ls", "");
	assert_int_equal(s->said.code, EX_OK);
	for (size_t i = 0; i < MESSAGES; i++)
		assert_non_null(strstr(s->said.out, s->text[i]));
	assert_non_null(strstr(s->said.out, "3 messages"));
	say(s, "ls --json", "");
	list = json_loads(s->said.out, 0, NULL);
	assert_int_equal(json_array_size(list), MESSAGES);
	json_decref(list);
	say(s, "cat", s->text[SMALL]);
	assert_int_equal(s->said.code, EX_OK);
	assert_string_equal(s->said.out, "Subject: one\r\n\r\nsmall\r\n");
	say(s, "cat", s->text[LARGE]);
	assert_int_equal(s->said.out_n, LARGE_BYTES);
	assert_memory_equal(s->said.out + LARGE_BYTES - 16, "0123456789abcde\n", 16);
	say(s, "cat --envelope", s->text[OTHER]);
	assert_non_null(strstr(s->said.out, "\"bob@place.org\""));
	say(s, "check", "");
	assert_int_equal(s->said.code, EX_OK);
	assert_non_null(strstr(s->said.out, "3 messages waiting; sound"));
	assert_string_equal(s->said.err, "");
}

static CO void sound(void *arg)
{
	struct scene *s = arg;

	spool_fill(s);
	all_said(s); /* also while it runs */
	s->spool->ops->close(s->spool);
	all_said(s);
}

static void it_shows_what_is_there(void **state)
{
	(void)state;
	on_loop(sound);
}

struct found {
	spool_id id;
	uint64_t segment, at, content;
};

static int record_find(void *ctx, const struct spool_record_seen *r)
{
	struct found *f = ctx;

	if (r->id != f->id)
		return 0;
	f->segment = r->segment;
	f->at = r->at;
	f->content = r->at + 64 + r->envelope.n; /* docs/spool.md */
	return 1;
}

static void byte_change(const char *path, long at, int whence)
{
	FILE *f = fopen(path, "r+");
	int c;

	assert_non_null(f);
	assert_int_equal(fseek(f, at, whence), 0);
	c = fgetc(f);
	assert_int_equal(fseek(f, at, whence), 0);
	assert_int_equal(fputc(c ^ 1, f), c ^ 1);
	assert_int_equal(fclose(f), 0);
}

static CO void damage(void *arg)
{
	struct scene *s = arg;
	struct found f = { 0 };
	char path[128], place[64];

	spool_fill(s);
	s->spool->ops->close(s->spool);
	f.id = s->ids[SMALL];
	assert_int_equal(spool_records(s->dir, record_find, &f), 1);
	snprintf(path, sizeof(path), "%s/log/%010llu.seg", s->dir,
		 (unsigned long long)f.segment);
	snprintf(place, sizeof(place), "segment %llu, at %llu, ",
		 (unsigned long long)f.segment, (unsigned long long)f.at);
	byte_change(path, (long)f.content + 3, SEEK_SET);
	say(s, "check", "");
	assert_int_equal(s->said.code, EX_DATAERR);
	assert_non_null(strstr(s->said.out, place));
	assert_non_null(strstr(s->said.out, s->text[SMALL]));
	assert_null(strstr(s->said.out, s->text[LARGE]));
	say(s, "check --json", "");
	assert_int_equal(s->said.code, EX_DATAERR);
	assert_non_null(strstr(s->said.out, s->text[SMALL]));
	say(s, "cat", s->text[SMALL]);
	assert_int_equal(s->said.code, EX_DATAERR);
	assert_int_equal(s->said.out_n, 0);
	say(s, "cat --damaged", s->text[SMALL]);
	assert_int_equal(s->said.code, EX_OK);
	assert_int_equal(s->said.out_n, strlen("Subject: one\r\n\r\nsmall\r\n"));
}

static void damage_is_found_in_a_segment(void **state)
{
	(void)state;
	on_loop(damage);
}

static CO void damage_of_large(void *arg)
{
	struct scene *s = arg;
	char path[128];

	spool_fill(s);
	s->spool->ops->close(s->spool);
	snprintf(path, sizeof(path), "%s/big/%s", s->dir, s->text[LARGE]);
	byte_change(path, -1, SEEK_END);
	say(s, "check", "");
	assert_int_equal(s->said.code, EX_DATAERR);
	assert_non_null(strstr(s->said.out, s->text[LARGE]));
	assert_null(strstr(s->said.out, s->text[SMALL]));
	assert_int_equal(truncate(path, 1000), 0);
	say(s, "check", "");
	assert_int_equal(s->said.code, EX_DATAERR);
	assert_int_equal(unlink(path), 0);
	say(s, "check", "");
	assert_int_equal(s->said.code, EX_DATAERR);
	assert_non_null(strstr(s->said.out, "is missing"));
}

static void damage_is_found_in_a_large_message(void **state)
{
	(void)state;
	on_loop(damage_of_large);
}

static CO void refused(void *arg)
{
	struct scene *s = arg;

	say(s, "ls", ""); /* a directory, but no spool */
	assert_int_equal(s->said.code, EX_NOINPUT);
	say(s, "check", "");
	assert_int_equal(s->said.code, EX_NOINPUT);
	spool_begin(s);
	s->spool->ops->close(s->spool);
	say(s, "check", "");
	assert_int_equal(s->said.code, EX_OK);
	say(s, "cat", "0000000000001");
	assert_int_equal(s->said.code, EX_NOINPUT);
	say(s, "cat", "");
	assert_int_equal(s->said.code, EX_USAGE);
	say(s, "cat", "not-an-id");
	assert_int_equal(s->said.code, EX_USAGE);
	say(s, "list", "");
	assert_int_equal(s->said.code, EX_USAGE);
	say(s, "ls --damaged", "");
	assert_int_equal(s->said.code, EX_USAGE);
}

static void what_cannot_be_done_is_told(void **state)
{
	(void)state;
	on_loop(refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_shows_what_is_there),
		cmocka_unit_test(damage_is_found_in_a_segment),
		cmocka_unit_test(damage_is_found_in_a_large_message),
		cmocka_unit_test(what_cannot_be_done_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

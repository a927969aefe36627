#include "admin/test_said.h"

#include <ftw.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/explain_cli.h"
#include "record/record.h"
#include "spool/envelope.h"

static char dir[] = "/tmp/postern-explain-XXXXXX";
static const spool_id message_id = 123456789;

static int record_fill(void **state)
{
	struct transcript note = { 0 };
	struct record *r;

	(void)state;
	if (!mkdtemp(dir) || record_open(dir, 0, 0, &r) < 0)
		return -1;
	transcript_note(&note, NOTE_CLIENT, 1000000, STR("EHLO me.test"));
	transcript_note(&note, NOTE_SERVER, 1000100, STR("250 our.test"));
	record_put(r, &(struct episode){ .kind = EPISODE_RECEIVE,
					 .connection = 7,
					 .message = message_id,
					 .peer = STR("[192.0.2.1]:4711"),
					 .sender = STR("a@x.test"),
					 .rcpts = STR("b@y.test"),
					 .outcome = STR("stored"),
					 .start_us = note.start_us,
					 .notes = buf_str(&note.data) });
	record_close(r);
	transcript_done(&note);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
	(void)st;
	(void)kind;
	(void)walk;
	return remove(path);
}

static int record_remove(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct said explain(const char *what, const char *option)
{
	struct said s;

	said_begin(&s, explain_cli,
		   "explain --record=%s --control=/tmp/postern-nobody %s %s", dir, what,
		   option ? option : "");
	said_split(&s);
	said_job(&s);
	return s;
}

static void it_is_found_by_each_name(void **state)
{
	char id[SPOOL_ID_TEXT];
	const char *names[] = { "last",     id,           "a@x.test",
				"B@Y.test", "<b@y.test>", "192.0.2.1" };

	(void)state;
	spool_id_text(message_id, id);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		CLEANUP(said_done) struct said s = explain(names[i], NULL);

		assert_int_equal(s.code, EX_OK);
		assert_non_null(strstr(s.out, "EHLO me.test"));
		assert_non_null(strstr(s.out, id));
	}
}

static void language_and_json(void **state)
{
	CLEANUP(said_done) struct said german = explain("last", "--lang=de");
	CLEANUP(said_done) struct said json = explain("last", "--json");

	(void)state;
	assert_non_null(strstr(german.out, "Erklärung"));
	assert_int_equal(json.out[0], '[');
}

static void what_is_not_there_is_told(void **state)
{
	CLEANUP(said_done) struct said s = explain("nobody@z.test", NULL);
	CLEANUP(said_done) struct said wrong = explain("last", "more");
	CLEANUP(said_done) struct said lang = explain("last", "--lang=fr");

	(void)state;
	assert_int_equal(s.code, EX_NOINPUT);
	assert_non_null(strstr(s.err, "nobody@z.test: nothing is recorded"));
	assert_int_equal(wrong.code, EX_USAGE);
	assert_int_equal(lang.code, EX_USAGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_by_each_name),
		cmocka_unit_test(language_and_json),
		cmocka_unit_test(what_is_not_there_is_told),
	};

	return cmocka_run_group_tests(tests, record_fill, record_remove);
}

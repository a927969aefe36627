#include "base/test.h"
#include "log/transcript.h"

static const int64_t T0 = INT64_C(1795496767000000);

static size_t count(const struct transcript *t, enum note_kind kind)
{
	struct str data = buf_str(&t->data);
	int64_t at = t->start_us;
	struct note note;
	size_t n = 0;

	while (transcript_next(&data, &at, &note))
		n += note.kind == kind;
	assert_int_equal(data.n, 0);
	return n;
}

static void test_what_goes_in_comes_out(void **state)
{
	CLEANUP(transcript_done) struct transcript t = { 0 };
	struct str data;
	struct note note;
	int64_t at;

	(void)state;
	transcript_note(&t, NOTE_OPEN, T0, STR("[192.0.2.1]:4711"));
	transcript_note(&t, NOTE_SERVER, T0 + 1500, STR("220 mx"));
	transcript_notef(&t, NOTE_DECISION, T0 + 1000, "limit %d",
			 7); /* the clock went back */
	transcript_note(&t, NOTE_CLOSE, T0 + 3600 * USEC_PER_SEC, STR(""));
	data = buf_str(&t.data);
	at = t.start_us;
	assert_true(transcript_next(&data, &at, &note));
	assert_int_equal(note.kind, NOTE_OPEN);
	assert_int_equal(note.at_us, T0);
	assert_str(note.text, STR("[192.0.2.1]:4711"));
	assert_true(transcript_next(&data, &at, &note));
	assert_int_equal(note.at_us, T0 + 1500);
	assert_true(transcript_next(&data, &at, &note));
	assert_int_equal(note.kind, NOTE_DECISION);
	assert_int_equal(note.at_us, T0 + 1000);
	assert_str(note.text, STR("limit 7"));
	assert_true(transcript_next(&data, &at, &note));
	assert_int_equal(note.at_us, T0 + 3600 * USEC_PER_SEC);
	assert_int_equal(note.text.n, 0);
	assert_false(transcript_next(&data, &at, &note));
}

/* Every phrase comes out as it went in, in two bytes and the time. */
static void test_phrases(void **state)
{
	static const struct str phrases[] = {
#define PHRASE(text) STR_INIT(text),
#include "log/phrases.def"
#undef PHRASE
	};
	CLEANUP(transcript_done) struct transcript t = { 0 };
	int64_t at = T0;
	struct note note;
	struct str data;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(phrases); i++) {
		transcript_note(&t, NOTE_SERVER, T0, phrases[i]);
		transcript_note(&t, NOTE_CLIENT, T0, str_sub(phrases[i], 0, 3));
	}
	assert_int_equal(t.data.n, COUNT_OF(phrases) * (3 + 6));
	data = buf_str(&t.data);
	for (size_t i = 0; i < COUNT_OF(phrases); i++) {
		assert_true(transcript_next(&data, &at, &note));
		assert_int_equal(note.kind, NOTE_SERVER);
		assert_str(note.text, phrases[i]);
		assert_true(transcript_next(&data, &at, &note));
		assert_str(note.text, str_sub(phrases[i], 0, 3));
	}
	assert_int_equal(data.n, 0);
	data = STR("\0S\x7f"); /* of a later version */
	assert_false(transcript_next(&data, &at, &note));
}

static void test_wire_lines_give_way(void **state)
{
	CLEANUP(transcript_done) struct transcript t = { 0 };
	char line[100];

	(void)state;
	memset(line, 'x', sizeof(line));
	for (int i = 0; i < 1000; i++)
		transcript_note(&t, NOTE_CLIENT, T0 + i, str_of(line, sizeof(line)));
	assert_true(t.dropped > 0);
	assert_int_equal(count(&t, NOTE_CLIENT) + t.dropped, 1000);
	for (int i = 0; i < 20; i++)
		transcript_note(&t, NOTE_DECISION, T0, str_of(line, sizeof(line)));
	assert_int_equal(count(&t, NOTE_DECISION), 20);
	for (int i = 0; i < 1000; i++)
		transcript_note(&t, NOTE_DECISION, T0, str_of(line, sizeof(line)));
	transcript_note(&t, NOTE_RESULT, T0, STR("stored"));
	for (int i = 0; i < 1000; i++)
		transcript_note(&t, NOTE_TROUBLE, T0, str_of(line, sizeof(line)));
	transcript_note(&t, NOTE_CLOSE, T0, STR("quit"));
	assert_int_equal(count(&t, NOTE_RESULT), 1);
	assert_int_equal(count(&t, NOTE_CLOSE), 1);
	assert_true(t.data.n <= TRANSCRIPT_BYTES_MAX);
}

static void test_long_text_is_cut_between_characters(void **state)
{
	CLEANUP(transcript_done) struct transcript t = { 0 };
	char line[2 * TRANSCRIPT_TEXT_MAX];
	struct str data;
	struct note note;
	int64_t at = 0;

	(void)state;
	line[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(line); i += 2)
		memcpy(line + i, "ü", 2);
	transcript_note(&t, NOTE_CLIENT, T0, str_of(line, sizeof(line)));
	data = buf_str(&t.data);
	assert_true(transcript_next(&data, &at, &note));
	assert_int_equal(note.text.n, TRANSCRIPT_TEXT_MAX - 1);
}

static void test_malformed(void **state)
{
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT("\x80"),
		STR_INIT("\0"),
		STR_INIT("\0?\0"),
		STR_INIT("\0c"),
		STR_INIT("\0c\x80"),
		STR_INIT("\0c\5abc"),
		STR_INIT("\0c\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct str data = bad[i];
		int64_t at = 5;
		struct note note;

		assert_false(transcript_next(&data, &at, &note));
		assert_int_equal(at, 5);
		assert_int_equal(data.n, bad[i].n);
	}
}

static void test_clear_keeps_memory(void **state)
{
	CLEANUP(transcript_done) struct transcript t = { 0 };
	const char *before;

	(void)state;
	transcript_note(&t, NOTE_CLIENT, T0, STR("NOOP"));
	before = t.data.p;
	transcript_clear(&t);
	transcript_note(&t, NOTE_CLIENT, T0 + 9, STR("NOOP"));
	assert_ptr_equal(t.data.p, before);
	assert_int_equal(t.start_us, T0 + 9);
	assert_int_equal(count(&t, NOTE_CLIENT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_in_comes_out),
		cmocka_unit_test(test_phrases),
		cmocka_unit_test(test_wire_lines_give_way),
		cmocka_unit_test(test_long_text_is_cut_between_characters),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_clear_keeps_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

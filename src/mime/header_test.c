#include "base/test.h"
#include "mime/header.h"

struct want {
	uint64_t bytes;
	uint32_t fields, received, delivered_to;
	bool ended;
};

static void assert_watch(const struct mime_header_watch *w, struct want want)
{
	assert_int_equal(w->fields, want.fields);
	assert_int_equal(w->received, want.received);
	assert_int_equal(w->delivered_to, want.delivered_to);
	assert_int_equal(w->ended, want.ended);
	assert_int_equal(w->bytes, want.bytes);
}

/* At every pair of cuts, and byte by byte. */
static struct mime_header_watch check(struct str in, struct want want)
{
	struct mime_header_watch w = { 0 };

	for (size_t a = 0; a <= in.n; a++)
		for (size_t b = a; b <= in.n; b++) {
			w = (struct mime_header_watch){ 0 };
			mime_header_feed(&w, str_sub(in, 0, a));
			mime_header_feed(&w, str_sub(in, a, b - a));
			mime_header_feed(&w, str_skip(in, b));
			assert_watch(&w, want);
		}
	w = (struct mime_header_watch){ 0 };
	for (size_t i = 0; i < in.n; i++)
		mime_header_feed(&w, str_sub(in, i, 1));
	assert_watch(&w, want);
	return w;
}

/* RFC 5322 2.1, 2.2 */
static void the_empty_line_ends_it(void **state)
{
	(void)state;
	check(STR("A: b\r\n\r\nReceived: x\r\n"), (struct want){ 6, 1, 0, 0, true });
	check(STR("\r\nA: b\r\n"), (struct want){ .ended = true });
	check(STR("A: b\r\nC: d\r\n"), (struct want){ 12, 2, 0, 0, false });
	check(STR("A: b\r\n\n\r"), (struct want){ 8, 1, 0, 0, false });
	check(STR("A: b\r\n\rx\r\n"), (struct want){ 10, 1, 0, 0, false });
	check(STR("A: b\r\n\r\r\n\r\n"), (struct want){ 9, 1, 0, 0, true });
	check(STR("A: b\n\nC: d\r\n\r\n"), (struct want){ 12, 1, 0, 0, true });
}

/* RFC 5321 6.3; RFC 5322 2.2.3 */
static void loops_can_be_counted(void **state)
{
	(void)state;
	check(STR("Received: a\r\n\tb: c\r\nRECEIVED: d\r\nreceived : e\r\nX-Received: "
		  "f\r\n"
		  "Delivered-To: g\r\nReceived-SPF: h\r\n Received: i\r\n\r\n"),
	      (struct want){ 110, 6, 3, 1, true });
}

static void lines_that_are_no_field(void **state)
{
	(void)state;
	check(STR("no colon\r\n: x\r\na b: c\r\n\xc3\xb6: d\r\nA\0: e\r\n"),
	      (struct want){ 37, 0, 0, 0, false });
	check(STR("From\r\n : x\r\n\r\n"), (struct want){ 12, 0, 0, 0, true }); /* H3 */
}

static void known_fields_are_noticed(void **state)
{
	struct mime_header_watch w;

	(void)state;
	w = check(STR("FROM: a\r\nDate: b\r\n\r\n"), (struct want){ 18, 2, 0, 0, true });
	assert_true(w.has_from && w.has_date && !w.has_message_id && !w.has_to);
	w = check(STR("to : a\r\nMessage-Id: b\r\n"),
		  (struct want){ 23, 2, 0, 0, false }); /* H2 */
	assert_true(!w.has_from && !w.has_date && w.has_message_id && w.has_to);
	w = check(STR("Fro: a\r\nDated: b\r\nMessage-ID-: c\r\n"),
		  (struct want){ 34, 3, 0, 0, false });
	assert_true(!w.has_from && !w.has_date && !w.has_message_id && !w.has_to);
}

static void long_names_are_counted_and_not_kept(void **state)
{
	static char name[400];
	struct mime_header_watch w = { 0 };

	(void)state;
	memset(name, 'x', sizeof(name));
	mime_header_feed(&w, str_of(name, 100));
	mime_header_feed(&w, STR(": a\r\nFrom: b\r\n"));
	assert_int_equal(w.fields, 2);
	mime_header_feed(&w, str_of(name, sizeof(name)));
	mime_header_feed(&w, STR(": a\r\n\r\n"));
	assert_int_equal(w.fields, 2);
	assert_true(w.ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_empty_line_ends_it),
		cmocka_unit_test(loops_can_be_counted),
		cmocka_unit_test(lines_that_are_no_field),
		cmocka_unit_test(known_fields_are_noticed),
		cmocka_unit_test(long_names_are_counted_and_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* mime/header.h: all cuts give the same, namely what a simple reading gives. */
#include "mime/header.h"
#include "fuzz.h"

enum { NAME_BYTES_MAX = 200 };

/* The name of a field, without blanks behind it; "" when the line is none. */
static struct str field_name(struct str line)
{
	ptrdiff_t colon = str_find(line, ':');
	struct str name = str_sub(line, 0, colon < 0 ? 0 : (size_t)colon);

	while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
		name.n--;
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] <= 32 || (unsigned char)name.p[i] >= 127)
			return STR_NONE;
	return name.n > NAME_BYTES_MAX ? STR_NONE : name;
}

static void read_line(struct mime_header_watch *w, struct str line)
{
	struct str name = field_name(line);

	w->fields += name.n > 0;
	w->received += str_eq_nocase(name, STR("received"));
	w->delivered_to += str_eq_nocase(name, STR("delivered-to"));
	w->has_from |= str_eq_nocase(name, STR("from"));
	w->has_date |= str_eq_nocase(name, STR("date"));
	w->has_message_id |= str_eq_nocase(name, STR("message-id"));
	w->has_to |= str_eq_nocase(name, STR("to"));
}

static void read_simply(struct str in, struct mime_header_watch *w)
{
	const char *at;

	while (in.p && (at = memmem(in.p, in.n, "\r\n", 2))) {
		struct str line = str_sub(in, 0, (size_t)(at - in.p));

		if (line.n == 0) {
			w->ended = true;
			return;
		}
		read_line(w, line);
		w->bytes += line.n + 2;
		in = str_skip(in, line.n + 2);
	}
	/* A line under way: its name may be complete, its CR may begin the empty line. */
	read_line(w, in);
	w->bytes += str_eq(in, STR("\r")) ? 0 : in.n;
}

static void assert_same(const struct mime_header_watch *a,
			const struct mime_header_watch *b)
{
	assert(a->ended == b->ended && a->bytes == b->bytes && a->fields == b->fields);
	assert(a->received == b->received && a->delivered_to == b->delivered_to);
	assert(a->has_from == b->has_from && a->has_date == b->has_date);
	assert(a->has_message_id == b->has_message_id && a->has_to == b->has_to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct mime_header_watch want = { 0 };

	read_simply(in, &want);
	for (uint32_t seed = 0; seed < 4; seed++) {
		struct mime_header_watch have = { 0 };
		struct str rest = in;
		uint32_t cuts = seed;

		while (rest.n) {
			size_t n = seed ? fuzz_cut(&cuts) : rest.n;

			mime_header_feed(&have, str_sub(rest, 0, n));
			rest = str_skip(rest, n);
		}
		assert_same(&have, &want);
	}
	return 0;
}

/* smtp/reply.h: what was parsed is clean and bounded, and goes both ways. */
#include "smtp/reply.h"
#include "base/utf8.h"
#include "fuzz.h"

/* Parse a whole reply as it stands on the wire. */
static void parse_wire(struct smtp_reply_parser *p, struct str wire,
		       struct smtp_reply *ret)
{
	struct str line;
	int e = 0;

	while (wire.n) {
		assert(e == 0 && str_split(&wire, '\n', &line));
		assert(line.n && line.n < REPLY_LINE_BYTES_MAX &&
		       line.p[line.n - 1] == '\r');
		e = smtp_reply_parse(p, str_sub(line, 0, line.n - 1), ret);
	}
	assert(e == 1);
}

static void check_text(struct smtp_reply r)
{
	struct str rest = r.text;

	assert(r.text.n <= REPLY_TEXT_BYTES_MAX);
	while (rest.n) {
		size_t n = utf8_printable(rest);

		assert(n || rest.p[0] == '\n' || rest.p[0] == '\t');
		rest = str_skip(rest, n ? n : 1);
	}
}

/* The rest of a folded line may look like an enhanced code; then no promise. */
static bool folds(struct smtp_reply r)
{
	struct str line;

	while (str_split(&r.text, '\n', &line))
		if (line.n > REPLY_LINE_BYTES_MAX - 20)
			return true;
	return false;
}

static void check_round_trip(struct smtp_reply r)
{
	struct smtp_reply_parser p = { 0 };
	struct buf first = { 0 }, second = { 0 }, text = { 0 };
	struct smtp_reply back;

	smtp_reply_write(r, true, &first);
	parse_wire(&p, buf_str(&first), &back);
	assert(back.code == r.code);
	if (!folds(r)) {
		assert(back.cls == r.cls && back.subject == r.subject &&
		       back.detail == r.detail);
		assert(str_eq(back.text, r.text));
		smtp_reply_write(back, true, &second);
		assert(str_eq(buf_str(&first), buf_str(&second)));
	}
	smtp_reply_text(r, &text);
	assert(str_find(buf_str(&text), '\n') < 0 && str_find(buf_str(&text), '\r') < 0);
	assert(smtp_reply_text_parse(buf_str(&text), &back) == 0);
	assert(back.code == r.code && (r.cls == 0 || back.cls == r.cls));
	buf_done(&first);
	buf_done(&second);
	buf_done(&text);
	smtp_reply_parser_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size), line;
	struct smtp_reply_parser p = { 0 };
	struct smtp_reply r;

	while (in.n && str_split(&in, '\n', &line)) {
		int e = smtp_reply_parse(&p, line, &r);

		assert(p.lines <= REPLY_LINES_MAX);
		if (e < 0)
			smtp_reply_parser_reset(&p);
		if (e != 1)
			continue;
		assert(r.code >= 200 && r.code <= 599);
		check_text(r);
		check_round_trip(r);
	}
	/* The writer takes any text at all. */
	check_round_trip((struct smtp_reply){ 550, 5, 7, 1, STR("x") });
	smtp_reply_parser_done(&p);
	return 0;
}

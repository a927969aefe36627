/* mime/report.h: no text from outside makes a line, a field or a part (H24). */
#include "mime/report.h"
#include "fuzz.h"

/* RFC 5322 2.1.1: CRLF only as a pair, no controls, lines to 998, 8-bit only if said. */
static void assert_clean(struct str s, bool utf8)
{
	size_t line = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool lf_next = i + 1 < s.n && s.p[i + 1] == '\n';

		assert((c == '\r') == lf_next);
		assert(c == '\r' || c == '\n' || c == '\t' || !ch_control(s.p[i]));
		assert(utf8 || c < 128);
		line = c == '\n' ? 0 : line + 1;
		assert(line <= 998 + 1);
	}
}

/* Lines that are not continued, and those that look like delimiters. */
static void count_lines(struct str s, size_t *lines, size_t *delimiters)
{
	struct str line;

	*lines = *delimiters = 0;
	while (s.n && str_split(&s, '\n', &line)) {
		assert(line.n && (line.n == 1 || str_trim(line).n));
		*lines += line.p[0] != ' ' && line.p[0] != '\t';
		*delimiters += str_starts(line, STR("--"));
	}
}

/* Eleven texts, separated by a byte that no UTF-8 has. */
static void fill(struct str in, struct report *r, struct report_rcpt *rcpt)
{
	struct str *const fields[] = {
		&r->hostname,   &r->from,          &r->to,
		&r->message_id, &r->boundary,      &r->envid,
		&r->queue_id,   &rcpt->final,      &rcpt->original,
		&rcpt->reply,   &rcpt->remote_mta,
	};

	for (size_t i = 0; i < COUNT_OF(fields); i++)
		if (!str_split(&in, '\xff', fields[i]))
			*fields[i] = STR("");
}

/* Lines that fields add when they have a value at all; the queue id has two. */
static size_t optional_lines(const struct report *r, const struct report_rcpt *rcpt)
{
	const struct str values[] = { r->envid,    r->hostname,     r->queue_id,
				      r->queue_id, rcpt->original,  rcpt->final,
				      rcpt->reply, rcpt->remote_mta };
	size_t n = 0;

	for (size_t i = 0; i < COUNT_OF(values); i++)
		n += str_trim(values[i]).n > 0;
	return n;
}

static void write_report(const struct report *r, struct buf *out)
{
	buf_clear(out);
	report_head(r, out);
	report_tail(r, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	uint8_t bits = fuzz_byte(&in);
	struct report_rcpt rcpt = { .action = bits % REPORT_ACTION_COUNT };
	struct report r = { .utf8 = bits & 8,
			    .full = bits & 16,
			    .eightbit = bits & 32,
			    .rcpts = &rcpt,
			    .rcpt_count = 1 };
	size_t plain, lines, delimiters;
	struct buf out = { 0 };

	write_report(&r, &out); /* with no text from outside at all */
	count_lines(buf_str(&out), &plain, &delimiters);
	assert(delimiters == 4);
	fill(in, &r, &rcpt);
	write_report(&r, &out);
	assert_clean(buf_str(&out), r.utf8);
	count_lines(buf_str(&out), &lines, &delimiters);
	assert(delimiters == 4);
	assert(lines == plain + optional_lines(&r, &rcpt));
	buf_done(&out);
	return 0;
}

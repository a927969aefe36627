#include "smtp/data.h"

#include <string.h>

enum state {
	LINE_START, /* after CRLF, or nothing was read yet: {0} */
	IN_LINE,
	AFTER_CR,
	DOT,    /* a dot began the line and is held back */
	DOT_CR, /* and a CR behind it */
};

/* What a run of bytes holds, found without a loop over single bytes. */
struct census {
	uint32_t flaws; /* FLAW_NUL, FLAW_8BIT */
	size_t crs;
};

typedef uint8_t lanes __attribute__((vector_size(16)));

/* A lane counts to 255, then it would wrap. */
enum { LANES = 16, RUN_BYTES_MAX = 255 * LANES };

static void census_run(struct census *c, const char *p, size_t n)
{
	lanes high = { 0 }, nul = { 0 }, crs = { 0 }, v;

	assert(n % LANES == 0 && n <= RUN_BYTES_MAX);
	for (size_t i = 0; i < n; i += LANES) {
		memcpy(&v, p + i, LANES);
		high |= v;
		nul |= (lanes)(v == 0);
		crs -= (lanes)(v == '\r');
	}
	for (size_t i = 0; i < LANES; i++) {
		c->flaws |= high[i] & 0x80 ? FLAW_8BIT : 0;
		c->flaws |= nul[i] ? FLAW_NUL : 0;
		c->crs += crs[i];
	}
}

static struct census census_of(struct str s)
{
	struct census c = { 0 };
	char tail[LANES];

	while (s.n >= LANES) {
		size_t n = s.n < RUN_BYTES_MAX ? s.n - s.n % LANES : RUN_BYTES_MAX;

		census_run(&c, s.p, n);
		s = str_skip(s, n);
	}
	if (s.n) {
		memset(tail, ' ', sizeof(tail));
		memcpy(tail, s.p, s.n);
		census_run(&c, tail, sizeof(tail));
	}
	return c;
}

/* n more bytes of the line under way. */
static inline void count_line(struct smtp_data *d, size_t n, bool ends)
{
	d->line_bytes += n;
	if (d->line_bytes > d->line_bytes_max && d->line_bytes_max)
		d->flaws |= FLAW_LONG_LINE;
	if (ends)
		d->line_bytes = 0;
}

/*
 * Pass over bytes that are content, line by line; with dots, stop before a line that
 * begins with one. The number of bytes passed.
 *
 * Each LF is looked at, so bare ones are found on the way. Bare CRs are found by
 * counting: there must be as many CRs as pairs. One memchr per line and one pass in lanes
 * do it all.
 */
static size_t pass(struct smtp_data *d, struct str s, bool dots)
{
	const char *line = s.p, *end = s.p + s.n, *lf;
	bool split = d->state == AFTER_CR; /* the CR of the first pair came earlier */
	bool crlf = true, bare_lf = false, stop = false;
	size_t pairs = 0, longest = 0, carried = d->line_bytes;
	struct census c;

	if (split && *line != '\n')
		d->flaws |= FLAW_BARE_CR;
	while (!stop && line < end && (lf = memchr(line, '\n', (size_t)(end - line)))) {
		size_t n = (size_t)(lf + 1 - line) + carried;

		longest = n > longest ? n : longest;
		carried = 0;
		crlf = lf > s.p ? lf[-1] == '\r' : split;
		pairs += lf > s.p && crlf;
		bare_lf |= !crlf;
		line = lf + 1;
		stop = dots && crlf && line < end && *line == '.';
	}
	d->state = crlf ? LINE_START : IN_LINE;
	if (!stop && line < end) {
		carried += (size_t)(end - line);
		longest = carried > longest ? carried : longest;
		line = end;
		d->state = end[-1] == '\r' ? AFTER_CR : IN_LINE;
		pairs += d->state == AFTER_CR; /* not bare yet */
	}
	d->line_bytes = carried;
	c = census_of(str_of(s.p, (size_t)(line - s.p)));
	d->flaws |= c.flaws | (bare_lf ? FLAW_BARE_LF : 0) |
		    (c.crs > pairs ? FLAW_BARE_CR : 0) |
		    (d->line_bytes_max && longest > d->line_bytes_max ? FLAW_LONG_LINE
								      : 0);
	return (size_t)(line - s.p);
}

void smtp_data_init(struct smtp_data *d, size_t line_bytes_max)
{
	*d = (struct smtp_data){ .line_bytes_max = line_bytes_max };
}

/*
 * The dot at the start of a line and what comes behind it. True: a byte was taken.
 * RFC 5321 4.5.2: a dot alone ends the text, before anything else it is dropped.
 */
static bool take_dot(struct smtp_data *d, struct str *in, struct str *ret)
{
	char c = in->p[0];

	*ret = STR_NONE;
	if (d->state == LINE_START && c == '.') {
		d->state = DOT;
	} else if (d->state == DOT && c == '\r') {
		d->state = DOT_CR;
	} else if (d->state == DOT_CR && c == '\n') {
		d->ended = true;
	} else {
		if (d->state == DOT_CR) {
			/* S4, S7: dot, CR and no LF: text with a bare CR in it, no end */
			d->flaws |= FLAW_BARE_CR;
			count_line(d, 1, false);
			*ret = STR("\r");
		}
		if (d->state == DOT || d->state == DOT_CR)
			d->state = IN_LINE;
		return false;
	}
	*in = str_skip(*in, 1);
	return true;
}

int smtp_data_next(struct smtp_data *d, struct str *in, struct str *ret)
{
	struct str held;
	size_t n;

	while (in->n && !d->ended) {
		if (take_dot(d, in, &held))
			continue;
		if (held.n) {
			*ret = held;
			return 1;
		}
		n = pass(d, *in, true);
		*ret = str_sub(*in, 0, n);
		*in = str_skip(*in, n);
		return 1;
	}
	return 0;
}

void smtp_data_watch(struct smtp_data *d, struct str bytes)
{
	if (bytes.n)
		(void)pass(d, bytes, false);
}

void smtp_data_watch_end(struct smtp_data *d)
{
	if (d->state == AFTER_CR)
		d->flaws |= FLAW_BARE_CR;
	d->state = LINE_START;
	d->line_bytes = 0;
}

/* One run up to a line that begins with a dot. A CR at its end waits for its LF. */
static void stuff_run(const struct smtp_data *d, bool owed, struct str run,
		      struct buf *out)
{
	if (owed)
		buf_add_c(out, '\r');
	if (d->state == AFTER_CR)
		run.n--;
	buf_add(out, run);
}

int smtp_stuff_add(struct smtp_stuff *st, struct str content, struct buf *out)
{
	struct smtp_data d = { .state = st->state };
	size_t before = out->n;

	while (content.n) {
		bool owed = d.state == AFTER_CR;
		size_t n;

		if (d.state == LINE_START && content.p[0] == '.')
			buf_add_c(out, '.'); /* RFC 5321 4.5.2 */
		n = pass(&d, content, true);
		stuff_run(&d, owed, str_sub(content, 0, n), out);
		content = str_skip(content, n);
	}
	if (out->err || d.flaws & (FLAW_BARE_CR | FLAW_BARE_LF | FLAW_NUL)) {
		out->n = before;
		return out->err ? out->err : -EBADMSG;
	}
	st->state = d.state;
	return 0;
}

int smtp_stuff_end(struct smtp_stuff *st, struct buf *out)
{
	if (st->state == AFTER_CR)
		return -EBADMSG;
	if (st->state == IN_LINE)
		buf_add(out, STR("\r\n"));
	buf_add(out, STR(".\r\n"));
	if (out->err)
		return out->err;
	st->state = LINE_START;
	return 0;
}

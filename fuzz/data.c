/* smtp/data.h, receiving: all cuts give the same, namely what a simple reading gives. */
#include "smtp/data.h"
#include "fuzz.h"

struct result {
	struct buf content;
	uint32_t flaws;
	bool ended;
	size_t left;
};

enum { LINE_MAX_BYTES = 40 };

/* Lines between true CRLFs; everything else follows from them. RFC 5321 2.3.8, 4.5.2. */
static void add_text(struct result *r, struct str line, bool whole)
{
	if (line.n && line.p[0] == '.')
		line = str_skip(line, 1);
	buf_add(&r->content, line);
	if (str_find(line, '\n') >= 0)
		r->flaws |= FLAW_BARE_LF;
	if (!whole && line.n && line.p[line.n - 1] == '\r')
		line.n--; /* perhaps the CR of a CRLF to come */
	if (str_find(line, '\r') >= 0)
		r->flaws |= FLAW_BARE_CR;
	if (whole)
		buf_add(&r->content, STR("\r\n"));
}

static void read_simply(struct str in, struct result *r)
{
	const char *at;

	while (in.p && (at = memmem(in.p, in.n, "\r\n", 2))) {
		struct str line = str_sub(in, 0, (size_t)(at - in.p));

		in = str_skip(in, line.n + 2);
		if (str_eq(line, STR("."))) {
			r->ended = true;
			r->left = in.n;
			return;
		}
		add_text(r, line, true);
	}
	if (!str_eq(in, STR(".\r")))
		add_text(r, in, false);
}

/* What can be seen from the content alone. */
static void look_simply(struct result *r)
{
	struct str rest = buf_str(&r->content), line;

	if (str_find(rest, 0) >= 0)
		r->flaws |= FLAW_NUL;
	for (size_t i = 0; i < rest.n; i++)
		if ((unsigned char)rest.p[i] > 127)
			r->flaws |= FLAW_8BIT;
	while (rest.n && str_split(&rest, '\n', &line))
		if (line.n + (rest.p ? 1 : 0) > LINE_MAX_BYTES)
			r->flaws |= FLAW_LONG_LINE;
}

static void read_cut(struct str in, uint32_t seed, struct result *r)
{
	struct smtp_data d;
	struct str span;

	smtp_data_init(&d, LINE_MAX_BYTES);
	while (in.n && !d.ended) {
		size_t n = seed ? fuzz_cut(&seed) : in.n;
		struct str window = str_sub(in, 0, n), rest = window;

		while (smtp_data_next(&d, &rest, &span)) {
			assert(span.n > 0);
			buf_add(&r->content, span);
		}
		assert(rest.n == 0 || d.ended);
		in = str_skip(in, window.n - rest.n);
	}
	r->flaws = d.flaws;
	r->ended = d.ended;
	r->left = in.n;
}

static void assert_same(const struct result *a, const struct result *b)
{
	assert(str_eq(buf_str(&a->content), buf_str(&b->content)));
	assert(a->flaws == b->flaws);
	assert(a->ended == b->ended);
	assert(a->left == b->left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct result want = { 0 }, have = { 0 };

	read_simply(in, &want);
	look_simply(&want);
	for (uint32_t seed = 0; seed < 4; seed++) {
		buf_clear(&have.content);
		read_cut(in, seed, &have);
		assert_same(&have, &want);
	}
	buf_done(&want.content);
	buf_done(&have.content);
	return 0;
}

/* smtp/data.h, sending: what is stuffed is read back as it was; nothing stray leaves. */
#include "fuzz.h"
#include "smtp/data.h"

static int stuff_cut(struct str in, uint32_t seed, struct buf *out)
{
	struct smtp_stuff st = { 0 };

	buf_clear(out);
	while (in.n) {
		size_t n = seed ? fuzz_cut(&seed) : in.n;
		size_t before = out->n;
		int e = smtp_stuff_add(&st, str_sub(in, 0, n), out);

		if (e < 0) {
			assert(out->n == before);
			return e;
		}
		in = str_skip(in, n);
	}
	return smtp_stuff_end(&st, out);
}

/* RFC 5321 2.3.8: CR and LF only together; no NUL. */
static bool is_clean(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool cr_before = i > 0 && s.p[i - 1] == '\r';

		if (s.p[i] == 0 || (s.p[i] == '\n') != cr_before)
			return false;
	}
	return s.n == 0 || s.p[s.n - 1] != '\r';
}

static void read_back(struct str wire, struct str content)
{
	struct smtp_data d;
	struct buf back = { 0 };
	struct str span;

	smtp_data_init(&d, 0);
	while (smtp_data_next(&d, &wire, &span))
		buf_add(&back, span);
	assert(d.ended && wire.n == 0);
	assert((d.flaws & ~(uint32_t)FLAW_8BIT) == 0);
	assert(str_starts(buf_str(&back), content));
	assert(back.n == content.n || back.n == content.n + 2);
	buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct buf whole = { 0 }, parts = { 0 };
	int e = stuff_cut(in, 0, &whole);

	assert((e == 0) == is_clean(in));
	for (uint32_t seed = 1; seed < 4; seed++) {
		assert(stuff_cut(in, seed, &parts) == e);
		if (e == 0)
			assert(str_eq(buf_str(&whole), buf_str(&parts)));
		/* Also what left before the stop holds nothing stray. */
		assert(is_clean(buf_str(&parts)));
	}
	if (e == 0)
		read_back(buf_str(&whole), in);
	buf_done(&whole);
	buf_done(&parts);
	return 0;
}

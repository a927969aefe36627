/* smtp/command.h: any line gives a verb; what the parameters give is clean and inside. */
#include "smtp/command.h"
#include "base/utf8.h"
#include "fuzz.h"

static void assert_clean(struct str s)
{
	for (; s.n; s = str_skip(s, utf8_printable(s)))
		assert(utf8_printable(s) > 0);
}

static void check_xtext(struct str s)
{
	struct buf text = { 0 }, again = { 0 }, back = { 0 };

	if (smtp_xtext_decode(s, &text) == 0) {
		assert_clean(buf_str(&text));
		smtp_xtext_encode(buf_str(&text), &again);
		assert(utf8_ascii(buf_str(&again)) && str_find(buf_str(&again), ' ') < 0);
		assert(smtp_xtext_decode(buf_str(&again), &back) == 0);
		assert(str_eq(buf_str(&text), buf_str(&back)));
	} else {
		assert(text.n == 0);
	}
	buf_done(&text);
	buf_done(&again);
	buf_done(&back);
}

static void check_error(int e, struct str bad, struct str args)
{
	assert(e == -EBADMSG || e == -EMSGSIZE || e == -EILSEQ || e == -EOPNOTSUPP ||
	       e == -EINVAL);
	assert(fuzz_inside(bad, args));
	if (e == -EOPNOTSUPP || e == -EINVAL)
		assert(bad.n > 0);
}

static void check_mail(struct str args, struct smtp_grammar g)
{
	struct smtp_mail m;
	struct str bad = STR_NONE;
	int e = smtp_mail_parse(args, g, &m, &bad);

	if (e < 0) {
		check_error(e, bad, args);
		return;
	}
	assert(m.path.null || m.path.domain.n);
	assert(!m.path.utf8 || m.smtputf8);
	assert(g.esmtp || (!m.has_size && !m.smtputf8 && !m.envid.n && !m.body));
	assert(!(m.ret_full && m.ret_hdrs));
	assert(m.body != SMTP_BODY_BINARYMIME || g.binary);
	assert(m.envid.n <= ENVID_BYTES_MAX && fuzz_inside(m.envid, args));
	assert_clean(m.path.address);
	check_xtext(m.envid);
}

static void check_rcpt(struct str args, struct smtp_grammar g)
{
	struct smtp_rcpt r;
	struct str bad = STR_NONE;
	int e = smtp_rcpt_parse(args, g, &r, &bad);

	if (e < 0) {
		check_error(e, bad, args);
		return;
	}
	assert(!r.path.null && r.path.local.n);
	assert(!(r.notify & SMTP_NOTIFY_NEVER) || r.notify == SMTP_NOTIFY_NEVER);
	assert(r.orcpt.n <= ORCPT_BYTES_MAX && fuzz_inside(r.orcpt, args));
	assert(r.orcpt.n == 0 || str_find(r.orcpt, ';') > 0);
	assert_clean(r.path.address);
	assert_clean(r.orcpt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	uint8_t bits = fuzz_byte(&in);
	struct smtp_grammar g = { bits & 1, bits & 2,  bits & 4,
				  bits & 8, bits & 16, bits & 32 };
	struct smtp_command c = smtp_command_parse(in);
	uint64_t n = 0, max = UINT64_MAX >> (bits & 63);
	bool last;

	assert(c.verb <= VERB_FOREIGN);
	assert(fuzz_inside(c.word, in) && fuzz_inside(c.args, in));
	assert(c.verb >= VERB_COUNT ||
	       str_eq_nocase(c.word, smtp_verb_info(c.verb)->name));
	check_mail(c.args, g);
	check_rcpt(c.args, g);
	check_xtext(c.args);
	if (smtp_bdat_parse(c.args, max, &n, &last) == 0)
		assert(n <= max && ch_digit(c.args.p[0]));
	return 0;
}

/* smtp/path.h: what is taken is clean and is taken again in each of its forms. */
#include "smtp/path.h"
#include "base/utf8.h"
#include "fuzz.h"

static void check_mailbox(struct smtp_path p)
{
	struct smtp_path again;

	assert(p.local.n >= 1 && p.local.n <= LOCAL_PART_BYTES_MAX);
	assert(p.domain.n >= 1 && p.domain.n <= DOMAIN_BYTES_MAX);
	assert(p.address.n == p.local.n + 1 + p.domain.n);
	assert(p.address.p == p.local.p && p.address.p[p.local.n] == '@');
	assert(smtp_mailbox_parse(p.address, p.utf8, &again) == 0);
	assert(str_eq(again.address, p.address) && str_eq(again.local, p.local));
	assert(again.quoted == p.quoted && again.literal == p.literal &&
	       again.utf8 == p.utf8);
	if (p.literal) {
		struct addr a;

		assert(smtp_literal_parse(p.domain, &a) == 0);
	} else {
		assert(smtp_domain_valid(p.domain, p.utf8));
	}
}

/* Unquoted and quoted anew, a local part means the same. */
static void check_quoting(struct smtp_path p)
{
	struct buf raw = { 0 }, quoted = { 0 }, again = { 0 };
	struct str rest;
	struct smtp_path q;

	smtp_local_unquote(p.local, &raw);
	for (rest = buf_str(&raw); rest.n; rest = str_skip(rest, utf8_printable(rest)))
		assert(utf8_printable(rest) > 0);
	smtp_local_quote(buf_str(&raw), &quoted);
	assert(quoted.n <= p.local.n);
	smtp_local_unquote(buf_str(&quoted), &again);
	assert(str_eq(buf_str(&raw), buf_str(&again)));
	buf_add(&quoted, STR("@x"));
	assert(smtp_mailbox_parse(buf_str(&quoted), true, &q) == 0);
	buf_done(&raw);
	buf_done(&quoted);
	buf_done(&again);
}

static void check_path(struct str in, bool utf8)
{
	struct str rest = in, second;
	struct buf wire = { 0 };
	struct smtp_path p, q;

	if (smtp_path_parse(&rest, utf8, &p) < 0) {
		assert(rest.p == in.p && rest.n == in.n);
		return;
	}
	assert(rest.n <= in.n && rest.p + rest.n == in.p + in.n);
	assert(fuzz_inside(p.address, in) && p.utf8 == !utf8_ascii(p.address));
	assert(utf8 || !p.utf8);
	if (p.domain.n) {
		check_mailbox(p);
		check_quoting(p);
	} else {
		assert(p.null ? p.address.n == 0
			      : str_eq_nocase(p.address, STR("postmaster")));
	}
	buf_add_c(&wire, '<');
	buf_add(&wire, p.address);
	buf_add_c(&wire, '>');
	second = buf_str(&wire);
	assert(smtp_path_parse(&second, utf8, &q) == 0 && second.n == 0);
	assert(str_eq(q.address, p.address) && q.null == p.null && !q.routed);
	buf_done(&wire);
}

/* Any bytes can be quoted, and are harmless then (S26). */
static void check_raw(struct str raw)
{
	struct buf quoted = { 0 };
	struct smtp_path p;
	int e;

	smtp_local_quote(raw, &quoted);
	buf_add(&quoted, STR("@x"));
	e = smtp_mailbox_parse(buf_str(&quoted), true, &p);
	assert(e == 0 || (e == -EMSGSIZE && quoted.n > LOCAL_PART_BYTES_MAX));
	buf_done(&quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	bool utf8 = fuzz_byte(&in) & 1;
	struct addr a;

	check_path(in, utf8);
	check_raw(in);
	if (smtp_literal_parse(in, &a) == 0)
		assert(smtp_helo_valid(in, utf8));
	if (smtp_domain_valid(in, utf8))
		assert(smtp_helo_valid(in, utf8) && in.n <= DOMAIN_BYTES_MAX);
	return 0;
}

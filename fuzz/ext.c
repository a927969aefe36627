/* smtp/ext.h: whatever a peer offers, what we understood of it comes back the same. */
#include "smtp/ext.h"
#include "fuzz.h"

static void read_lines(struct str in, struct smtp_offer *o)
{
	struct str line;

	while (in.n && str_split(&in, '\n', &line))
		smtp_offer_read(line, o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_offer o = { 0 }, again = { 0 };
	struct buf text = { 0 };

	read_lines(str_of(data, size), &o);
	assert(o.set >> EXT_COUNT == 0);
	if (!o.mail_max && !o.rcpt_max)
		o.set &= ~(UINT32_C(1)
			   << EXT_LIMITS); /* nothing stated, nothing written */
	o.set &= ~(UINT32_C(1) << EXT_AUTH);
	smtp_offer_write(&o, &text);
	read_lines(buf_str(&text), &again);
	assert(again.set == o.set && again.size_max == o.size_max);
	assert(again.mail_max == o.mail_max && again.rcpt_max == o.rcpt_max);
	buf_done(&text);
	return 0;
}

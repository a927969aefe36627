/* Any line as a request of the control socket: refused with a reason, or read whole. */
#include "fuzz.h"

#include "admin/ctl_request.h"

static void check(const struct ctl_request *r)
{
	struct spool_head head = { .id = 1, .held = true };
	struct envelope_rcpt rcpt = { .to = STR("guest@shop.net") };
	struct envelope e = { .sender = STR("user@hidden.gov"),
			      .rcpts = &rcpt,
			      .rcpt_count = 1 };

	assert(r->word.n > 0);
	assert(r->id_count <= CTL_IDS_MAX);
	if (r->verb >= CTL_SHOW && r->verb <= CTL_DELETE)
		assert(r->id_count || r->all || !ctl_filter_empty(&r->filter));
	assert(!r->filter.only_held || !r->filter.only_waiting);
	(void)ctl_filter_head(&r->filter, &head, 0);
	(void)ctl_filter_envelope(&r->filter, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = { 0 };
	struct ctl_request r;
	struct str fault = STR_NONE;
	int e = ctl_request_parse(str_of(data, size), &arena, &r, &fault);

	if (e == 0)
		check(&r);
	else
		assert(fault.n > 0);
	arena_done(&arena);
	return 0;
}

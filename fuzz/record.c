/* Any bytes as a file of the record, and what comes out of it as text. */
#include "record/entry.h"
#include "record/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const struct episode *e)
{
	struct record_view view = { .lang = RECORD_DE, .width = 60 };
	struct buf out = { 0 };

	record_render(e, 1, &view, &out);
	for (size_t i = 0; i < out.n; i++)
		assert(out.p[i] == '\n' || !ch_control(out.p[i]));
	assert(record_render_json(e, 1, &view, &out) == 0);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_of(data, size), payload;
	struct episode e;

	while (entry_next(&rest, &payload))
		if (entry_read(payload, &e) == 0)
			show(&e);
	/* The checksum keeps a fuzzer out: the payload by itself, and as notes. */
	if (entry_read(str_of(data, size), &e) == 0)
		show(&e);
	e = (struct episode){ .notes = str_of(data, size) };
	show(&e);
	return 0;
}

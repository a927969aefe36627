/*
 * spool/envelope.h: what is taken is encoded to the same bytes again; nothing is read
 * over.
 */
#include "fuzz.h"
#include "spool/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { .bytes_max = 1 << 20 };
	struct arena b = { .bytes_max = 1 << 20 };
	struct buf once = { 0 }, twice = { 0 };
	struct envelope e, again;
	char text[SPOOL_ID_TEXT];
	spool_id id;

	if (envelope_decode(str_of(data, size), &a, &e) == 0) {
		assert(envelope_pending(&e) <= e.rcpt_count);
		envelope_encode(&e, &once);
		if (!once.err && envelope_decode(buf_str(&once), &b, &again) == 0) {
			envelope_encode(&again, &twice);
			assert(twice.err || str_eq(buf_str(&once), buf_str(&twice)));
			assert(again.rcpt_count == e.rcpt_count);
			assert(str_eq(again.sender, e.sender));
		}
	}
	if (spool_id_parse(str_of(data, size), &id) == 0) {
		spool_id back = 0;

		assert(spool_id_parse(spool_id_text(id, text), &back) == 0 && back == id);
	}
	buf_done(&once);
	buf_done(&twice);
	arena_done(&a);
	arena_done(&b);
	return 0;
}

/* Any bytes as a transcript: every note stays inside them or is a phrase, walking ends,
 * and what is written again reads the same. */
#include "log/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_of(data, size), rest = all;
	struct transcript copy = { 0 };
	struct note note, again;
	int64_t at = 0, at_copy = 0;

	while (transcript_next(&rest, &at, &note)) {
		assert(note.kind < NOTE_KIND_COUNT);
		assert(note.text.n <= TRANSCRIPT_TEXT_MAX);
		if (note.text.n && note.text.p >= all.p && note.text.p < all.p + all.n)
			assert(note.text.p + note.text.n <= rest.p);
		transcript_note(&copy, note.kind, note.at_us, note.text);
	}
	assert(copy.data.n <= TRANSCRIPT_BYTES_MAX);
	if (copy.dropped == 0) {
		struct str left = buf_str(&copy.data);

		rest = all;
		at = 0;
		at_copy = copy.start_us;
		while (transcript_next(&rest, &at, &note)) {
			assert(transcript_next(&left, &at_copy, &again));
			assert(again.kind == note.kind && str_eq(again.text, note.text));
			assert(again.at_us == note.at_us);
		}
		assert(left.n == 0);
	}
	transcript_done(&copy);
	return 0;
}

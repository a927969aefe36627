/* Any bytes as a transcript: every note stays inside them, and walking ends. */
#include "log/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_of(data, size), rest = all;
	struct transcript copy = { 0 };
	struct note note;
	int64_t at = 0;

	while (transcript_next(&rest, &at, &note)) {
		assert(note.kind < NOTE_KIND_COUNT);
		assert(note.text.n <= TRANSCRIPT_TEXT_MAX);
		assert(note.text.n == 0 ||
		       (note.text.p >= all.p && note.text.p + note.text.n <= rest.p));
		transcript_note(&copy, note.kind, note.at_us, note.text);
	}
	assert(copy.data.n <= TRANSCRIPT_BYTES_MAX);
	transcript_done(&copy);
	return 0;
}

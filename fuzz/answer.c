/* inspect/answer.h: any bytes as the answer of a process that hostile mail has taken
 * over. */
#include "fuzz.h"

#include "inspect/answer.h"

static void check(const struct inspect_report *r)
{
	assert(r->worst < INSPECT_GRADE_COUNT);
	for (size_t i = 0; i < r->object_count; i++) {
		assert(r->objects[i].parent < r->objects[i].id);
		assert(r->objects[i].path.n <= ANSWER_TEXT_MAX);
	}
	for (size_t i = 0; i < r->finding_count; i++) {
		assert(r->findings[i].kind < INSPECT_FINDING_COUNT);
		assert(r->findings[i].object <= r->object_count);
	}
	for (size_t i = 0; i < r->mime_finding_count; i++)
		assert(r->mime_findings[i].kind < MIME_FINDING_COUNT &&
		       r->mime_findings[i].grade <= MIME_LIMIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_done) struct buf again = { 0 };
	struct arena arena = { .bytes_max = 64 * MIB };
	struct inspect_report r;

	if (answer_read(str_of(data, size), &arena, &r) == 0) {
		check(&r);
		answer_write(&r, &again);
		assert(str_eq(buf_str(&again), str_of(data, size)));
	}
	arena_done(&arena);
	return 0;
}

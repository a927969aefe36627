/* inspect/rtf.c: RTF of any bytes is read to its end, within the budget. */
#include "fuzz.h"
#include "inspect/inspect.h"
#include "inspect/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inspect *in = inspect_new();
	const struct inspect_report *r;
	uint64_t bytes = 0, most = (uint64_t)SCAN_RATIO_FREE_MIB * MIB;

	assert(in);
	r = inspect_file(in, STR("a.rtf"), str_of(data, size));
	for (size_t i = 1; i < r->object_count; i++)
		bytes += r->objects[i].bytes;
	/* What is a slice of its parent was not made: once for each depth. */
	assert(bytes <= most + (size + 1) * SCAN_RATIO_MAX * SCAN_DEPTH_MAX);
	for (size_t i = 0; i < r->finding_count; i++)
		assert(r->findings[i].object <= r->object_count);
	inspect_free(in);
	return 0;
}

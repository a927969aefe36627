/* inspect/zip.c: any bytes under the name of a ZIP; the same bytes tell the same. */
#include "fuzz.h"
#include "inspect/inspect.h"

static uint64_t look(struct str bytes)
{
	struct inspect *in = inspect_new();
	const struct inspect_report *r;
	uint64_t sum;

	assert(in);
	r = inspect_file(in, STR("a.zip"), bytes);
	sum = r->object_count * 1000003 + r->finding_count * 101 + r->worst;
	for (size_t i = 0; i < r->finding_count; i++)
		sum = sum * 31 + r->findings[i].kind;
	inspect_free(in);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_of(data, size);

	assert(look(bytes) == look(bytes));
	return 0;
}

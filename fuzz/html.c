/* inspect/html.c: any bytes, as a file; nothing is made that was not asked for. */
#include "fuzz.h"
#include "inspect/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inspect *in = inspect_new();

	assert(in);
	(void)inspect_file(in, STR("a.html"), str_of(data, size));
	inspect_free(in);
	return 0;
}

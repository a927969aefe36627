/* inspect/zip.c. */
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_file(STR("a.zip"), data, size);
}

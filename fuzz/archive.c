/* inspect/archive.c: what libarchive reads, by content alone. */
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_file(STR("a"), data, size);
}

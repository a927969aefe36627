/* inspect/ooxml.c, onenote.c. */
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_file(STR("word/a.xml"), data, size);
}

/*
 * The targets of inspect/'s readers: any bytes, as a file of a name that leads to the
 * reader. They are read to their end within the budget, and the same bytes give the same
 * report.
 */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include "fuzz.h"
#include "inspect/inspect.h"
#include "inspect/scan.h"

static inline uint64_t fuzz_report(struct str name, struct str content)
{
	struct inspect *in = inspect_new();
	const struct inspect_report *r;
	uint64_t bytes = 0, most = SCAN_RATIO_FREE_MIB * (uint64_t)MIB, sum;

	assert(in);
	r = inspect_file(in, name, content);
	sum = r->object_count * 1000003 + r->worst;
	for (size_t i = 1; i < r->object_count; i++)
		bytes += r->objects[i].bytes;
	/* What is a slice of its parent was not made: once for each depth. */
	assert(bytes <= most + (content.n + 1) * SCAN_RATIO_MAX * SCAN_DEPTH_MAX);
	for (size_t i = 0; i < r->finding_count; i++) {
		assert(r->findings[i].object <= r->object_count);
		sum = sum * 31 + r->findings[i].kind;
	}
	inspect_free(in);
	return sum;
}

static inline int fuzz_file(struct str name, const uint8_t *data, size_t size)
{
	struct str content = str_of(data, size);

	assert(fuzz_report(name, content) == fuzz_report(name, content));
	return 0;
}

#endif

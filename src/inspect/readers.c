#include "inspect/readers.h"

const struct reader *const readers[] = {
	&reader_ole,
	&reader_rtf,
	NULL, /* the end */
};

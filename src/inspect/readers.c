#include "inspect/readers.h"

const struct reader *const readers[] = {
	&reader_ole,
	NULL, /* the end */
};

#include "inspect/readers.h"

const struct reader *const readers[] = {
	NULL, /* the end */
};

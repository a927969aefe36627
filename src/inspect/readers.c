#include "inspect/readers.h"

const struct reader *const readers[] = {
	&reader_postscript, NULL, /* the end */
};

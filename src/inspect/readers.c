#include "inspect/readers.h"

const struct reader *const readers[] = {
	&reader_archive, &reader_zip, NULL, /* the end */
};

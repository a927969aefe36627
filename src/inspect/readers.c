#include "inspect/readers.h"

const struct reader *const readers[] = {
	&reader_ole,
	&reader_rtf,
	&reader_ooxml,
	&reader_onenote,
	&reader_activemime,
	NULL, /* the end */
};

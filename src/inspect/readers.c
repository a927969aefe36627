#include "inspect/readers.h"

const struct reader *const readers[] = {
	&reader_archive, &reader_zip,	  &reader_ole,	      &reader_rtf,
	&reader_ooxml,	 &reader_onenote, &reader_activemime, NULL, /* the end */
};

#include "inspect/readers.h"

const struct reader *const readers[] = {
	&reader_archive,    &reader_zip,   &reader_ole,
	&reader_rtf,        &reader_ooxml, &reader_onenote,
	&reader_activemime, &reader_html,  &reader_pdf,
	&reader_postscript, NULL, /* the end */
};

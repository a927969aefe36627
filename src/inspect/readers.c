#include "inspect/readers.h"

const struct reader *const readers[] = {
	&reader_html, &reader_pdf, &reader_postscript, NULL, /* the end */
};

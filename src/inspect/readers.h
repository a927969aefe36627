/* Every reader that there is: a new format is its file and a line in readers.c. */
#ifndef INSPECT_READERS_H
#define INSPECT_READERS_H

#include "inspect/scan.h"

extern const struct reader *const readers[]; /* NULL ends it */
extern const struct reader reader_ole;
extern const struct reader reader_rtf;
extern const struct reader reader_ooxml;
extern const struct reader reader_onenote;
extern const struct reader reader_activemime;

extern const struct reader reader_archive;
extern const struct reader reader_zip;

extern const struct reader reader_html, reader_pdf, reader_postscript;

#endif

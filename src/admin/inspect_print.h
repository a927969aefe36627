/* The report of an inspection as text for people, as a line of a table, as JSON. */
#ifndef ADMIN_INSPECT_PRINT_H
#define ADMIN_INSPECT_PRINT_H

#include "inspect/inspect.h"

/* All append; errors stick to the buffer. Text from outside is made harmless. */
void inspect_print_text(const struct inspect_report *r, struct str file, struct buf *out);
void inspect_print_line(const struct inspect_report *r, struct str file, struct buf *out);
/* One object, one line. */
void inspect_print_json(const struct inspect_report *r, struct str file, struct buf *out);

#endif

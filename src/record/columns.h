/* Text in columns of a terminal. Internal to record/. */
#ifndef RECORD_COLUMNS_H
#define RECORD_COLUMNS_H

#include "base/buf.h"

/* Columns that a valid UTF-8 text takes: 0, 1 or 2 for each character. */
size_t columns_of(struct str s);

/*
 * Take from the front of s (valid UTF-8) what fits into width columns, if possible up to
 * a blank, which is dropped. At least one character is taken.
 */
struct str columns_take(struct str *s, size_t width);

/* Three cells side by side, each wrapped: "a | b | c". */
void columns_row(const struct str cell[3], const size_t width[3], struct buf *out);

/* One text over the whole width; its later lines are indented. */
void columns_text(struct str s, size_t width, size_t indent, struct buf *out);

#endif

/* Writing JSON: the answers of the control socket, the output of --json. RFC 8259. */
#ifndef ADMIN_ANSWER_H
#define ADMIN_ANSWER_H

#include "base/buf.h"

/* A quoted string; bytes that are not UTF-8 are written as their codes. */
void answer_quote(struct buf *b, struct str s);

/* Members of an object: a comma is put where one is needed. key is a literal. */
void answer_open(struct buf *b,
		 char bracket); /* '{' or '[', after a key or in an array */
void answer_close(struct buf *b, char bracket);
void answer_key(struct buf *b, const char *key);
void answer_str(struct buf *b, const char *key, struct str value);
void answer_u64(struct buf *b, const char *key, uint64_t value);
void answer_i64(struct buf *b, const char *key, int64_t value);
void answer_bool(struct buf *b, const char *key, bool value);

#endif

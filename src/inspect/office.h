/* What the readers of Office formats share. */
#ifndef INSPECT_OFFICE_H
#define INSPECT_OFFICE_H

#include "base/buf.h"
#include "inspect/scan.h"

/* Little-endian numbers at `at`; 0 where they would reach beyond the end. */
uint16_t le16_at(struct str s, size_t at);
uint32_t le32_at(struct str s, size_t at);
uint64_t le64_at(struct str s, size_t at);

/* The slice of `n` bytes at `at`, both of them from the file: clipped. */
static inline struct str str_at(struct str s, uint64_t at, uint64_t n)
{
	return str_sub(s, at > SIZE_MAX ? SIZE_MAX : (size_t)at,
		       n > SIZE_MAX ? SIZE_MAX : (size_t)n);
}

/* Where `what` begins in s from `from` on, or -1. */
ptrdiff_t office_find(struct str s, size_t from, struct str what);

/* Is `word` anywhere in s, ASCII case ignored? For short texts only. */
bool office_has(struct str s, struct str word);

/* UTF-16, little-endian, added as UTF-8; a half pair becomes U+FFFD. */
void office_utf16(struct buf *b, struct str s);

/* A code point as UTF-8; what is none becomes U+FFFD. */
void office_utf8(struct buf *b, uint32_t c);

/*
 * Text in UTF-8: UTF-16 of either order is converted into `b`, asked for by scan_work;
 * all else is the content itself, without a byte order mark. STR_NONE: no budget.
 */
struct str office_text(struct scan *s, const struct object *o, struct buf *b);

/* Where a link of a document leads. */
enum office_target {
	TARGET_NOWHERE,
	TARGET_LOCAL,  /* a drive of this machine */
	TARGET_WEB,    /* http, https, ftp */
	TARGET_UNC,    /* \\host, file://host: the system logs on there */
	TARGET_MAIL,   /* mailto: and the like: harmless */
	TARGET_ATTACK, /* script:, mhtml:, ms-msdt: … */
};

enum office_target office_target(struct str url);

/* Words that start programs, in a DDE field or a formula. */
bool office_starts_program(struct str text);

/*
 * The text of one field's instruction: DDE, and what it loads from elsewhere. `offset` is
 * where it begins in the object; so for all that follow.
 */
void office_field(struct scan *s, const struct object *o, struct str text,
		  uint64_t offset);

/* Where a template, a linked object, or another part is loaded from. */
void office_template(struct scan *s, const struct object *o, struct str url,
		     uint64_t offset);
void office_object(struct scan *s, const struct object *o, struct str url,
		   uint64_t offset);
void office_part(struct scan *s, const struct object *o, struct str url, uint64_t offset);
void office_image(struct scan *s, const struct object *o, struct str url,
		  uint64_t offset);
/* A link that a person follows: only what no person chooses. */
void office_hyperlink(struct scan *s, const struct object *o, struct str url,
		      uint64_t offset);
void office_link(struct scan *s, const struct object *o, struct str url, uint64_t offset);

#endif

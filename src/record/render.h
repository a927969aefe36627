/*
 * Recorded dialogues for people: the table "explanation, client to server, server to
 * client", with what was decided between the lines. `postern explain` and
 * `postern send --explain` show it; the latter makes an episode of its own transcript.
 */
#ifndef RECORD_RENDER_H
#define RECORD_RENDER_H

#include "record/record.h"

enum record_lang { RECORD_EN, RECORD_DE };

enum {
	RECORD_WIDTH = 100,
	RECORD_WIDTH_MIN = 40,
	RECORD_WIDTH_MAX = 400,
	RECORD_ID_TEXT = 32
};

struct record_view {
	size_t width; /* in columns; 0: RECORD_WIDTH */
	enum record_lang lang;
	/* How ids are written (the spool knows); NULL: in hexadecimal. ret has
	 * RECORD_ID_TEXT bytes. */
	struct str (*id_text)(uint64_t id, char *ret);
};

/*
 * Text in UTF-8, each line at most width columns. Control characters never reach it.
 * Header and body lines after 354 are shown in short.
 */
void record_render(const struct episode *e, size_t n, const struct record_view *view,
		   struct buf *out);

/* A JSON array, one object per episode, with a line end behind it. 0; -ENOMEM. */
MUST_USE int record_render_json(const struct episode *e, size_t n,
				const struct record_view *view, struct buf *out);

/* "2TXZ3A…": an id as view says. ret: RECORD_ID_TEXT bytes. */
struct str record_id_text(const struct record_view *view, uint64_t id, char *ret);

#endif

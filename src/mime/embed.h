/*
 * Data in text that says of itself where it begins: uuencode, yEnc, BinHex 4.0 (RFC
 * 1741). Push: lines are found by CR, LF or both.
 */
#ifndef MIME_EMBED_H
#define MIME_EMBED_H

#include "base/str.h"

enum { EMBED_LINE_MAX = 1100, EMBED_NAME_MAX = 256 };

enum mime_embed_kind { EMBED_NONE, EMBED_UU, EMBED_UU64, EMBED_YENC, EMBED_BINHEX };

struct mime_embed_out {
	void (*begin)(void *ctx, enum mime_embed_kind kind, struct str name);
	void (*bytes)(void *ctx, struct str bytes);
	void (*end)(void *ctx);
};

struct mime_embed {
	const struct mime_embed_out *out;
	void *ctx;
	uint8_t kind;
	bool skip; /* this line is of no interest, up to its end */
	bool cr;
	bool escape;        /* yEnc */
	uint8_t phase, run; /* BinHex: characters of a group; 0x90 was seen */
	uint8_t last;
	uint8_t fork; /* BinHex: 0 header, 1 data, 2 rest */
	uint32_t bits, left;
	uint16_t head_n, n, out_n;
	char head[EMBED_NAME_MAX];
	char line[EMBED_LINE_MAX];
	char hold[EMBED_LINE_MAX];
};

/* {0} with out and ctx is a start. binhex: its stream needs no line that names it. */
void mime_embed_feed(struct mime_embed *e, struct str bytes, bool binhex);
void mime_embed_finish(struct mime_embed *e);

#endif

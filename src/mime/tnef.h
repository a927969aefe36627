/*
 * TNEF (winmail.dat, [MS-OXTNEF]) as a push reader: attachments and their names. The
 * stream is attributes: level, tag, length, data, checksum.
 */
#ifndef MIME_TNEF_H
#define MIME_TNEF_H

#include "base/str.h"

enum { TNEF_NAME_MAX = 512, TNEF_PROPERTIES_MAX = 65536 };

struct mime_tnef_out {
	void (*begin)(void *ctx, struct str name); /* name may be empty */
	void (*name)(void *ctx,
		     struct str name); /* another one, of the last attachment */
	void (*bytes)(void *ctx, struct str bytes);
	void (*end)(void *ctx);
	void (*broken)(void *ctx);
};

struct mime_tnef {
	const struct mime_tnef_out *out;
	void *ctx;
	uint8_t state;
	bool open, told;
	uint8_t head[9];
	uint8_t n;
	uint32_t tag, left;
	uint16_t name_n;
	char name[TNEF_NAME_MAX];
};

void mime_tnef_feed(struct mime_tnef *t, struct str bytes);
void mime_tnef_finish(struct mime_tnef *t);

/* The first four bytes of a stream. */
bool mime_tnef_magic(struct str start);

#endif

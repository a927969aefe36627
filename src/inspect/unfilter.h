/*
 * The filters that PostScript and PDF put on data (PLRM 3.13, ISO 32000 7.4). What cannot
 * be read to its end gives what could be read, as viewers do.
 */
#ifndef INSPECT_UNFILTER_H
#define INSPECT_UNFILTER_H

#include "inspect/page.h"

enum filter {
	FILTER_UNKNOWN,
	FILTER_HEX,
	FILTER_85,
	FILTER_RUN,
	FILTER_LZW,
	FILTER_FLATE,
	FILTER_IMAGE, /* DCT, JPX, CCITT, JBIG2: pixels, not decoded here */
	FILTER_SAME,  /* Crypt, SubFileDecode: the bytes as they are */
};

struct unfilter_params {
	uint64_t predictor, columns, colors, bits; /* 0: as the standard has it */
	bool late;                                 /* LZW: EarlyChange 0 */
};

enum filter filter_of(struct str name); /* short names as well */

/*
 * Decode to the end of the data, or until `most` bytes are out. *used: how much of `in`
 * was read. False: broken, or m->full; what could be read is in m.
 */
bool unfilter(enum filter f, struct str in, size_t most, struct made *m, size_t *used);

/* LZW, with EarlyChange as given. */
bool unfilter_lzw(struct str in, bool late, size_t most, struct made *m);

/* Undo a predictor (1: none) of Flate and LZW. False: cannot be. */
bool unfilter_predict(const struct unfilter_params *params, struct str in,
		      struct made *m);

#endif

/*
 * Base64 as a machine that stops where readers part ways. RFC 2045 6.8.
 *
 * One decoder runs until something comes that programs read differently (an event); the
 * owner then copies it, gives each copy a rule of its own, and lets all go on.
 */
#ifndef MIME_BASE64_H
#define MIME_BASE64_H

#include "base/str.h"

enum mime_base64_rule {
	BASE64_SKIP,      /* other characters are no data; data after padding goes on */
	BASE64_STOP_JUNK, /* nothing behind the first other character */
	BASE64_STOP_PAD,  /* nothing behind padding */
	BASE64_KEEP_PAD,  /* padding is no data and ends no group */
	BASE64_ZERO,      /* padding and other characters are zeros in their group */
	BASE64_GROUP,     /* another character ends the group under way */
	BASE64_LINE,      /* each line for itself */
	BASE64_LINE_DROP, /* lines with other characters are no data at all */
	BASE64_URL,       /* - and _ are data, RFC 4648 5 */
	BASE64_RULE_COUNT
};

enum mime_base64_event {
	BASE64_NONE,
	BASE64_JUNK,  /* another character */
	BASE64_PAD,   /* data behind padding */
	BASE64_SPLIT, /* a new line within a group */
	BASE64_BLOCK, /* data behind an empty line, or behind a line with other characters
		       */
};

enum { BASE64_HOLD_BYTES = 2048 };

struct mime_base64 {
	uint32_t bits;
	uint8_t phase; /* characters of the group under way: 0-3 */
	uint8_t pads;
	uint8_t rule;
	uint8_t told;   /* bits 1 << event: not again */
	bool ended;     /* by its rule: no more output */
	bool line_end;  /* a line end came since the last data */
	bool line_junk; /* another character came in this line */
	bool block;     /* the next data begins a block */
	bool any;       /* data came */
	bool data_in_line;
	bool cr;
	uint32_t saved_bits; /* as they were at the start of the line */
	uint8_t saved_phase, saved_pads;
	uint16_t line_at; /* where the output of this line begins in hold */
	uint16_t n;
	char hold[BASE64_HOLD_BYTES];
};

void mime_base64_init(struct mime_base64 *d, enum mime_base64_rule rule);

/*
 * Take bytes off *in until an event, the end of *in, or hold is full. The byte of an
 * event is not taken; after the call the same event is not told again.
 */
enum mime_base64_event mime_base64_feed(struct mime_base64 *d, struct str *in);

/* Output that the rule does not take back; drop what was used. */
struct str mime_base64_ready(const struct mime_base64 *d);
void mime_base64_drop(struct mime_base64 *d, size_t n);

void mime_base64_set_rule(struct mime_base64 *d, enum mime_base64_rule rule);

void mime_base64_finish(struct mime_base64 *d); /* then what is ready is the rest */

/* All at once, for words of a header. Returns the bytes written: at most in.n + 2. */
size_t mime_base64_simple(struct str in, char *ret);

/* The value of a character: 0-63; 64: '='; 65: blank or line end; 255: another one. */
uint8_t mime_base64_value(char c);

#endif

/* Quoted-printable as a machine that stops where readers part ways. RFC 2045 6.7. */
#ifndef MIME_QP_H
#define MIME_QP_H

#include "base/str.h"

enum mime_qp_rule {
	QP_LITERAL,     /* what is no code stays as it is */
	QP_DROP,        /* its = is dropped */
	QP_DROP_CODE,   /* it is dropped with the two characters that follow */
	QP_SOFT,        /* it is a soft line break: dropped to the end of the line */
	QP_LAX,         /* it is computed as if it were hexadecimal */
	QP_KEEP_BLANKS, /* blanks at the end of a line are text */
	QP_CR_TEXT,     /* a CR alone ends no line */
	QP_RULE_COUNT
};

enum mime_qp_event {
	QP_NONE,
	QP_BAD,    /* = without a code */
	QP_BLANKS, /* blanks at the end of a line */
	QP_CR,     /* =, and a CR without LF */
};

enum { QP_BLANKS_MAX = 256, QP_HOLD_BYTES = 1024 };

struct mime_qp {
	uint8_t rule, state, told;
	char first;      /* of a code */
	uint16_t blanks; /* held back, they may end the line */
	uint16_t n;
	char blank[QP_BLANKS_MAX];
	char hold[QP_HOLD_BYTES];
};

void mime_qp_init(struct mime_qp *d);

/* As mime_base64_feed. When hold is full, *in is not empty. */
enum mime_qp_event mime_qp_feed(struct mime_qp *d, struct str *in);

void mime_qp_set_rule(struct mime_qp *d, enum mime_qp_rule rule);
void mime_qp_finish(struct mime_qp *d);

#endif

#include "mime/qp.h"

enum state { TEXT, EQUAL, CODE, SOFT_BLANKS, SOFT_CR, SKIP_LINE, SKIP_CR };

enum { HOLD_SPARE = QP_BLANKS_MAX + 8 };

void mime_qp_init(struct mime_qp *d)
{
	memset(d, 0, offsetof(struct mime_qp, blank));
}

void mime_qp_set_rule(struct mime_qp *d, enum mime_qp_rule rule)
{
	d->rule = (uint8_t)rule;
	d->told = UINT8_MAX;
}

static void put(struct mime_qp *d, char c)
{
	d->hold[d->n++] = c;
}

static void put_blanks(struct mime_qp *d)
{
	memcpy(d->hold + d->n, d->blank, d->blanks);
	d->n = (uint16_t)(d->n + d->blanks);
	d->blanks = 0;
}

static bool tell(struct mime_qp *d, enum mime_qp_event event)
{
	if (d->told & 1u << event)
		return false;
	d->told |= (uint8_t)(1u << event);
	return true;
}

/* RFC 2045 6.7 (3): blanks at the end of a line were added on the way. */
static enum mime_qp_event text(struct mime_qp *d, char c)
{
	if ((c == ' ' || c == '\t') && d->blanks < QP_BLANKS_MAX) {
		d->blank[d->blanks++] = c;
		return QP_NONE;
	}
	if (d->blanks && (c == '\r' || c == '\n')) {
		if (tell(d, QP_BLANKS))
			return QP_BLANKS;
		if (d->rule == QP_KEEP_BLANKS)
			put_blanks(d);
		d->blanks = 0;
	}
	put_blanks(d);
	if (c == '=')
		d->state = EQUAL;
	else
		put(d, c);
	return QP_NONE;
}

static int lax_value(char c)
{
	c = ch_lower(c);
	return (c >= 'a' ? c - 'a' + 10 : c - '0') & 15;
}

/* An = that begins no code: what was held is put by rule, c is read anew as text. */
static enum mime_qp_event bad(struct mime_qp *d, char c)
{
	enum state state = (enum state)d->state;

	d->state = TEXT;
	if (d->rule == QP_SOFT) {
		d->state = SKIP_LINE;
		return QP_NONE;
	}
	if (d->rule == QP_LAX && state == CODE) {
		put(d, (char)(lax_value(d->first) << 4 | lax_value(c)));
		return QP_NONE;
	}
	if (d->rule == QP_DROP_CODE && state == CODE)
		return QP_NONE;
	if (d->rule == QP_DROP_CODE || d->rule == QP_LAX) {
		d->first = c; /* the second character follows */
		d->state = CODE;
		return QP_NONE;
	}
	if (d->rule != QP_DROP)
		put(d, '=');
	if (state == CODE)
		put(d, d->first);
	if (state == SOFT_BLANKS)
		put_blanks(d);
	return text(d, c);
}

static enum mime_qp_event equal(struct mime_qp *d, char c)
{
	if (c == '\r') {
		d->state = SOFT_CR;
	} else if (c == '\n') {
		d->state = TEXT;
	} else if (c == ' ' || c == '\t') {
		d->blank[0] = c;
		d->blanks = 1;
		d->state = SOFT_BLANKS;
	} else if (ch_hex(c)) {
		d->first = c;
		d->state = CODE;
	} else {
		return tell(d, QP_BAD) ? QP_BAD : bad(d, c);
	}
	return QP_NONE;
}

static enum mime_qp_event code(struct mime_qp *d, char c)
{
	if (!ch_hex(c)) {
		if (tell(d, QP_BAD))
			return QP_BAD;
		if (ch_hex(d->first) || d->rule <= QP_DROP || d->rule >= QP_SOFT)
			return bad(d, c);
	}
	d->state = TEXT;
	if (d->rule == QP_DROP_CODE && !ch_hex(d->first))
		return QP_NONE;
	put(d, (char)(lax_value(d->first) << 4 | lax_value(c)));
	return QP_NONE;
}

static enum mime_qp_event soft_blanks(struct mime_qp *d, char c)
{
	if ((c == ' ' || c == '\t') && d->blanks < QP_BLANKS_MAX) {
		d->blank[d->blanks++] = c;
		return QP_NONE;
	}
	if (c != '\r' && c != '\n')
		return tell(d, QP_BAD) ? QP_BAD : bad(d, c);
	d->blanks = 0;
	d->state = c == '\r' ? SOFT_CR : TEXT;
	return QP_NONE;
}

static enum mime_qp_event soft_cr(struct mime_qp *d, char c)
{
	if (c != '\n') {
		if (tell(d, QP_CR))
			return QP_CR;
		d->state = TEXT;
		if (d->rule == QP_CR_TEXT) {
			put(d, '=');
			put(d, '\r');
		}
		return text(d, c);
	}
	d->state = TEXT;
	return QP_NONE;
}

static enum mime_qp_event one(struct mime_qp *d, char c)
{
	switch ((enum state)d->state) {
	case TEXT:
		return text(d, c);
	case EQUAL:
		return equal(d, c);
	case CODE:
		return code(d, c);
	case SOFT_BLANKS:
		return soft_blanks(d, c);
	case SOFT_CR:
		return soft_cr(d, c);
	case SKIP_LINE:
		d->state = c == '\r' ? SKIP_CR : c == '\n' ? TEXT : SKIP_LINE;
		d->blanks = 0;
		return QP_NONE;
	case SKIP_CR:
		d->state = TEXT;
		return c == '\n' ? QP_NONE : text(d, c);
	}
	return QP_NONE;
}

enum mime_qp_event mime_qp_feed(struct mime_qp *d, struct str *in)
{
	enum mime_qp_event event;

	while (in->n && d->n + HOLD_SPARE < QP_HOLD_BYTES) {
		event = one(d, in->p[0]);
		if (event)
			return event;
		*in = str_skip(*in, 1);
	}
	return QP_NONE;
}

void mime_qp_finish(struct mime_qp *d)
{
	if (d->state == EQUAL || d->state == CODE) {
		put(d, '=');
		if (d->state == CODE)
			put(d, d->first);
	}
	if (d->rule == QP_KEEP_BLANKS)
		put_blanks(d);
	d->state = TEXT;
	d->blanks = 0;
}

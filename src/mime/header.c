#include "mime/header.h"

#include <string.h>

enum state {
	LINE_START, /* {0} */
	NAME,
	NAME_BLANK, /* blanks between name and colon: obsolete, but read (H2) */
	REST,
	REST_CR,
	EMPTY_CR, /* a CR at the start of a line: the empty line, if LF follows */
};

/* A name longer than this is no field, only a line. */
enum { NAME_BYTES_MAX = 200 };

static void field_seen(struct mime_header_watch *w)
{
	struct str name = str_of(w->name, w->name_n);

	w->fields++;
	if (name.n > sizeof(w->name))
		return;
	w->received += str_eq_nocase(name, STR("Received"));
	w->delivered_to += str_eq_nocase(name, STR("Delivered-To"));
	w->has_from |= str_eq_nocase(name, STR("From"));
	w->has_date |= str_eq_nocase(name, STR("Date"));
	w->has_message_id |= str_eq_nocase(name, STR("Message-ID"));
	w->has_to |= str_eq_nocase(name, STR("To"));
}

static enum state name_char(struct mime_header_watch *w, char c)
{
	bool blank = c == ' ' || c == '\t';

	if (c == ':' && w->name_n) {
		field_seen(w);
		return REST;
	}
	if (c == '\r')
		return REST_CR;
	if (blank)
		return w->name_n ? NAME_BLANK : REST;
	/* RFC 5322 2.2: printable ASCII. */
	if (w->state == NAME_BLANK || ch_control(c) || (unsigned char)c > 126)
		return REST;
	if (w->name_n == NAME_BYTES_MAX)
		return REST;
	if (w->name_n < sizeof(w->name))
		w->name[w->name_n] = c;
	w->name_n++;
	return c == ':' ? REST : NAME;
}

static enum state line_start(struct mime_header_watch *w, char c)
{
	w->name_n = 0;
	if (c == '\r')
		return EMPTY_CR;
	w->state = NAME;
	return name_char(w, c);
}

/* One byte; true: it belongs to the header. */
static bool feed_char(struct mime_header_watch *w, char c)
{
	switch ((enum state)w->state) {
	case LINE_START:
		w->state = (uint8_t)line_start(w, c);
		return w->state != EMPTY_CR; /* counted when it turns out to be text */
	case NAME:
	case NAME_BLANK:
		w->state = (uint8_t)name_char(w, c);
		return true;
	case EMPTY_CR:
		w->ended = c == '\n';
		w->bytes += !w->ended;
		w->state = c == '\r' ? REST_CR : REST;
		return !w->ended;
	case REST_CR:
		w->state = c == '\n' ? LINE_START : c == '\r' ? REST_CR : REST;
		return true;
	case REST:
		w->state = c == '\r' ? REST_CR : REST;
		return true;
	}
	return true; /* no other state is ever set */
}

void mime_header_feed(struct mime_header_watch *w, struct str span)
{
	while (span.n && !w->ended) {
		ptrdiff_t rest = w->state == REST ? str_find(span, '\r') : 0;

		if (rest) {
			size_t n = rest < 0 ? span.n : (size_t)rest;

			w->bytes += n;
			span = str_skip(span, n);
			continue;
		}
		w->bytes += feed_char(w, span.p[0]);
		span = str_skip(span, 1);
	}
}

#include "mime/report.h"

#include "base/time.h"
#include "base/utf8.h"

enum {
	FOLD_BYTES = 76,         /* lines are folded at blanks to this */
	LINE_BYTES_MAX = 900,    /* and cut here without one: RFC 5322 2.1.1 says 998 */
	BOUNDARY_BYTES_MAX = 70, /* RFC 2046 5.1.1 */
};

/* What each action is called, and what it means to the sender. RFC 3464 2.3.3. */
static const struct {
	struct str name, subject, heading;
	char cls;
} actions[REPORT_ACTION_COUNT] = {
	[REPORT_FAILED] = { STR_INIT("failed"),
			    STR_INIT("Your mail could not be delivered"),
			    STR_INIT("These recipients did not get your message. It is "
				     "not "
				     "tried again:"),
			    5 },
	[REPORT_DELAYED] = { STR_INIT("delayed"),
			     STR_INIT("Your mail is late, still trying"),
			     STR_INIT("These recipients did not get your message yet. It "
				      "is "
				      "tried again by itself; you need not do anything:"),
			     4 },
	[REPORT_DELIVERED] = { STR_INIT("delivered"), STR_INIT("Your mail was delivered"),
			       STR_INIT("Your message lies in the mailboxes of these "
					"recipients:"),
			       2 },
	[REPORT_RELAYED] = { STR_INIT("relayed"), STR_INIT("Your mail was handed on"),
			     STR_INIT(
				     "For these recipients your message was handed on to "
				     "a "
				     "mail system that gives no such reports. No further "
				     "word will come if all goes well:"),
			     2 },
	[REPORT_EXPANDED] = { STR_INIT("expanded"), STR_INIT("Your mail was delivered"),
			      STR_INIT("Your message was sent on to all who are behind "
				       "these "
				       "addresses:"),
			      2 },
};

static const struct {
	unsigned subject, detail;
	struct str means, advice;
} hints[] = {
#define HINT(subject_, detail_, means_, advice_) \
	{ subject_, detail_, STR_INIT(means_), STR_INIT(advice_) },
#include "mime/report_hints.def"
#undef HINT
};

/* Where the report is written, and how far its line has come. */
struct pen {
	struct buf *out;
	size_t column;
	bool utf8;
};

static void put(struct pen *p, struct str ours)
{
	buf_add(p->out, ours);
	p->column += ours.n;
}

static void end_line(struct pen *p)
{
	buf_add(p->out, STR("\r\n"));
	p->column = 0;
}

static void put_line(struct pen *p, struct str ours)
{
	put(p, ours);
	end_line(p);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t word_bytes(struct str s)
{
	size_t n = 0;

	while (n < s.n && !blank(s.p[n]))
		n++;
	return n;
}

static void fold(struct pen *p, struct str indent)
{
	end_line(p);
	put(p, indent);
}

/* A blank: perhaps the place to fold, never one that leaves a line with blanks alone. */
static void put_blank(struct pen *p, struct str behind, struct str indent)
{
	size_t next = word_bytes(behind);

	if (next && p->column + 1 + next > FOLD_BYTES)
		fold(p, indent);
	else if (p->column < LINE_BYTES_MAX)
		put(p, STR(" "));
}

/*
 * Text from outside, folded; indent begins further lines. With an indent of one blank the
 * text unfolds to itself. RFC 5322 2.2.3.
 */
static void put_text(struct pen *p, struct str s, struct str indent)
{
	s = str_trim(s);
	while (s.n) {
		size_t n = utf8_printable(s);

		if (blank(s.p[0])) {
			s = str_skip(s, 1);
			put_blank(p, s, indent);
			continue;
		}
		if (p->column >= LINE_BYTES_MAX)
			fold(p, indent);
		put(p, n == 1 || (n && p->utf8) ? str_sub(s, 0, n) : STR("?"));
		s = str_skip(s, n ? n : 1);
	}
}

static bool said(struct str s)
{
	return str_trim(s).n > 0;
}

/* "Name: type; value", or nothing when there is no value. */
static void put_field(struct pen *p, struct str name, struct str type, struct str value)
{
	if (!said(value))
		return;
	put(p, name);
	put(p, STR(": "));
	put(p, type);
	put_text(p, value, STR(" "));
	end_line(p);
}

static void put_date(struct pen *p, struct str name, int64_t us)
{
	char text[TIME_TEXT_MAX];

	if (us)
		put_field(p, name, STR(""), time_mail(us, text));
}

/* The boundary, of letters that need no thought. RFC 2046 5.1.1. */
static void put_boundary(struct pen *p, const struct report *r)
{
	static const struct str others = STR_INIT("'()+_,-./:=?");
	struct str s = str_sub(r->boundary, 0, BOUNDARY_BYTES_MAX);

	if (s.n == 0)
		s = STR("=_postern");
	for (size_t i = 0; i < s.n; i++) {
		bool good = ch_alnum(s.p[i]) || (s.p[i] && str_find(others, s.p[i]) >= 0);

		put(p, good ? str_sub(s, i, 1) : STR("_"));
	}
}

static void begin_part(struct pen *p, const struct report *r, struct str type)
{
	end_line(p);
	put(p, STR("--"));
	put_boundary(p, r);
	end_line(p);
	put(p, STR("Content-Type: "));
	put_line(p, type);
}

static void put_8bit(struct pen *p, bool needed)
{
	if (needed)
		put_line(p, STR("Content-Transfer-Encoding: 8bit"));
}

/* What the whole report is called: the worst that happened. */
static enum report_action worst(const struct report *r)
{
	enum report_action a = r->rcpt_count ? REPORT_EXPANDED : REPORT_FAILED;

	for (size_t i = 0; i < r->rcpt_count; i++)
		if (r->rcpts[i].action < a)
			a = r->rcpts[i].action;
	return a;
}

/* RFC 3464 2, RFC 3834 5, RFC 6522 3. */
static void put_header(struct pen *p, const struct report *r)
{
	put_date(p, STR("Date"), r->now_us);
	put(p, STR("From: Mail Delivery System <"));
	put_text(p, r->from, STR(" "));
	put_line(p, STR(">"));
	put(p, STR("To: <"));
	put_text(p, r->to, STR(" "));
	put_line(p, STR(">"));
	put_field(p, STR("Subject"), STR(""), actions[worst(r)].subject);
	put(p, STR("Message-ID: <"));
	put_text(p, r->message_id, STR(" "));
	put_line(p, STR(">"));
	put_line(p, STR("Auto-Submitted: auto-replied"));
	put_line(p, STR("MIME-Version: 1.0"));
	put_line(p, STR("Content-Type: multipart/report; report-type=delivery-status;"));
	put(p, STR("\tboundary=\""));
	put_boundary(p, r);
	put_line(p, STR("\""));
	put_8bit(p, r->utf8 || r->eightbit);
	end_line(p);
	put_line(
		p,
		STR("This is a report about the delivery of your mail, in MIME format."));
}

struct status {
	unsigned cls, subject, detail;
};

/* Up to three digits and the byte behind them. */
static bool take_number(struct str *s, char behind, unsigned *ret)
{
	struct str digits;
	uint64_t v;

	if (!str_split(s, behind, &digits) || digits.n > 3 ||
	    str_to_u64(digits, 999, &v) < 0)
		return false;
	*ret = (unsigned)v;
	return true;
}

static bool class_fits(const struct report_rcpt *rcpt, unsigned cls)
{
	/* What was tried until time ran out has failed with a status 4.y.z. */
	return cls == (unsigned)actions[rcpt->action].cls ||
	       (rcpt->action == REPORT_FAILED && cls == 4);
}

/* From the enhanced code of the reply, or from its code, or from the action. */
static struct status status_of(const struct report_rcpt *rcpt)
{
	struct status st = { (unsigned)actions[rcpt->action].cls, 0, 0 }, said = { 0 };
	struct str s = rcpt->reply;
	unsigned code;

	if (!take_number(&s, ' ', &code))
		return st;
	if (class_fits(rcpt, code / 100))
		st.cls = code / 100;
	if (take_number(&s, '.', &said.cls) && take_number(&s, '.', &said.subject) &&
	    take_number(&s, ' ', &said.detail) && class_fits(rcpt, said.cls))
		st = said;
	return st;
}

static void put_hint(struct pen *p, const struct report_rcpt *rcpt)
{
	struct status st = status_of(rcpt);
	size_t best = 0;

	for (size_t i = 0; i < COUNT_OF(hints); i++)
		if (hints[i].subject == st.subject &&
		    (hints[i].detail == 0 || hints[i].detail == st.detail))
			best = i;
	put(p, STR("    What it means: "));
	put_text(p, hints[best].means, STR("    "));
	end_line(p);
	if (rcpt->action != REPORT_FAILED)
		return;
	put(p, STR("    What you can do: "));
	put_text(p, hints[best].advice, STR("    "));
	end_line(p);
}

static void tell_rcpt(struct pen *p, const struct report_rcpt *rcpt)
{
	char text[TIME_TEXT_MAX];

	end_line(p);
	put(p, STR("  <"));
	put_text(p, rcpt->final, STR("    "));
	put_line(p, STR(">"));
	if (said(rcpt->remote_mta)) {
		put(p, STR("    "));
		put_text(p, rcpt->remote_mta, STR("    "));
		put_line(p, STR(" said:"));
	}
	if (said(rcpt->reply)) {
		put(p, STR("    "));
		put_text(p, rcpt->reply, STR("    "));
		end_line(p);
	}
	if (rcpt->action == REPORT_FAILED || rcpt->action == REPORT_DELAYED)
		put_hint(p, rcpt);
	if (rcpt->action == REPORT_DELAYED && rcpt->will_retry_until_us) {
		put(p, STR("    It is tried until: "));
		put_line(p, time_mail(rcpt->will_retry_until_us, text));
	}
}

/* For people: what happened, why, and what to do. */
static void put_human_part(struct pen *p, const struct report *r)
{
	char text[TIME_TEXT_MAX];

	begin_part(p, r,
		   r->utf8 ? STR("text/plain; charset=utf-8")
			   : STR("text/plain; charset=us-ascii"));
	put_line(p, STR("Content-Description: Notification"));
	put_8bit(p, r->utf8);
	end_line(p);
	put(p, STR("This is the mail system of "));
	put_text(p, r->hostname, STR(" "));
	put_line(p, STR("."));
	put(p, STR("It took a message from you"));
	if (r->arrived_us) {
		put(p, STR(" on "));
		put(p, time_mail(r->arrived_us, text));
	}
	put_line(p, STR("."));
	for (unsigned a = 0; a < REPORT_ACTION_COUNT; a++) {
		bool told = false;

		for (size_t i = 0; i < r->rcpt_count; i++) {
			if (r->rcpts[i].action != a)
				continue;
			if (!told) {
				end_line(p);
				put_text(p, actions[a].heading, STR(""));
				end_line(p);
			}
			told = true;
			tell_rcpt(p, &r->rcpts[i]);
		}
	}
	end_line(p);
	put_line(p, r->full ? STR("Your message is attached.")
			    : STR("The header of your message is attached."));
	put_field(p, STR("Its number here"), STR(""), r->queue_id);
}

static struct str address_type(const struct pen *p, struct str address)
{
	return p->utf8 && !utf8_ascii(address) ? STR("utf-8; ") : STR("rfc822; ");
}

/* RFC 3464 2.3, RFC 6533 3. */
static void put_rcpt_fields(struct pen *p, const struct report_rcpt *rcpt)
{
	struct str original = rcpt->original, type = address_type(p, original);
	struct status st = status_of(rcpt);

	end_line(p);
	put_field(p, STR("Original-Recipient"),
		  str_find(original, ';') > 0 ? STR("") : type, original);
	put_field(p, STR("Final-Recipient"), address_type(p, rcpt->final), rcpt->final);
	put_field(p, STR("Action"), STR(""), actions[rcpt->action].name);
	put(p, STR("Status: "));
	buf_add_u64(p->out, st.cls);
	put(p, STR("."));
	buf_add_u64(p->out, st.subject);
	put(p, STR("."));
	buf_add_u64(p->out, st.detail);
	end_line(p);
	put_field(p, STR("Remote-MTA"), STR("dns; "), rcpt->remote_mta);
	put_field(p, STR("Diagnostic-Code"),
		  said(rcpt->remote_mta) ? STR("smtp; ") : STR("X-Postern; "),
		  rcpt->reply);
	put_date(p, STR("Last-Attempt-Date"), rcpt->last_attempt_us);
	if (rcpt->action == REPORT_DELAYED)
		put_date(p, STR("Will-Retry-Until"), rcpt->will_retry_until_us);
}

/* RFC 3464 2.1, 2.2. */
static void put_machine_part(struct pen *p, const struct report *r)
{
	begin_part(p, r,
		   r->utf8 ? STR("message/global-delivery-status")
			   : STR("message/delivery-status"));
	put_line(p, STR("Content-Description: Delivery report"));
	put_8bit(p, r->utf8);
	end_line(p);
	put_field(p, STR("Original-Envelope-Id"), STR(""), r->envid);
	put_field(p, STR("Reporting-MTA"), STR("dns; "), r->hostname);
	put_date(p, STR("Arrival-Date"), r->arrived_us);
	put_field(p, STR("X-Postern-Queue-Id"), STR(""), r->queue_id);
	for (size_t i = 0; i < r->rcpt_count; i++)
		put_rcpt_fields(p, &r->rcpts[i]);
}

/* RFC 6522 3, 4; RFC 6533 4. */
static struct str original_type(const struct report *r)
{
	if (r->utf8)
		return r->full ? STR("message/global") : STR("message/global-headers");
	return r->full ? STR("message/rfc822") : STR("text/rfc822-headers");
}

void report_head(const struct report *r, struct buf *ret)
{
	struct pen p = { .out = ret, .utf8 = r->utf8 };

	put_header(&p, r);
	put_human_part(&p, r);
	put_machine_part(&p, r);
	begin_part(&p, r, original_type(r));
	put_line(&p,
		 r->full ? STR("Content-Description: Original message")
			 : STR("Content-Description: Header of the original message"));
	put_8bit(&p, r->utf8 || r->eightbit);
	end_line(&p);
}

void report_tail(const struct report *r, struct buf *ret)
{
	struct pen p = { .out = ret };

	end_line(&p);
	put(&p, STR("--"));
	put_boundary(&p, r);
	put_line(&p, STR("--"));
}

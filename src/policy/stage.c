#include "policy/stage.h"

#include "smtp/data.h"

/* Text of a reply that takes numbers; without memory the plain words have to do. */
static struct smtp_reply with_text(struct smtp_reply r, struct str text)
{
	if (text.p)
		r.text = text;
	return r;
}

static void note_refusal(const struct policy_client *c, const char *rule,
			 struct str subject, struct smtp_reply r)
{
	transcript_notef(c->note, NOTE_DECISION, c->wall_us, "%s: %.*s: %u %.*s", rule,
			 STR_ARG(subject), r.code, STR_ARG(r.text));
}

struct smtp_reply policy_connect(struct policy_client *c, struct peers *peers)
{
	struct peers_limits limits = { c->limits->connections_max,
				       c->limits->connections_per_address };
	struct smtp_reply r;
	int e;

	c->may_relay = route_may_relay(c->routes, c->address);
	if (c->may_relay)
		limits.per_address_max = 0;
	e = peers_enter(peers, c->address, limits);
	switch (e) {
	case 0:
		return REPLY(220, 0, 0, 0, "welcome");
	case -EUSERS:
		r = REPLY(421, 4, 7, 0,
			  "too many connections from your address; come back when "
			  "some have ended");
		break;
	case -EAGAIN:
		r = REPLY(421, 4, 3, 2, "too many connections; please try again later");
		break;
	default:
		r = REPLY(421, 4, 3, 0, "out of memory; please try again later");
		break;
	}
	note_refusal(c, "connections", STR("limit reached"), r);
	return r;
}

struct smtp_reply policy_mail(const struct policy_client *c, const struct smtp_mail *mail)
{
	struct smtp_reply r = REPLY(250, 2, 1, 0, "sender ok");

	/* RFC 1870 6.1: say it before the client sends it all. */
	if (mail->has_size && mail->size > c->limits->message_bytes_max)
		r = REPLY(552, 5, 3, 4, "the message is larger than this server takes");
	if (!smtp_reply_ok(r))
		note_refusal(c, "size", STR("declared size"), r);
	return r;
}

static struct smtp_reply copy_out(const struct conf_strings *from, struct smtp_reply r,
				  struct arena *a, struct conf_strings *ret)
{
	struct conf_strings out = { .v = arena_alloc(a, from->n * sizeof(*out.v)) };

	for (; out.v && out.n < from->n; out.n++) {
		out.v[out.n] = arena_str(a, from->v[out.n]);
		if (!out.v[out.n].p)
			break;
	}
	if (!out.v || out.n < from->n)
		return smtp_reply_from_errno(-ENOMEM);
	*ret = out;
	return r;
}

struct smtp_reply policy_rcpt(const struct policy_client *c, const struct smtp_rcpt *rcpt,
			      struct arena *a, struct conf_strings *ret)
{
	struct arena scratch = { .bytes_max = MIB };
	struct conf_strings found = { 0 };
	struct smtp_reply r = route_rcpt(c->routes, &rcpt->path, c->may_relay, &scratch,
					 &found);

	if (smtp_reply_ok(r))
		r = copy_out(&found, r, a, ret);
	if (!smtp_reply_ok(r))
		note_refusal(c, "recipient", rcpt->path.address, r);
	else if (found.n != 1 || !str_eq(found.v[0], rcpt->path.address))
		transcript_notef(c->note, NOTE_DECISION, c->wall_us,
				 "alias: %.*s stands for %zu, first %.*s",
				 STR_ARG(rcpt->path.address), found.n,
				 STR_ARG(found.v[0]));
	arena_done(&scratch);
	return r;
}

static struct smtp_reply flaw_reply(const struct policy_content *content, struct arena *a)
{
	if (content->flaws & FLAW_BARE_LF)
		return REPLY(550, 5, 6, 0,
			     "the message has a line feed without carriage return; "
			     "every line must end in CRLF");
	if (content->flaws & FLAW_BARE_CR)
		return REPLY(550, 5, 6, 0,
			     "the message has a carriage return without line feed; "
			     "every line must end in CRLF");
	if (content->flaws & FLAW_NUL)
		return REPLY(550, 5, 6, 0,
			     "the message has a NUL byte; encode binary content");
	return with_text(
		REPLY(550, 5, 6, 0, "the message has a line that is too long"),
		arena_printf(a,
			     "the message has a line longer than %zu bytes; encode "
			     "it as quoted-printable or base64",
			     content->line_bytes_max));
}

struct smtp_reply policy_content(const struct policy_client *c,
				 const struct policy_content *content, struct arena *a)
{
	const uint32_t fatal = FLAW_BARE_CR | FLAW_BARE_LF | FLAW_NUL | FLAW_LONG_LINE;
	struct smtp_reply r = REPLY(250, 2, 0, 0, "content ok");

	if (!content->binary && (content->flaws & fatal)) {
		r = flaw_reply(content, a);
		note_refusal(c, "lines", STR("content"), r);
	} else if (content->bytes > c->limits->message_bytes_max) {
		r = with_text(
			REPLY(552, 5, 3, 4, "the message is too large"),
			arena_printf(a, "the message is larger than %llu bytes",
				     (unsigned long long)c->limits->message_bytes_max));
		note_refusal(c, "size", STR("content"), r);
	} else if (content->header->bytes > c->limits->header_bytes_max) {
		r = REPLY(552, 5, 3, 4, "the header of the message is too large");
		note_refusal(c, "header", STR("content"), r);
	} else if (content->header->received > c->limits->hops_max) {
		r = with_text(REPLY(554, 5, 4, 6, "mail loop: too many Received fields"),
			      arena_printf(a,
					   "mail loop: %u Received fields, at most %llu",
					   content->header->received,
					   (unsigned long long)c->limits->hops_max));
		note_refusal(c, "loop", STR("content"), r);
	}
	return r;
}

#include "admin/send_report.h"

#include <string.h>
#include <sysexits.h>

#include "admin/answer.h"
#include "record/render.h"

static struct str reply_line(const struct send_report *p, struct smtp_reply r)
{
	struct buf text = { 0 };
	struct str ret;

	if (!r.code)
		return STR("no answer");
	smtp_reply_text(r, &text);
	ret = arena_str(p->cli->arena, buf_str(&text));
	buf_done(&text);
	return ret;
}

static const char *fault_text(int err)
{
	switch (err) {
	case -ENOENT:
		return "no such host";
	case -EAGAIN:
		return "the name service does not answer";
	case -EBADMSG:
		return "the message holds a bare CR, a bare LF or a NUL; it was not sent";
	case -EPROTO:
		return "the server does not speak SMTP";
	case -ECONNREFUSED:
		return "connection refused; does the server listen there?";
	case -ETIMEDOUT:
		return "no answer in time";
	default:
		return strerror(-err);
	}
}

static int fault_code(const struct send_run *r)
{
	bool connecting = !r->peer[0];

	if (connecting && (r->err == -ENOENT || r->err == -EBADMSG))
		return EX_NOHOST;
	if (r->err == -EBADMSG)
		return EX_DATAERR;
	return r->err == -EPROTO ? EX_PROTOCOL : EX_TEMPFAIL;
}

/* RFC 3463: X.1.x is about the address. */
static int reply_code(struct smtp_reply r)
{
	if (smtp_reply_ok(r))
		return EX_OK;
	if (r.code / 100 != 5)
		return EX_TEMPFAIL;
	return r.subject == 1 || (!r.cls && (r.code == 550 || r.code == 553))
		       ? EX_NOUSER
		       : EX_UNAVAILABLE;
}

/* To try again later may help some: that counts most, then the plain refusal. */
static int worse(int a, int b)
{
	static const int order[] = { EX_OK, EX_NOUSER, EX_UNAVAILABLE, EX_TEMPFAIL };
	size_t at = 0, bt = 0;

	for (size_t i = 0; i < COUNT_OF(order); i++) {
		at = order[i] == a ? i : at;
		bt = order[i] == b ? i : bt;
	}
	return at > bt ? a : b;
}

static int exit_code(const struct send_run *r)
{
	int code = EX_OK;

	if (r->err && (!r->peer[0] || r->err == -EBADMSG || r->err == -EPROTO))
		return fault_code(r);
	if (!r->err && !smtp_reply_ok(r->hello))
		return reply_code(r->hello) == EX_TEMPFAIL ? EX_TEMPFAIL : EX_UNAVAILABLE;
	for (size_t i = 0; i < r->mail.rcpt_count; i++)
		code = worse(code, reply_code(r->mail.rcpts[i].reply));
	return code;
}

static void print_dialogue(const struct send_report *p)
{
	const struct send_run *r = p->run;
	CLEANUP(buf_done) struct buf page = { 0 };
	struct record_view view = { .width = p->width, .lang = p->lang };
	struct episode e = {
		.kind = EPISODE_DELIVER,
		.peer = str_from(r->peer),
		.sender = r->mail.sender,
		.start_us = r->note.start_us,
		.notes = buf_str(&r->note.data),
	};

	record_render(&e, 1, &view, &page);
	fwrite(page.p ? page.p : "", 1, page.n, p->cli->out);
}

static void print_text(const struct send_report *p)
{
	const struct send_run *r = p->run;
	FILE *out = p->cli->out;

	if (r->err) {
		fprintf(p->cli->err, "postern send: %s: %s\n",
			r->doing ? r->doing : "sending", fault_text(r->err));
		return;
	}
	if (!smtp_reply_ok(r->hello)) {
		fputs("the server takes no mail from us: ", out);
		cli_print(out, reply_line(p, r->hello));
		fputc('\n', out);
		return;
	}
	for (size_t i = 0; i < r->mail.rcpt_count; i++) {
		cli_print(out, r->mail.rcpts[i].to);
		fputs(": ", out);
		cli_print(out, reply_line(p, r->mail.rcpts[i].reply));
		fputc('\n', out);
	}
}

static void print_json(const struct send_report *p, int code)
{
	const struct send_run *r = p->run;
	CLEANUP(buf_done) struct buf b = { 0 };

	answer_open(&b, '{');
	answer_str(&b, "server", str_from(r->peer));
	answer_i64(&b, "exit", code);
	if (r->err)
		answer_str(&b, "error", str_from(fault_text(r->err)));
	if (r->hello.code)
		answer_str(&b, "hello", reply_line(p, r->hello));
	answer_key(&b, "rcpts");
	answer_open(&b, '[');
	for (size_t i = 0; i < r->mail.rcpt_count; i++) {
		answer_open(&b, '{');
		answer_str(&b, "to", r->mail.rcpts[i].to);
		answer_u64(&b, "code", r->mail.rcpts[i].reply.code);
		answer_str(&b, "reply", reply_line(p, r->mail.rcpts[i].reply));
		answer_close(&b, '}');
	}
	answer_close(&b, ']');
	answer_close(&b, '}');
	buf_add_c(&b, '\n');
	fwrite(b.p ? b.p : "", 1, b.n, p->cli->out);
}

int send_report(const struct send_report *p)
{
	int code = exit_code(p->run);

	if (p->explain)
		print_dialogue(p);
	if (p->json)
		print_json(p, code);
	else if (!p->explain || code)
		print_text(p);
	return code;
}

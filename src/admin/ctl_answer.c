#include "admin/ctl_answer.h"

#include <string.h>

#include "base/time.h"

static void put_time(struct buf *b, const char *key, int64_t wall_us)
{
	char text[TIME_TEXT_MAX];

	answer_str(b, key, time_iso(wall_us, text));
}

static void put_head(struct buf *b, const struct spool_head *h, int64_t now_us)
{
	char id[SPOOL_ID_TEXT];

	answer_str(b, "id", spool_id_text(h->id, id));
	answer_bool(b, "held", h->held);
	answer_u64(b, "size", h->size);
	put_time(b, "arrived", h->arrived_us);
	answer_i64(b, "age_s", (now_us - h->arrived_us) / USEC_PER_SEC);
	answer_u64(b, "attempts", h->attempts);
	if (h->held)
		return;
	put_time(b, "next", h->next_us);
	answer_i64(b, "next_in_s", (h->next_us - now_us) / USEC_PER_SEC);
}

static const char *state_text(uint8_t state)
{
	switch (state) {
	case RCPT_DONE:
		return "done";
	case RCPT_FAILED:
		return "failed";
	default:
		return "pending";
	}
}

static void put_rcpt(struct buf *b, const struct envelope_rcpt *r)
{
	answer_open(b, '{');
	answer_str(b, "to", r->to);
	if (r->original.n)
		answer_str(b, "original", r->original);
	answer_str(b, "state", str_from(state_text(r->state)));
	if (r->last_reply.n)
		answer_str(b, "reply", r->last_reply);
	if (r->delay_warned)
		answer_bool(b, "delay_warned", true);
	answer_close(b, '}');
}

/* A list shows who is still waited for; all of them only when asked. */
static void put_rcpts(struct buf *b, const struct envelope *e, size_t rcpts_max)
{
	size_t shown = 0;

	answer_u64(b, "rcpt_count", e->rcpt_count);
	answer_u64(b, "pending", envelope_pending(e));
	answer_key(b, "rcpts");
	answer_open(b, '[');
	for (size_t i = 0; i < e->rcpt_count; i++) {
		if (rcpts_max && e->rcpts[i].state != RCPT_PENDING)
			continue;
		if (rcpts_max && shown++ == rcpts_max)
			break;
		put_rcpt(b, &e->rcpts[i]);
	}
	answer_close(b, ']');
}

void ctl_answer_message(struct buf *b, const struct ctl_message *m)
{
	const struct envelope *e = m->envelope;

	answer_open(b, '{');
	put_head(b, m->head, m->now_us);
	answer_str(b, "sender", e->sender);
	if (e->client.n)
		answer_str(b, "client", e->client);
	if (e->protocol.n)
		answer_str(b, "protocol", e->protocol);
	put_rcpts(b, e, m->rcpts_max);
	if (m->header.n)
		answer_str(b, "header", m->header);
	answer_close(b, '}');
	buf_add_c(b, '\n');
}

void ctl_answer_unreadable(struct buf *b, const struct spool_head *h, int err)
{
	answer_open(b, '{');
	put_head(b, h, h->arrived_us);
	answer_str(b, "error", str_from(strerror(-err)));
	answer_close(b, '}');
	buf_add_c(b, '\n');
}

/* Messages as JSON, for lists and for one. Pure. */
#ifndef ADMIN_CTL_ANSWER_H
#define ADMIN_CTL_ANSWER_H

#include "admin/answer.h"
#include "spool/spool.h"

struct ctl_message {
	const struct spool_head *head;
	const struct envelope *envelope;
	int64_t now_us;
	size_t rcpts_max;  /* pending ones to show; 0: all, whatever became of them */
	struct str header; /* of the content; or empty */
};

/* One line each. */
void ctl_answer_message(struct buf *b, const struct ctl_message *m);
void ctl_answer_unreadable(struct buf *b, const struct spool_head *h, int err);

#endif

/* Messages as JSON, for lists and for one. Pure. */
#ifndef ADMIN_CTL_ANSWER_H
#define ADMIN_CTL_ANSWER_H

#include "admin/answer.h"
#include "spool/spool.h"

/* One line. envelope may be NULL: it could not be read (err). rcpts_max 0: all. */
void ctl_answer_message(struct buf *b, const struct spool_head *h,
			const struct envelope *e, int64_t now_us, size_t rcpts_max);
void ctl_answer_unreadable(struct buf *b, const struct spool_head *h, int err);

#endif

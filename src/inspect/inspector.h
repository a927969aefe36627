/*
 * The process that reads hostile mail, and talking to it. One conversation for each
 * message, over a socket: frames go in while the message arrives, one answer comes out.
 * Whatever it does (dies, hangs, answers nonsense) is an error of that one message.
 */
#ifndef INSPECT_INSPECTOR_H
#define INSPECT_INSPECTOR_H

#include <sys/types.h>

#include "inspect/answer.h"

enum inspector_frame {
	FRAME_MESSAGE = 'm', /* bytes of a message, any cut */
	FRAME_NAME = 'n',    /* what follows is a file of this name, no message */
	FRAME_FILE = 'f',    /* bytes of it, any cut */
	FRAME_END = 'e',     /* empty; the answer is wanted */
};

enum { FRAME_BYTES_MAX = 1 << 20, INSPECTOR_FILE_MAX = 64 << 20 };

struct inspector {
	int fd; /* -1: not running */
	pid_t pid;
};

/* Fork one. The caller has one thread. 0 or -errno. */
MUST_USE int inspector_start(struct inspector *ret);

/* The same, by running `program inspector` anew: for a caller that has threads. */
MUST_USE int inspector_spawn(const char *program, struct inspector *ret);

/* What such a program does then: all of its life, on standard input. */
_Noreturn void inspector_main(void);

/* Kill it, if it runs, and wait for it. */
void inspector_stop(struct inspector *i);

/* One frame. 0; -EPIPE it is gone; -ETIMEDOUT it does not read. Then it must be stopped.
 */
MUST_USE int inspector_send(const struct inspector *i, enum inspector_frame frame,
			    struct str bytes, int64_t until_us);

/*
 * After FRAME_END: the report, in the arena. 0; -EPIPE it is gone; -ETIMEDOUT; -EBADMSG
 * nonsense; -ENOMEM. After an error it must be stopped.
 */
MUST_USE int inspector_answer(const struct inspector *i, struct arena *a,
			      int64_t until_us, struct inspect_report *ret);

int64_t inspector_now_us(void); /* of the clock that `until` is of */

/* The process itself, after sandbox_enter: answers until the other side hangs up. */
void inspector_serve(int fd);

#endif

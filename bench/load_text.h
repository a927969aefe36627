/* What load.c says: made once, sent many times. */
#ifndef BENCH_LOAD_TEXT_H
#define BENCH_LOAD_TEXT_H

#include "base/str.h"

struct load_texts {
	struct str mail, rcpt, data, quit;
	struct str head, mail_rcpt;       /* what the others are made of */
	struct str group;                 /* MAIL, RCPT, DATA */
	struct str body;                  /* with the dot */
	struct str body_group, body_quit; /* pipelined: with what follows the dot */
};

/* A message of `bytes`, without the line of the dot. 0; -ENOMEM. Never freed. */
MUST_USE int load_texts_make(struct load_texts *ret, const char *sender,
			     const char *recipient, size_t bytes);

#endif

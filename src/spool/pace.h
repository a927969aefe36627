/* When the committer goes to work. index.lock is held around all of it. */
#ifndef SPOOL_PACE_H
#define SPOOL_PACE_H

#include "spool/store.h"

enum { STATES_FLUSH_US = 50000 }; /* states and removals alone wait so long for a flush */

/* Sleep until there is work. False: stop. */
bool pace_wait(struct store *st);

/* There is work: wait for more of it, if that costs nobody anything. */
void pace_delay(struct store *st);

#endif

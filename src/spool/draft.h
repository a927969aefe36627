/* What every backend's draft begins with. */
#ifndef SPOOL_DRAFT_H
#define SPOOL_DRAFT_H

#include "spool/spool.h"

struct draft {
	struct spool *spool;
	spool_id id;
	uint64_t size; /* content bytes so far */
	int err;       /* sticky */
};

#endif

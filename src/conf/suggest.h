/* "Did you mean …": the known word that is nearest to an unknown one. */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include "base/str.h"

enum { SUGGEST_BYTES_MAX = 64 }; /* longer words have no suggestion */

struct suggest {
	struct str wanted;
	struct str best;
	size_t distance;
};

/* Offer each known word in turn; then best is the nearest or, when none is near, empty.
 */
void suggest_begin(struct suggest *s, struct str wanted);
void suggest_offer(struct suggest *s, struct str known);

#endif

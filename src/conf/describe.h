/* What a key takes, in words: for diagnostics and the reference page. Internal to conf/.
 */
#ifndef CONF_DESCRIBE_H
#define CONF_DESCRIBE_H

#include "conf/schema.h"

/* "a size such as 10M or 64KiB". */
const char *describe_type(enum conf_type type);

/* The type with its words or bounds: "a time such as 30s or 5m, at least 1s". */
struct str describe_rule(const struct conf_key *key, struct arena *a);

/* What could have been meant by this value; may be empty. */
struct str describe_remedy(const struct conf_key *key, struct str value, struct arena *a);

/* "write 100M" for a value out of bounds; huge: it does not even fit 64 bits. */
struct str describe_nearest(const struct conf_key *key, uint64_t value, bool huge,
			    struct arena *a);

/* As one would write it: 10485760 as 10M, 90000000 µs as 90s. */
struct str describe_amount(enum conf_type type, uint64_t v, struct arena *a);

#endif

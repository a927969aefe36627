/* Private to route/: the loaded form of domains, users and aliases. */
#ifndef ROUTE_TABLE_H
#define ROUTE_TABLE_H

#include "base/map.h"
#include "route/route.h"

struct table_name {
	struct map_node node;
	struct str name;             /* lower case */
	struct conf_strings targets; /* of an alias; empty for a user */
};

struct table_domain {
	struct map_node node;
	const struct route_domain *s;
	struct route hop; /* agent and, for SMTP and LMTP, where */
	struct map users, aliases;
	bool users_listed; /* `users` was given: who is not in it does not exist */
};

struct route_table {
	const struct route_settings *s;
	struct arena arena;
	struct map domains;
	struct route via;
	bool has_via;
};

const struct table_domain *table_domain(const struct route_table *t, struct str domain);
const struct table_name *table_name(const struct map *m, struct str name);

/* A copy in lower case (ASCII) in the arena; .p NULL without memory. */
struct str table_lower(struct arena *a, struct str s);

/* "anna+shop" without the part from the separator on; the whole when there is none. */
struct str table_without_plus(const struct table_domain *d, struct str local);

/* May this name be a directory below `mailboxes`? No dots first, no slash, no controls.
 */
bool table_mailbox_name_ok(struct str name);

#endif

#include "route/settings.h"

#define DOMAIN(field) offsetof(struct route_domain, field)
#define RELAY(field) offsetof(struct route_relay, field)

static const struct conf_key domain_keys[] = {
	{ .name = "deliver",
	  .type = CONF_T_STRING,
	  .offset = DOMAIN(deliver),
	  .dflt = "maildir",
	  .help = "How mail for this domain is delivered: maildir, discard, "
		  "lmtp:unix:/path, lmtp:host:port or smtp:host:port." },
	{ .name = "mailboxes",
	  .type = CONF_T_STRING,
	  .offset = DOMAIN(mailboxes),
	  .help = "Directory of the mailboxes: <mailboxes>/<local part>/{new,cur,tmp}." },
	{ .name = "owner",
	  .type = CONF_T_STRING,
	  .offset = DOMAIN(owner),
	  .help = "User whose rights write the mailboxes; without it the worker's own "
		  "user." },
	{ .name = "users",
	  .type = CONF_T_STRINGS,
	  .offset = DOMAIN(users),
	  .help = "Names that exist in this domain, or the path of a file with one per "
		  "line. Without it a maildir domain knows those whose directory exists, "
		  "and a forwarded domain takes every name." },
	{ .name = "aliases",
	  .type = CONF_T_STRINGS,
	  .offset = DOMAIN(aliases),
	  .help = "Paths of alias files, one \"name: address, address\" per line." },
	{ .name = "catch_all",
	  .type = CONF_T_STRING,
	  .offset = DOMAIN(catch_all),
	  .help = "Address, or name in this domain, that gets mail for unknown names." },
	{ .name = "plus",
	  .type = CONF_T_STRING,
	  .offset = DOMAIN(plus),
	  .dflt = "+",
	  .help = "Separator of plus addressing (anna+shop goes to anna); \"\" turns it "
		  "off." },
};

const struct conf_schema route_domain_schema = {
	.name = "domain",
	.bytes = sizeof(struct route_domain),
	.keys = domain_keys,
	.key_count = COUNT_OF(domain_keys),
};

static const struct conf_key relay_keys[] = {
	{ .name = "from",
	  .type = CONF_T_PREFIXES,
	  .offset = RELAY(from),
	  .help = "Networks whose clients may send to domains that are not ours. Without "
		  "it nobody may, except over a unix socket." },
	{ .name = "via",
	  .type = CONF_T_STRING,
	  .offset = RELAY(via),
	  .help = "Next hop for all other domains: host:port, [v6]:port, unix:/path, "
		  "or any of these after lmtp:." },
};

const struct conf_schema route_relay_schema = {
	.name = "relay",
	.bytes = sizeof(struct route_relay),
	.keys = relay_keys,
	.key_count = COUNT_OF(relay_keys),
};

/* The parts of the configuration that say where mail goes: domain, relay. */
#ifndef ROUTE_SETTINGS_H
#define ROUTE_SETTINGS_H

#include "conf/schema.h"

struct route_domain {
	struct conf_section section; /* title: the domain */
	struct str deliver;          /* maildir, discard, lmtp:…, smtp:host:port */
	struct str mailboxes;        /* directory; maildir only */
	struct str owner; /* user whose rights write the mailboxes; empty: ours */
	struct conf_strings users;   /* names, or one path beginning with '/' */
	struct conf_strings aliases; /* paths of alias files */
	struct str
		catch_all; /* address or local part; empty: unknown users are refused */
	struct str plus;   /* separator of plus addressing: "+"; empty: off */
};

struct route_relay {
	struct conf_prefixes from;
	struct str via; /* host:port, [v6]:port, unix:/path, lmtp:… */
};

struct route_settings {
	struct conf_sections domains; /* of struct route_domain */
	struct route_relay relay;
	struct str
		hostname; /* filled in by app: postmaster of this host is always ours */
	struct str postmaster; /* where <Postmaster> goes when no domain takes it */
};

extern const struct conf_schema route_domain_schema, route_relay_schema;

#endif

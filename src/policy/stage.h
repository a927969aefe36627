/*
 * The stages of a conversation at which rules decide, in order: connect, MAIL, RCPT,
 * data. Each returns a reply and writes what decided, on what evidence, into the
 * transcript.
 */
#ifndef POLICY_STAGE_H
#define POLICY_STAGE_H

#include "log/transcript.h"
#include "mime/header.h"
#include "policy/peers.h"
#include "route/route.h"
#include "smtp/command.h"

struct policy_limits {
	uint64_t connections_max;         /* in all */
	uint64_t connections_per_address; /* not for clients that may relay */
	uint64_t message_bytes_max;
	uint64_t header_bytes_max;
	uint64_t hops_max; /* Received fields, RFC 5321 6.3 */
};

/* What the stages know of one connection. */
struct policy_client {
	const struct route_table *routes;
	const struct policy_limits *limits;
	const struct addr *address;
	bool may_relay;
	struct transcript *note;
	int64_t wall_us;
};

/* 220: go on (counted in; give back with peers_leave); 421: say it and close. */
struct smtp_reply policy_connect(struct policy_client *c, struct peers *peers);

struct smtp_reply policy_mail(const struct policy_client *c,
			      const struct smtp_mail *mail);

/* 250 with the addresses it stands for, copied into a; or a refusal. */
struct smtp_reply policy_rcpt(const struct policy_client *c, const struct smtp_rcpt *rcpt,
			      struct arena *a, struct conf_strings *ret);

/* The content has passed by: flaws of its lines, size, header. Reply text may be in a. */
struct policy_content {
	uint64_t bytes;
	uint32_t flaws; /* enum smtp_flaw */
	size_t line_bytes_max;
	bool binary; /* BODY=BINARYMIME: lines have no rules */
	const struct mime_header_watch *header;
};
struct smtp_reply policy_content(const struct policy_client *c,
				 const struct policy_content *content, struct arena *a);

#endif

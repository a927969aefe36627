#include "deliver/deliver.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/schema.h"
#include "deliver/inner.h"

#define KEY(name_, type_, member, dflt_, help_) \
	{ \
		.name = name_, .type = type_, \
		.offset = offsetof(struct deliver_settings, member), .dflt = dflt_, \
		.help = help_ \
	}
#define KEY_IN(name_, type_, member, dflt_, min_, max_, help_) \
	{ \
		.name = name_, .type = type_, \
		.offset = offsetof(struct deliver_settings, member), .dflt = dflt_, \
		.min = min_, .max = max_, .help = help_ \
	}

enum {
	WAIT_MAX_S = 3600,  /* the longest waiting time */
	USER_BYTES = 16384, /* for an entry of the user table */
};

#define WAIT_MIN ((uint64_t)USEC_PER_SEC)
#define WAIT_MAX ((uint64_t)WAIT_MAX_S * (uint64_t)USEC_PER_SEC)

static const struct conf_key keys[] = {
	KEY_IN("connections_per_hop", CONF_T_COUNT, connections_per_hop, "20", 1, 1000,
	       "Connections to one next hop at once, on each event loop."),
	KEY_IN("messages_per_connection", CONF_T_COUNT, messages_per_connection, "1000",
	       1, 1000000,
	       "After so many messages a connection is closed and a new one made."),
	KEY_IN("idle", CONF_T_TIME, idle_us, "5s", 0, WAIT_MAX,
	       "How long an idle connection is kept for the next message; 0: not at "
	       "all."),
	KEY_IN("connect_timeout", CONF_T_TIME, connect_us, "30s", WAIT_MIN, WAIT_MAX,
	       "For name look-up and connecting, all addresses of the next hop "
	       "together."),
	KEY_IN("greeting_timeout", CONF_T_TIME, greeting_us, "5m", WAIT_MIN, WAIT_MAX,
	       "For the greeting of the next hop (RFC 5321 4.5.3.2.1)."),
	KEY_IN("command_timeout", CONF_T_TIME, command_us, "5m", WAIT_MIN, WAIT_MAX,
	       "For the reply to MAIL, RCPT and the like (RFC 5321 4.5.3.2.2)."),
	KEY_IN("data_start_timeout", CONF_T_TIME, data_start_us, "2m", WAIT_MIN, WAIT_MAX,
	       "For the reply to DATA (RFC 5321 4.5.3.2.4)."),
	KEY_IN("data_block_timeout", CONF_T_TIME, data_block_us, "3m", WAIT_MIN, WAIT_MAX,
	       "Until the next hop took a block of the message (RFC 5321 4.5.3.2.5)."),
	KEY_IN("data_timeout", CONF_T_TIME, data_us, "10m", WAIT_MIN, WAIT_MAX,
	       "For the reply after the message (RFC 5321 4.5.3.2.6)."),
	KEY("chunking", CONF_T_BOOL, chunking, "yes",
	    "Send with BDAT where the next hop offers it (RFC 3030)."),
	KEY("return_path", CONF_T_BOOL, return_path, "yes",
	    "Put a Return-Path line in front of messages in mailboxes (RFC 5321 4.4)."),
	KEY("delivered_to", CONF_T_BOOL, delivered_to, "yes",
	    "Put a Delivered-To line in front of messages in mailboxes."),
};

const struct conf_schema deliver_schema = {
	.name = "deliver",
	.bytes = sizeof(struct deliver_settings),
	.keys = keys,
	.key_count = COUNT_OF(keys),
};

static void user_name(struct deliver *d)
{
	char *bytes = mem_alloc(USER_BYTES);
	struct passwd pw, *found = NULL;

	if (bytes && getpwuid_r(geteuid(), &pw, bytes, USER_BYTES, &found) == 0 && found)
		snprintf(d->user, sizeof(d->user), "%s", found->pw_name);
	mem_free(bytes);
}

static struct client_pool_settings pool_settings(const struct deliver_settings *s)
{
	return (struct client_pool_settings){
		.options = {
			.hostname = s->hostname,
			.chunking = s->chunking,
			.greeting_us = s->greeting_us,
			.command_us = s->command_us,
			.data_start_us = s->data_start_us,
			.data_block_us = s->data_block_us,
			.data_end_us = s->data_us,
		},
		.connections_per_hop = s->connections_per_hop,
		.messages_per_connection = s->messages_per_connection,
		.idle_us = s->idle_us,
		.connect_us = s->connect_us,
	};
}

/* Threads may be reading the name, so it is written only when it changes. */
static void settings_copy(struct deliver *d, const struct deliver_settings *s)
{
	struct str name = str_sub(s->hostname, 0, sizeof(d->hostname));

	if (name.n > 0 && !str_eq(d->settings.hostname, name))
		memcpy(d->hostname, name.p, name.n);
	d->settings = *s;
	d->settings.hostname = str_of(d->hostname, name.n);
}

CO int deliver_new(const struct deliver_settings *s, struct pool *pool,
		   struct deliver **ret)
{
	struct dns_options dns = { .pool = pool };
	struct client_pool_settings hops = pool_settings(s);
	struct deliver *d = mem_alloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->pool = pool;
	settings_copy(d, s);
	user_name(d);
	if (dns_new(&dns, &d->dns) < 0 || client_pool_new(d->dns, &hops, &d->hops) < 0 ||
	    maildir_new(pool, &d->maildir) < 0) {
		deliver_free(d);
		return -ENOMEM;
	}
	*ret = d;
	return 0;
}

CO void deliver_free(struct deliver *d)
{
	if (!d)
		return;
	maildir_free(d->maildir);
	client_pool_free(d->hops);
	dns_free(d->dns);
	mem_free(d);
}

void deliver_configure(struct deliver *d, const struct deliver_settings *s)
{
	struct client_pool_settings hops = pool_settings(s);

	settings_copy(d, s);
	client_pool_configure(d->hops, &hops);
}

void deliver_set_local(struct deliver *d, const struct deliver_local *local)
{
	d->local = *local;
}

struct smtp_reply deliver_theirs(struct deliver_job *job, struct str who,
				 struct smtp_reply reply)
{
	struct str text;

	if (reply.text.n > 0)
		text = arena_printf(job->arena, "%.*s: %.*s", STR_ARG(who),
				    STR_ARG(reply.text));
	else
		text = arena_str(job->arena, who);
	if (text.p)
		reply.text = text;
	return reply;
}

struct smtp_reply deliver_own(const struct deliver *d, struct deliver_job *job,
			      struct smtp_reply reply)
{
	return deliver_theirs(job, d->settings.hostname, reply);
}

CO int content_read(struct deliver_job *job, uint64_t at, char *p, size_t n)
{
	while (n > 0) {
		ptrdiff_t got = job->spool->ops->read(job->spool, job->id, at, p, n);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return -EIO;
		assert((size_t)got <= n);
		at += (uint64_t)got;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

struct smtp_reply maildir_reply(int err)
{
	switch (err) {
	case -EDQUOT:
		return REPLY(452, 4, 2, 2, "the mailbox is over its quota");
	case -ENOSPC:
		return REPLY(452, 4, 3, 1, "the disk of the mailbox is full");
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return REPLY(451, 4, 3, 5, "no right to write the mailbox");
	case -ENOENT:
		return REPLY(451, 4, 3, 5, "the directory above the mailbox is missing");
	case -ELOOP:
	case -ENOTDIR:
		return REPLY(451, 4, 3, 5, "the mailbox is no plain directory");
	default:
		return REPLY(451, 4, 3, 0, "the mailbox cannot be written now");
	}
}

/* For tests and for those who want to measure: taken, looked at, gone. */
static void discard_run(struct deliver_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		job->results[i].reply = REPLY(250, 2, 0, 0, "discarded");
	transcript_note(job->note, NOTE_RESULT, loop_wall_us(), STR("discarded"));
}

static void fail_run(const struct deliver *d, struct deliver_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		job->results[i].reply = deliver_own(d, job, job->route->reply);
	transcript_notef(job->note, NOTE_DECISION, loop_wall_us(), "no delivery: %.*s",
			 STR_ARG(job->route->reply.text));
}

CO void deliver_run(struct deliver *d, struct deliver_job *job)
{
	job->remote = STR_NONE;
	job->hop_reports = false;
	for (size_t i = 0; i < job->count; i++)
		job->results[i].reply = (struct smtp_reply){ 0 };

	switch (job->route->agent) {
	case ROUTE_MAILDIR:
		maildir_run(d, job);
		break;
	case ROUTE_SMTP:
	case ROUTE_LMTP:
		smtp_run(d, job);
		break;
	case ROUTE_DISCARD:
		discard_run(job);
		break;
	case ROUTE_FAIL:
		fail_run(d, job);
		break;
	}
}

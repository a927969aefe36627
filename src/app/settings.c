/* The top of the configuration: which sections there are, and those of the program
 * itself. */
#include "app/config.h"

#define SET(field) offsetof(struct app_settings, field)
#define SPOOL(field) offsetof(struct app_spool_settings, field)
#define RECORD(field) offsetof(struct app_record_settings, field)
#define LOG(field) offsetof(struct app_log_settings, field)

static const struct conf_key spool_keys[] = {
	{ .name = "path",
	  .type = CONF_T_STRING,
	  .offset = SPOOL(path),
	  .dflt = "/var/lib/postern/spool",
	  .help = "Directory of the spool; made when it is missing. One server at a time "
		  "uses it. The record is in record/ below it." },
	{ .name = "segment_size",
	  .type = CONF_T_SIZE,
	  .offset = SPOOL(segment_bytes),
	  .dflt = "64M",
	  .min = MIB,
	  .max = 1024 * MIB,
	  .help = "Size of one segment file; see spool.md." },
	{ .name = "inline_size",
	  .type = CONF_T_SIZE,
	  .offset = SPOOL(inline_bytes_max),
	  .dflt = "1M",
	  .min = 4096,
	  .max = 16 * MIB,
	  .help = "Larger content gets a file of its own instead of a place in a "
		  "segment." },
	{ .name = "draft_memory",
	  .type = CONF_T_SIZE,
	  .offset = SPOOL(draft_memory_bytes),
	  .dflt = "256M",
	  .min = MIB,
	  .help = "Memory for all messages that are arriving; beyond it they go to disk "
		  "early." },
	{ .name = "free_space",
	  .type = CONF_T_SIZE,
	  .offset = SPOOL(free_bytes_min),
	  .dflt = "64M",
	  .help = "New mail is refused with 452 while less of the disk is free." },
	{ .name = "commit_time",
	  .type = CONF_T_TIME,
	  .offset = SPOOL(commit_us),
	  .dflt = "30s",
	  .min = 100000,
	  .max = 600000000,
	  .help = "A disk that has not answered for so long hangs: who waits for it gets "
		  "451, new mail is refused at once, until it is back." },
};
static const struct conf_schema spool_schema = { "spool",
						 sizeof(struct app_spool_settings),
						 spool_keys, COUNT_OF(spool_keys), NULL };

static const struct conf_key record_keys[] = {
	{ .name = "keep",
	  .type = CONF_T_BOOL,
	  .offset = RECORD(keep),
	  .dflt = "yes",
	  .help = "Write down the dialogues, so that postern explain can show them." },
	{ .name = "file_size",
	  .type = CONF_T_SIZE,
	  .offset = RECORD(file_bytes),
	  .dflt = "16M",
	  .min = 65536,
	  .max = 1024 * MIB,
	  .help = "Size of one file of the record." },
	{ .name = "total_size",
	  .type = CONF_T_SIZE,
	  .offset = RECORD(bytes_max),
	  .dflt = "1G",
	  .min = MIB,
	  .help = "Size of all files of the record together; beyond it the oldest are "
		  "removed." },
};
static const struct conf_schema record_schema = { "record",
						  sizeof(struct app_record_settings),
						  record_keys, COUNT_OF(record_keys),
						  NULL };

static const char *const log_formats[] = { "logfmt", "json", NULL };
static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };
static const struct conf_key log_keys[] = {
	{ .name = "format",
	  .type = CONF_T_ENUM,
	  .offset = LOG(format),
	  .dflt = "logfmt",
	  .words = log_formats,
	  .help = "One line per event: key=value, or a JSON object." },
	{ .name = "level",
	  .type = CONF_T_ENUM,
	  .offset = LOG(level),
	  .dflt = "info",
	  .words = log_levels,
	  .help = "The least important events that are still logged." },
};
static const struct conf_schema log_schema = { "log", sizeof(struct app_log_settings),
					       log_keys, COUNT_OF(log_keys), NULL };

static const struct conf_key top_keys[] = {
	{ .name = "hostname",
	  .type = CONF_T_STRING,
	  .offset = SET(hostname),
	  .help = "Full name of this host, as it greets clients and next hops; without "
		  "it, the name that the system has." },
	{ .name = "user",
	  .type = CONF_T_STRING,
	  .offset = SET(user),
	  .dflt = "postern",
	  .help = "User that the worker runs as, when Postern is started as root; not "
		  "root itself." },
	{ .name = "loops",
	  .type = CONF_T_COUNT,
	  .offset = SET(loops),
	  .dflt = "0",
	  .max = 256,
	  .help = "Event loops, one thread each; 0: one for each processor. A change "
		  "needs a restart." },
	{ .name = "control",
	  .type = CONF_T_STRING,
	  .offset = SET(control),
	  .dflt = "/run/postern/control",
	  .help = "Unix socket over which postern queue and postern explain reach the "
		  "server." },
	{ .name = "postmaster",
	  .type = CONF_T_STRING,
	  .offset = SET(postmaster),
	  .help = "Address that gets mail for <Postmaster>, and for postmaster of a "
		  "domain that "
		  "has no such user." },
	{ .name = "drain_time",
	  .type = CONF_T_TIME,
	  .offset = SET(drain_us),
	  .dflt = "30s",
	  .min = 0,
	  .max = 3600000000,
	  .help = "How long sessions under way may go on after SIGTERM; deliveries then "
		  "get queue.drain more." },
	{ .name = "spool",
	  .type = CONF_T_SECTION,
	  .offset = SET(spool),
	  .sub = &spool_schema,
	  .help = "Where accepted mail is kept." },
	{ .name = "record",
	  .type = CONF_T_SECTION,
	  .offset = SET(record),
	  .sub = &record_schema,
	  .help = "What happened, for postern explain." },
	{ .name = "log",
	  .type = CONF_T_SECTION,
	  .offset = SET(log),
	  .sub = &log_schema,
	  .help = "Lines on stderr or in the journal." },
	{ .name = "listen",
	  .type = CONF_T_SECTIONS,
	  .offset = SET(listen),
	  .sub = &server_listen_schema,
	  .help = "Services that receive mail; without any, Postern listens nowhere." },
	{ .name = "domain",
	  .type = CONF_T_SECTIONS,
	  .offset = SET(domain),
	  .sub = &route_domain_schema,
	  .help = "Domains that are ours, and how their mail is delivered." },
	{ .name = "relay",
	  .type = CONF_T_SECTION,
	  .offset = SET(relay),
	  .sub = &route_relay_schema,
	  .help = "Who may send to other domains, and which way." },
	{ .name = "inspect",
	  .type = CONF_T_SECTION,
	  .offset = SET(inspect),
	  .sub = &inspection_schema,
	  .help = "What may not be in mail that is taken." },
	{ .name = "limits",
	  .type = CONF_T_SECTION,
	  .offset = SET(limits),
	  .sub = &server_limits_schema,
	  .help = "Everything that a stranger can grow, bounded." },
	{ .name = "queue",
	  .type = CONF_T_SECTION,
	  .offset = SET(queue),
	  .sub = &queue_schema,
	  .help = "When to try again and when to give up." },
	{ .name = "deliver",
	  .type = CONF_T_SECTION,
	  .offset = SET(deliver),
	  .sub = &deliver_schema,
	  .help = "How mail leaves: connections, times, header lines of mailboxes." },
};

const struct conf_schema app_schema = {
	.name = "postern",
	.bytes = sizeof(struct app_settings),
	.keys = top_keys,
	.key_count = COUNT_OF(top_keys),
};

#include "server/config.h"

#define LIMIT(field) offsetof(struct server_limits, field)
#define COUNT_KEY(name_, field, dflt_, min_, max_, help_) \
	{ \
		.name = name_, .type = CONF_T_COUNT, .offset = LIMIT(field), \
		.dflt = dflt_, .min = min_, .max = max_, .help = help_ \
	}
#define SIZE_KEY(name_, field, dflt_, min_, max_, help_) \
	{ \
		.name = name_, .type = CONF_T_SIZE, .offset = LIMIT(field), \
		.dflt = dflt_, .min = min_, .max = max_, .help = help_ \
	}
#define TIME_KEY(name_, field, dflt_, help_) \
	{ \
		.name = name_, .type = CONF_T_TIME, .offset = LIMIT(field), \
		.dflt = dflt_, .min = 100000, .max = 604800000000, .help = help_ \
	}

static const struct conf_key limit_keys[] = {
	COUNT_KEY("connections", policy.connections_max, "0", 0, 10000000,
		  "Connections at once in all; 0: as many as there are descriptors for."),
	COUNT_KEY("connections_per_address", policy.connections_per_address, "200", 0,
		  1000000,
		  "Connections at once of one IPv4 address or one IPv6 /64; clients in "
		  "relay.from are exempt; 0: no limit."),
	COUNT_KEY("commands", commands_max, "1M", 10, 0,
		  "Commands of one connection; then it is closed."),
	COUNT_KEY("idle_commands", idle_commands_max, "100", 5, 0,
		  "NOOP, RSET, VRFY, EXPN, HELP and greetings between two messages; then "
		  "the connection is closed."),
	COUNT_KEY("errors", errors_max, "20", 1, 0,
		  "Bad commands of one connection; then it is closed."),
	COUNT_KEY("unknown_recipients", unknown_max, "100", 1, 0,
		  "Refused recipients of one connection; then it is closed."),
	COUNT_KEY("recipients", recipients_max, "1000", 100, 50000,
		  "Recipients of one message (RFC 5321 4.5.3.1.8: at least 100)."),
	COUNT_KEY("messages", messages_max, "100k", 1, 0,
		  "Messages of one connection; further ones get 452."),
	COUNT_KEY("hops", policy.hops_max, "50", 5, 1000,
		  "Received fields of a message; with more it counts as looping."),
	SIZE_KEY("message_size", policy.message_bytes_max, "50M", 65536, 0,
		 "Largest message; SIZE announces it (RFC 1870)."),
	SIZE_KEY("header_size", policy.header_bytes_max, "256K", 1024, 0,
		 "Largest header of a message."),
	SIZE_KEY("line_size", line_bytes_max, "1000", 0, 1048576,
		 "Longest line of a message with its CRLF (RFC 5321 4.5.3.1.6: 1000); 0: "
		 "no limit."),
	SIZE_KEY(
		"command_size", command_bytes_max, "4K", 512, 16384,
		"Longest command line with its CRLF (RFC 5321 4.5.3.1.4: at least 512)."),
	SIZE_KEY("memory", memory_max, "4M", 65536, 0,
		 "Memory of one connection for its envelope; content is counted by the "
		 "spool."),
	TIME_KEY("command_time", command_us, "5m",
		 "For one whole command line, however slowly it comes (RFC 5321 "
		 "4.5.3.2.7: 5m)."),
	TIME_KEY("data_time", data_us, "5m",
		 "Between two pieces of a message's content."),
	TIME_KEY("data_total_time", data_total_us, "10m",
		 "For the whole content of one message; more for large ones, see "
		 "data_rate."),
	SIZE_KEY("data_rate", data_rate_min, "1K", 1, 0,
		 "Each so many bytes of content buy one second more than "
		 "data_total_time."),
	TIME_KEY("session_time", session_us, "24h",
		 "How long one connection may last in all."),
	{ .name = "greeting_delay",
	  .type = CONF_T_TIME,
	  .offset = LIMIT(greeting_delay_us),
	  .dflt = "0",
	  .max = 300000000,
	  .help = "Wait so long before the greeting, to see whether the client can wait; "
		  "not for clients in relay.from." },
	{ .name = "early_talk",
	  .type = CONF_T_BOOL,
	  .offset = LIMIT(early_talk),
	  .dflt = "no",
	  .help = "Take commands that a client sends before it was greeted (RFC 5321 3.1 "
		  "has it wait); otherwise it is refused with 554." },
	{ .name = "pipelined_data",
	  .type = CONF_T_BOOL,
	  .offset = LIMIT(pipelined_data),
	  .dflt = "no",
	  .help = "Take content that a client sends together with DATA, without waiting "
		  "for 354 "
		  "(RFC 2920 3.1 forbids it)." },
};

const struct conf_schema server_limits_schema = {
	.name = "limits",
	.bytes = sizeof(struct server_limits),
	.keys = limit_keys,
	.key_count = COUNT_OF(limit_keys),
};

static const struct conf_key listen_keys[] = {
	{ .name = "address",
	  .type = CONF_T_ADDRS,
	  .offset = offsetof(struct server_listen, address),
	  .required = true,
	  .help = "Addresses to listen on: \"0.0.0.0:25\", \"[::]:25\", "
		  "\"unix:/path\"." },
};

const struct conf_schema server_listen_schema = {
	.name = "listen",
	.bytes = sizeof(struct server_listen),
	.keys = listen_keys,
	.key_count = COUNT_OF(listen_keys),
};

struct server_config *server_config_hold(struct server_config *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void server_config_drop(struct server_config *c)
{
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		c->free(c);
}

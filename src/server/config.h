/*
 * What a server needs of the configuration: an immutable snapshot that sessions hold
 * while they live, so that a reload is a pointer swap and no session sees two
 * configurations.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdatomic.h>

#include "conf/schema.h"
#include "policy/inspection.h"
#include "policy/stage.h"

struct server_limits {
	struct policy_limits policy;
	uint64_t command_bytes_max; /* one line, CRLF included */
	uint64_t commands_max;      /* of one connection */
	uint64_t idle_commands_max; /* NOOP, RSET, VRFY, HELP … in a row without a message
				     */
	uint64_t errors_max;        /* bad commands of one connection */
	uint64_t unknown_max;       /* refused recipients of one connection */
	uint64_t recipients_max;    /* of one message, as the client names them */
	uint64_t messages_max;      /* of one connection */
	uint64_t line_bytes_max;    /* in content, CRLF included; 0: no limit */
	uint64_t memory_max;    /* of one connection: envelope and lines, not content */
	int64_t command_us;     /* for one whole command line */
	int64_t data_us;        /* between two pieces of content */
	int64_t data_total_us;  /* for content in all, plus its size at data_rate_min */
	uint64_t data_rate_min; /* bytes per second that a sender must reach */
	int64_t session_us;     /* of one connection in all */
	int64_t greeting_delay_us; /* silence asked of clients before the greeting */
	bool early_talk;           /* take commands that came before it */
	bool pipelined_data;       /* take content that was sent before our 354 */
};

struct server_listen {
	struct conf_section section; /* title: name of the service */
	struct conf_addrs address;
};

extern const struct conf_schema server_limits_schema, server_listen_schema;

struct server_config {
	atomic_uint refs;
	void (*free)(
		struct server_config *c); /* the last reference is gone; any thread */
	struct str hostname;
	const struct server_limits *limits;
	const struct inspection_settings *inspect; /* NULL: nothing is inspected */
	const struct route_table *routes;
};

struct server_config *server_config_hold(struct server_config *c);
void server_config_drop(struct server_config *c); /* NULL is fine */

#endif

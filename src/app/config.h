/*
 * The whole configuration, composed of what each folder declares: text in, an immutable
 * snapshot out. Reference-counted through its first member (server/config.h).
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "deliver/deliver.h"
#include "log/log.h"
#include "queue/settings.h"
#include "route/route.h"
#include "server/config.h"

struct app_spool_settings {
	struct str path;
	uint64_t segment_bytes, inline_bytes_max, draft_memory_bytes, free_bytes_min;
	int64_t commit_us;
};

struct app_record_settings {
	bool keep;
	uint64_t file_bytes, bytes_max;
};

struct app_log_settings {
	int format; /* enum log_format */
	int level;  /* enum log_level */
};

struct app_settings {
	struct str hostname, user, control, postmaster;
	uint64_t loops; /* 0: one per processor */
	int64_t drain_us;
	struct app_spool_settings spool;
	struct app_record_settings record;
	struct app_log_settings log;
	struct conf_sections listen; /* of struct server_listen */
	struct conf_sections domain; /* of struct route_domain */
	struct route_relay relay;
	struct server_limits limits;
	struct inspection_settings inspect;
	struct queue_settings queue;
	struct deliver_settings deliver;
};
extern const struct conf_schema app_schema;

struct app_config {
	struct server_config server; /* first: server_config_hold and _drop work on it */
	struct app_settings set;
	struct route_settings route;
	struct route_table *routes;
	struct arena arena; /* everything above points into it */
	struct str text, file;
};

struct app_options {
	uint64_t descriptors_max; /* of this process; bounds limits.connections */
	struct str directory;     /* what relative paths are below */
};

/*
 * Parse, check, read the files it names. diags->arena must outlive the diagnostics.
 * 0 with one reference held; -EBADMSG: faults in diags; -ENOMEM.
 */
MUST_USE int app_config_load(struct str text, struct str file,
			     const struct app_options *o, struct conf_diags *diags,
			     struct app_config **ret);

/* The text of a configuration file, at most CONF_BYTES_MAX. 0 or -errno. */
MUST_USE int app_config_read(const char *path, struct buf *ret);

static inline void app_config_drop(struct app_config *c)
{
	server_config_drop(c ? &c->server : NULL);
}

#endif

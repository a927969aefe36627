#include "queue/settings.h"

#define KEY(name_, type_, field, dflt_, min_, max_, help_) \
	{ \
		.name = name_, .type = type_, \
		.offset = offsetof(struct queue_settings, field), .dflt = dflt_, \
		.min = min_, .max = max_, .help = help_ \
	}

#define SECONDS(n) ((uint64_t)(n) * (uint64_t)USEC_PER_SEC)
#define DAYS(n) SECONDS((n)*86400)

/* RFC 5321 4.5.4.1 asks for 30 minutes between attempts and 4 to 5 days in all; it leaves
 * the first attempts, which meet greylisting and restarts, to sense. */
static const struct conf_key keys[] = {
	KEY("retry_first", CONF_T_TIME, retry_first_us, "1m", SECONDS(1), DAYS(1),
	    "Wait after the first failed attempt; doubled after each further one."),
	KEY("retry_max", CONF_T_TIME, retry_max_us, "4h", SECONDS(1), DAYS(7),
	    "Longest wait between two attempts."),
	KEY("jitter", CONF_T_COUNT, jitter_percent, "20", 0, 90,
	    "Percent by which each wait is made longer or shorter at random, so that "
	    "messages do not all come at once."),
	KEY("lifetime", CONF_T_TIME, lifetime_us, "5d", SECONDS(1), DAYS(60),
	    "After this time an undeliverable message goes back to its sender."),
	KEY("bounce_lifetime", CONF_T_TIME, bounce_lifetime_us, "1d", SECONDS(1),
	    DAYS(60),
	    "The same for messages with an empty sender, such as bounces: they are "
	    "dropped then, and the log says so."),
	KEY("delay_warning", CONF_T_TIME, delay_warning_us, "4h", 0, DAYS(60),
	    "Age at which the sender is told, once, that the message still waits; 0: "
	    "never."),
	KEY("active_max", CONF_T_COUNT, active_max, "500", 0, 100000,
	    "Messages being delivered at once, on each event loop; 0: none, mail is only "
	    "received and kept."),
	KEY("recipients_max", CONF_T_COUNT, recipients_max, "100", 1, 10000,
	    "Recipients in one transaction with a next hop."),
	KEY("hops_max", CONF_T_COUNT, hops_max, "20", 1, 1000,
	    "Next hops that one message is offered to at once."),
	KEY("bounce_size_max", CONF_T_SIZE, bounce_bytes_max, "64KiB", 0, 16 * MIB,
	    "Messages larger than this come back in a bounce as their header only."),
	KEY("drain", CONF_T_TIME, drain_us, "5s", 0, SECONDS(3600),
	    "How long deliveries under way may go on when the server stops; drain_time "
	    "is for sessions."),
};

static void settings_check(void *section, const struct conf_node *node,
			   struct conf_diags *d)
{
	const struct queue_settings *s = section;
	struct conf_pos pos = { 0 };

	if (node)
		pos = node->pos;
	if (s->retry_max_us < s->retry_first_us)
		conf_fault(d, pos, STR("retry_max is shorter than retry_first"),
			   STR("the longest wait is at least the first one"),
			   STR("raise retry_max, or lower retry_first"));
	if (s->lifetime_us < s->retry_first_us)
		conf_fault(d, pos, STR("lifetime is shorter than retry_first"),
			   STR("a message lives long enough for a second attempt"),
			   STR("raise lifetime, or lower retry_first"));
}

const struct conf_schema queue_schema = {
	.name = "queue",
	.bytes = sizeof(struct queue_settings),
	.keys = keys,
	.key_count = COUNT_OF(keys),
	.check = settings_check,
};

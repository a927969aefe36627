#include "queue/schedule.h"

static int64_t add_saturating(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

int64_t schedule_delay_us(const struct queue_settings *s, uint32_t attempts,
			  uint64_t random)
{
	int64_t delay = s->retry_first_us, spread;

	for (uint32_t i = 1; i < attempts && delay < s->retry_max_us; i++)
		delay = delay > s->retry_max_us / 2 ? s->retry_max_us : delay * 2;
	spread = delay / 100 * (int64_t)s->jitter_percent;
	return delay - spread + (int64_t)(random % (uint64_t)(2 * spread + 1));
}

int64_t schedule_give_up_us(const struct queue_settings *s, int64_t arrived_us,
			    bool bounce)
{
	return add_saturating(arrived_us,
			      bounce ? s->bounce_lifetime_us : s->lifetime_us);
}

int64_t schedule_next_us(const struct queue_settings *s, uint32_t attempts,
			 uint64_t random, int64_t now_us, int64_t give_up_us)
{
	int64_t next = add_saturating(now_us, schedule_delay_us(s, attempts, random));

	return give_up_us > now_us && next > give_up_us ? give_up_us : next;
}

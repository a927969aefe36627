#include "base/time.h"

#include <string.h>
#include <time.h>

#include "base/fmt.h"

/* gmtime_r and the names here do not depend on a locale or on TZ. */
static struct tm utc(int64_t wall_us)
{
	time_t sec = (time_t)(wall_us / USEC_PER_SEC - (wall_us % USEC_PER_SEC < 0));
	struct tm tm = { 0 };

	gmtime_r(&sec, &tm);
	return tm;
}

struct str time_mail(int64_t wall_us, char ret[TIME_TEXT_MAX])
{
	static const char day[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	/* Each message needs it, and many come in the same second. */
	static _Thread_local char known[TIME_TEXT_MAX];
	static _Thread_local int64_t known_sec = INT64_MIN;
	int64_t sec = wall_us / USEC_PER_SEC - (wall_us % USEC_PER_SEC < 0);
	struct tm tm;

	if (sec == known_sec) {
		memcpy(ret, known, TIME_TEXT_MAX);
		return str_from(ret);
	}
	tm = utc(wall_us);
	(void)fmt_text(ret, TIME_TEXT_MAX, "%s, %d %s %04d %02d:%02d:%02d +0000",
		       day[tm.tm_wday], tm.tm_mday, month[tm.tm_mon], tm.tm_year + 1900,
		       tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(known, ret, str_from(ret).n + 1);
	known_sec = sec;
	return str_from(ret);
}

struct str time_iso(int64_t wall_us, char ret[TIME_TEXT_MAX])
{
	struct tm tm = utc(wall_us);
	int64_t us = wall_us % USEC_PER_SEC;

	(void)fmt_text(ret, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
		       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		       tm.tm_min, tm.tm_sec, (int)(us < 0 ? us + USEC_PER_SEC : us));
	return str_from(ret);
}

struct str time_span(int64_t us, char ret[TIME_TEXT_MAX])
{
	static const struct {
		int64_t sec;
		char name;
	} unit[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	long long sec = us > 0 ? us / USEC_PER_SEC : 0;
	size_t u = 0;

	while (u < COUNT_OF(unit) - 1 && sec < unit[u].sec)
		u++;
	(void)fmt_text(ret, TIME_TEXT_MAX, "%lld%c", sec / unit[u].sec, unit[u].name);
	if (u + 1 < COUNT_OF(unit) && sec % unit[u].sec >= unit[u + 1].sec)
		(void)fmt_text(ret, TIME_TEXT_MAX, "%lld%c %lld%c", sec / unit[u].sec,
			       unit[u].name, sec % unit[u].sec / unit[u + 1].sec,
			       unit[u + 1].name);
	return str_from(ret);
}

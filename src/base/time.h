/* Dates as mail writes them. Times are microseconds since 1970-01-01 UTC. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include "base/str.h"

enum { TIME_TEXT_MAX = 48 };

/* "Tue, 24 Nov 2026 05:06:07 +0000", RFC 5322 3.3, in UTC. */
struct str time_mail(int64_t wall_us, char ret[TIME_TEXT_MAX]);

/* "2026-11-24T05:06:07.123456Z", RFC 3339. */
struct str time_iso(int64_t wall_us, char ret[TIME_TEXT_MAX]);

/* "90s", "15m", "3d 4h": for people. */
struct str time_span(int64_t us, char ret[TIME_TEXT_MAX]);

#endif

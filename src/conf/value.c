#include "conf/schema.h"

#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits at the front, advancing s. 0; -EBADMSG no digit; -ERANGE. */
static int take_number(struct str *s, uint64_t *ret)
{
	size_t n = 0;
	int e;

	while (n < s->n && ch_digit(s->p[n]))
		n++;
	e = str_to_u64(str_sub(*s, 0, n), UINT64_MAX, ret);
	if (e == 0)
		*s = str_skip(*s, n);
	return e;
}

int conf_size_parse(struct str s, uint64_t *ret)
{
	static const struct unit unit[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "K", KIB },
		{ "KiB", KIB },
		{ "M", MIB },
		{ "MiB", MIB },
		{ "G", KIB * MIB },
		{ "GiB", KIB * MIB },
		{ "T", (uint64_t)MIB * MIB },
		{ "TiB", (uint64_t)MIB * MIB },
	};
	uint64_t v;
	int e = take_number(&s, &v);

	if (e < 0)
		return e;
	for (size_t i = 0; i < COUNT_OF(unit); i++) {
		if (!str_eq_nocase(s, str_from(unit[i].name)))
			continue;
		if (v > UINT64_MAX / unit[i].factor)
			return -ERANGE;
		*ret = v * unit[i].factor;
		return 0;
	}
	return -EBADMSG;
}

static uint64_t time_unit(struct str *s)
{
	static const struct unit unit[] = {
		{ "us", 1 },          { "ms", 1000 },           { "s", 1000000 },
		{ "m", 60000000 },    { "min", 60000000 },      { "h", 3600000000 },
		{ "d", 86400000000 }, { "w", 7 * 86400000000 },
	};
	size_t n = 0;

	while (n < s->n && ch_alpha(s->p[n]))
		n++;
	for (size_t i = 0; i < COUNT_OF(unit); i++) {
		if (str_eq(str_sub(*s, 0, n), str_from(unit[i].name))) {
			*s = str_skip(*s, n);
			return unit[i].factor;
		}
	}
	return 0;
}

int conf_time_parse(struct str s, int64_t *ret_us)
{
	uint64_t sum = 0, v, factor;

	if (str_eq(s, STR("0"))) {
		*ret_us = 0;
		return 0;
	}
	if (s.n == 0)
		return -EBADMSG;
	while (s.n) {
		int e = take_number(&s, &v);

		if (e < 0)
			return e;
		factor = time_unit(&s);
		if (factor == 0)
			return -EBADMSG;
		if (v > (INT64_MAX - sum) / factor)
			return -ERANGE;
		sum += v * factor;
		while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
			s = str_skip(s, 1);
	}
	*ret_us = (int64_t)sum;
	return 0;
}

#include "conf/describe.h"

#include <inttypes.h>

const char *describe_type(enum conf_type type)
{
	switch (type) {
	case CONF_T_STRING:
		return "a text";
	case CONF_T_BOOL:
		return "on or off (or true, false, yes, no)";
	case CONF_T_COUNT:
		return "a number such as 1000 or 20k";
	case CONF_T_SIZE:
		return "a size such as 10M, 64KiB or 512";
	case CONF_T_TIME:
		return "a time such as 30s, 5m, 1h 30m or 200ms";
	case CONF_T_ENUM:
		return "one of these words";
	case CONF_T_ADDR:
		return "an address such as \"192.0.2.1:25\", \"[2001:db8::1]:25\" or "
		       "\"unix:/path\"";
	case CONF_T_STRINGS:
		return "a text or a list of texts";
	case CONF_T_ADDRS:
		return "an address such as \"192.0.2.1:25\", \"[::]:25\" or "
		       "\"unix:/path\", or "
		       "a list of them";
	case CONF_T_PREFIXES:
		return "a network such as 192.0.2.0/24 or \"2001:db8::/32\", or a list "
		       "of them";
	case CONF_T_SECTION:
		return "a section";
	case CONF_T_SECTIONS:
		return "sections with titles";
	case CONF_T_NODE:
		return "a value";
	}
	return "";
}

struct amount {
	uint64_t factor;
	const char *name;
};

static struct str amount(const struct amount *unit, uint64_t v, struct arena *a)
{
	while (unit->factor > 1 && (v == 0 || v % unit->factor != 0))
		unit++;
	return arena_printf(a, "%" PRIu64 "%s", v / unit->factor, unit->name);
}

struct str describe_amount(enum conf_type type, uint64_t v, struct arena *a)
{
	static const struct amount size[] = {
		{ KIB * MIB, "G" }, { MIB, "M" }, { KIB, "K" }, { 1, "" }
	};
	static const struct amount time[] = { { 86400000000, "d" }, { 3600000000, "h" },
					      { 60000000, "m" },    { 1000000, "s" },
					      { 1000, "ms" },       { 1, "us" } };
	static const struct amount count[] = { { 1, "" } };

	if (type == CONF_T_TIME)
		return v ? amount(time, v, a) : STR("0");
	return amount(type == CONF_T_SIZE ? size : count, v, a);
}

static struct str words(const struct conf_key *key, struct arena *a)
{
	struct str s = STR("one of");

	for (int i = 0; key->words[i]; i++)
		s = arena_printf(a, "%.*s%s %s", STR_ARG(s), i ? "," : "", key->words[i]);
	return s;
}

struct str describe_rule(const struct conf_key *key, struct arena *a)
{
	struct str s = str_from(describe_type(key->type)), bound;

	if (key->type == CONF_T_ENUM)
		return words(key, a);
	if (key->min) {
		bound = describe_amount(key->type, key->min, a);
		s = arena_printf(a, "%.*s, at least %.*s", STR_ARG(s), STR_ARG(bound));
	}
	if (key->max) {
		bound = describe_amount(key->type, key->max, a);
		s = arena_printf(a, "%.*s, at most %.*s", STR_ARG(s), STR_ARG(bound));
	}
	return s;
}

static struct str leading_digits(struct str s)
{
	size_t n = 0;

	while (n < s.n && ch_digit(s.p[n]))
		n++;
	return str_sub(s, 0, n);
}

static struct str address_remedy(struct str value, struct arena *a)
{
	struct addr addr;

	if (addr_parse_ip(value, 0, &addr) < 0)
		return STR("addresses are numbers here, not names, and end with a port");
	return arena_printf(a,
			    str_find(value, ':') >= 0
				    ? "add brackets and a port: \"[%.*s]:25\""
				    : "add a port: \"%.*s:25\"",
			    STR_ARG(value));
}

static struct str number_remedy(const struct conf_key *key, struct str value,
				struct arena *a)
{
	struct str digits = leading_digits(value);

	if (digits.n == 0)
		return arena_printf(a, "write %s", describe_type(key->type));
	if (key->type == CONF_T_TIME)
		return arena_printf(a, "write %.*ss, %.*sm, %.*sh or %.*sd",
				    STR_ARG(digits), STR_ARG(digits), STR_ARG(digits),
				    STR_ARG(digits));
	if (key->type == CONF_T_SIZE)
		return arena_printf(a,
				    "write %.*s, %.*sK, %.*sM or %.*sG (powers of 1024)",
				    STR_ARG(digits), STR_ARG(digits), STR_ARG(digits),
				    STR_ARG(digits));
	return arena_printf(a, "write %.*s, or %.*sk for thousands", STR_ARG(digits),
			    STR_ARG(digits));
}

struct str describe_remedy(const struct conf_key *key, struct str value, struct arena *a)
{
	switch (key->type) {
	case CONF_T_BOOL:
		return STR("write on or off");
	case CONF_T_COUNT:
	case CONF_T_SIZE:
	case CONF_T_TIME:
		return number_remedy(key, value, a);
	case CONF_T_ADDR:
	case CONF_T_ADDRS:
		return address_remedy(value, a);
	case CONF_T_PREFIXES:
		return STR("write an address, a slash and the number of fixed bits");
	default:
		return STR("");
	}
}

struct str describe_nearest(const struct conf_key *key, uint64_t value, bool huge,
			    struct arena *a)
{
	bool above = huge || (key->max && value > key->max);
	struct str bound = describe_amount(key->type, above ? key->max : key->min, a);

	if (above && key->max == 0)
		return STR("write a smaller value");
	return arena_printf(a, "write %.*s or %s", STR_ARG(bound),
			    above ? "less" : "more");
}

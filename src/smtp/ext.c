#include "smtp/ext.h"

static const struct str keywords[EXT_COUNT] = {
#define EXT(id, keyword, rfc) [EXT_##id] = STR_INIT(keyword),
#include "smtp/extensions.def"
#undef EXT
};

struct str smtp_ext_keyword(enum smtp_ext x)
{
	assert(x < EXT_COUNT);
	return keywords[x];
}

/* RFC 1870 4: "SIZE" alone says that no limit is stated. */
static void write_size(const struct smtp_offer *o, struct buf *ret)
{
	if (!o->size_max)
		return;
	buf_add_c(ret, ' ');
	buf_add_u64(ret, o->size_max);
}

/* RFC 9422 3. */
static void write_limits(const struct smtp_offer *o, struct buf *ret)
{
	if (o->mail_max) {
		buf_add(ret, STR(" MAILMAX="));
		buf_add_u64(ret, o->mail_max);
	}
	if (o->rcpt_max) {
		buf_add(ret, STR(" RCPTMAX="));
		buf_add_u64(ret, o->rcpt_max);
	}
}

/* A keyword that would stand there without the arguments it needs is left out. */
static bool worth_saying(const struct smtp_offer *o, enum smtp_ext x)
{
	if (x == EXT_LIMITS && !o->mail_max && !o->rcpt_max)
		return false;
	if (x == EXT_AUTH && !o->auth_mechanisms)
		return false;
	return smtp_offers(o, x);
}

void smtp_offer_write(const struct smtp_offer *o, struct buf *ret)
{
	bool first = true;

	for (size_t i = 0; i < EXT_COUNT; i++) {
		enum smtp_ext x = (enum smtp_ext)i;

		if (!worth_saying(o, x))
			continue;
		if (!first)
			buf_add_c(ret, '\n');
		first = false;
		buf_add(ret, keywords[x]);
		if (x == EXT_SIZE)
			write_size(o, ret);
		if (x == EXT_LIMITS)
			write_limits(o, ret);
	}
}

/* Digits, saturated; what is no number states nothing. */
static uint64_t read_number(struct str s, uint64_t max)
{
	uint64_t v = 0;

	return str_to_u64(s, max, &v) == -ERANGE ? max : v;
}

static void read_limits(struct str args, struct smtp_offer *o)
{
	struct str word, name;

	while (str_word(&args, &word)) {
		uint32_t v;

		if (!str_split(&word, '=', &name))
			continue;
		v = (uint32_t)read_number(word, UINT32_MAX);
		if (str_eq_nocase(name, STR("MAILMAX")))
			o->mail_max = v;
		else if (str_eq_nocase(name, STR("RCPTMAX")))
			o->rcpt_max = v;
	}
}

void smtp_offer_read(struct str line, struct smtp_offer *o)
{
	struct str word;
	size_t x = 0;

	if (!str_word(&line, &word))
		return;
	while (x < EXT_COUNT && !str_eq_nocase(word, keywords[x]))
		x++;
	if (x == EXT_COUNT)
		return;
	o->set |= UINT32_C(1) << x;
	if (x == EXT_SIZE)
		o->size_max = str_word(&line, &word) ? read_number(word, UINT64_MAX) : 0;
	if (x == EXT_LIMITS)
		read_limits(line, o);
}

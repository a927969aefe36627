#include "spool/envelope.h"

/* Crockford's base 32: no I, L, O, U, so that an id can be read over the telephone. */
static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct str spool_id_text(spool_id id, char ret[SPOOL_ID_TEXT])
{
	for (int i = SPOOL_ID_TEXT - 2; i >= 0; i--, id >>= 5)
		ret[i] = digits[id & 31];
	ret[SPOOL_ID_TEXT - 1] = '\0';
	return str_of(ret, SPOOL_ID_TEXT - 1);
}

/* The value of one digit; O reads as 0, I and L as 1; -1 for anything else. */
static int digit_value(char c)
{
	c = ch_lower(c);
	if (c == 'o')
		return 0;
	if (c == 'i' || c == 'l')
		return 1;
	for (int i = 0; i < 32; i++)
		if (ch_lower(digits[i]) == c)
			return i;
	return -1;
}

int spool_id_parse(struct str s, spool_id *ret)
{
	spool_id id = 0;

	if (s.n != SPOOL_ID_TEXT - 1 || digit_value(s.p[0]) > 15)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++) {
		int v = digit_value(s.p[i]);

		if (v < 0)
			return -EBADMSG;
		id = id << 5 | (spool_id)v;
	}
	if (!id)
		return -EBADMSG;
	*ret = id;
	return 0;
}

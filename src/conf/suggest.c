#include "conf/suggest.h"

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein's distance, two neighbours exchanged counting as one; case is ignored. */
static size_t distance(struct str a, struct str b)
{
	size_t row[3][SUGGEST_BYTES_MAX + 1];
	size_t *before = row[0], *above = row[1], *now = row[2];

	for (size_t j = 0; j <= b.n; j++)
		above[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			bool same = ch_lower(a.p[i - 1]) == ch_lower(b.p[j - 1]);

			now[j] = least(above[j] + 1, now[j - 1] + 1,
				       above[j - 1] + !same);
			if (i > 1 && j > 1 &&
			    ch_lower(a.p[i - 1]) == ch_lower(b.p[j - 2]) &&
			    ch_lower(a.p[i - 2]) == ch_lower(b.p[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1, SIZE_MAX);
		}
		before = above;
		above = now;
		now = spare;
	}
	return above[b.n];
}

void suggest_begin(struct suggest *s, struct str wanted)
{
	*s = (struct suggest){ .wanted = wanted, .distance = (wanted.n + 2) / 3 + 1 };
}

void suggest_offer(struct suggest *s, struct str known)
{
	size_t d;

	if (s->wanted.n == 0 || s->wanted.n > SUGGEST_BYTES_MAX ||
	    known.n > SUGGEST_BYTES_MAX)
		return;
	d = distance(s->wanted, known);
	if (str_starts_nocase(known, s->wanted) && d >= s->distance)
		d = s->distance - (s->best.n == 0); /* "cert" for "certificate" */
	if (d >= s->distance)
		return;
	s->best = known;
	s->distance = d;
}

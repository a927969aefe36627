#include "mime/inner.h"

enum { PIECES_MAX = 128 };

/* RFC 2231 4: charset'language'text, with percent codes. */
static struct str charset_take(struct str *value)
{
	ptrdiff_t first = str_find(*value, '\''), second;
	struct str charset;

	if (first < 0)
		return STR_NONE;
	second = str_find(str_skip(*value, (size_t)first + 1), '\'');
	if (second < 0)
		return STR_NONE;
	charset = str_sub(*value, 0, (size_t)first);
	*value = str_skip(*value, (size_t)(first + second + 2));
	return charset;
}

static void put(const struct pieces_out *out, struct str value, bool odd)
{
	if (value.p)
		out->put(out->p, value, odd);
}

static void put_extended(const struct pieces_out *out, struct str raw, bool odd)
{
	struct mime_words *w = head_words(out->p);
	struct str text = raw, charset = charset_take(&text), decoded;

	if (mime_percent_decode(w, text, &decoded))
		text = decoded;
	put(out, mime_words_utf8(w, charset, text), odd);
}

enum how { AS_MARKED, ALL_CODED, NONE_CODED };

/* The pieces in the order of `order`, joined, decoded. */
static void join(const struct pieces_out *out, const struct mime_param *const *order,
		 size_t n, enum how how)
{
	struct mime_words *w = head_words(out->p);
	CLEANUP(buf_done) struct buf joined = { .bytes_max = FIELD_BYTES_MAX };
	struct str charset = STR_NONE;

	for (size_t i = 0; i < n; i++) {
		struct str text = order[i]->value, decoded;
		bool coded = how == ALL_CODED || (how == AS_MARKED && order[i]->extended);

		if (i == 0 && coded)
			charset = charset_take(&text);
		if (coded && mime_percent_decode(w, text, &decoded))
			text = decoded;
		buf_add(&joined, text);
	}
	if (joined.n && !joined.err)
		put(out,
		    mime_words_utf8(w, charset, arena_str(w->arena, buf_str(&joined))),
		    how != AS_MARKED);
}

static void sort_by_index(const struct mime_param **order, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const struct mime_param *one = order[i];
		size_t k = i;

		for (; k && order[k - 1]->index > one->index; k--)
			order[k] = order[k - 1];
		order[k] = one;
	}
}

static size_t without_doubles(const struct mime_param **order, size_t n, bool last,
			      const struct mime_param **ret)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!kept || ret[kept - 1]->index != order[i]->index)
			ret[kept++] = order[i];
		else if (last)
			ret[kept - 1] = order[i];
	}
	return kept;
}

/* RFC 2231 3 says 0, 1, 2 …; what programs make of anything else differs. */
static void join_all(const struct pieces_out *out, const struct mime_param **order,
		     size_t n)
{
	const struct mime_param *sorted[PIECES_MAX], *other[PIECES_MAX];
	bool regular = true, mixed = false;
	size_t gap = n;

	memcpy(sorted, order, n * sizeof(*order));
	sort_by_index(sorted, n);
	for (size_t i = 0; i < n; i++) {
		if (sorted[i]->index != (int)i) {
			gap = i < gap ? i : gap;
			regular = false;
		}
		mixed |= sorted[i]->extended != sorted[0]->extended;
		regular &= order[i] == sorted[i];
	}
	join(out, sorted, n, AS_MARKED);
	if (mixed || !regular) {
		join(out, sorted, n, ALL_CODED);
		join(out, sorted, n, NONE_CODED);
	}
	if (regular)
		return;
	mime_tell(out->p, MIME_NAME_PIECES);
	if (gap)
		join(out, sorted, gap, AS_MARKED);
	join(out, order, n, AS_MARKED);
	join(out, other, without_doubles(sorted, n, false, other), AS_MARKED);
	join(out, other, without_doubles(sorted, n, true, other), AS_MARKED);
	for (size_t i = 0; i < n; i++)
		other[i] = order[n - 1 - i];
	join(out, other, n, AS_MARKED);
	for (size_t i = 0; i < n && i < 4; i++)
		join(out, &sorted[i], 1, AS_MARKED);
}

void pieces_join(const struct pieces_out *out, const struct mime_param *list, size_t n,
		 struct str key)
{
	const struct mime_param *order[PIECES_MAX];
	size_t pieces = 0;

	for (size_t i = 0; i < n; i++) {
		const struct mime_param *param = &list[i];

		if (!str_eq_nocase(param->key, key))
			continue;
		if (param->index >= 0 && !param->guessed) {
			if (pieces < PIECES_MAX)
				order[pieces++] = param;
			else
				mime_tell(out->p, MIME_LIMIT_PARAMETERS);
		} else if (param->extended) {
			put_extended(out, param->value, param->guessed);
			put(out, param->value, true);
		} else {
			put(out, param->value, param->guessed);
			if (param->other.n)
				put(out, param->other, true);
		}
	}
	if (pieces)
		join_all(out, order, pieces);
}

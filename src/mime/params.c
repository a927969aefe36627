#include "mime/params.h"

enum { COMMENT_DEPTH_MAX = 32, SEARCH_HITS_MAX = 16 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The length of a comment at the start of s, or 0 when it has no end. */
static size_t comment_bytes(struct str s)
{
	size_t depth = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(' && depth++ == COMMENT_DEPTH_MAX)
			return 0;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}

static size_t quoted_bytes(struct str s) /* with its quotes; 0: no end */
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

struct str mime_comments_removed(struct str s, struct arena *arena)
{
	char *out = arena_alloc(arena, s.n + 1);
	size_t n = 0, skip;

	for (size_t i = 0; out && i < s.n; i++) {
		skip = s.p[i] == '(' ? comment_bytes(str_skip(s, i)) : 0;
		if (skip) {
			i += skip - 1;
			continue;
		}
		skip = s.p[i] == '"' ? quoted_bytes(str_skip(s, i)) : 0;
		if (skip) {
			memcpy(out + n, s.p + i, skip);
			n += skip;
			i += skip - 1;
			continue;
		}
		out[n++] = s.p[i];
	}
	return str_of(out, n);
}

/* Blanks and comments at the start of *s; true: a comment was there. */
static bool skip_gaps(struct str *s)
{
	bool comment = false;
	size_t n;

	while (s->n) {
		if (is_blank(s->p[0])) {
			*s = str_skip(*s, 1);
			continue;
		}
		n = s->p[0] == '(' ? comment_bytes(*s) : 0;
		if (n == 0)
			break;
		*s = str_skip(*s, n);
		comment = true;
	}
	return comment;
}

/* Backslashes and line ends removed; with folds, blanks behind line ends, too. */
static struct str unquote(struct str s, bool escapes, bool folds, struct arena *arena)
{
	char *out = arena_alloc(arena, s.n + 1);
	size_t n = 0;
	bool folding = false;

	for (size_t i = 0; out && i < s.n; i++) {
		char c = s.p[i];

		if (c == '\r' || c == '\n') {
			folding = folds;
			continue;
		}
		if (folding && is_blank(c))
			continue;
		folding = false;
		if (escapes && c == '\\' && i + 1 < s.n)
			c = s.p[++i];
		out[n++] = c;
	}
	return str_of(out, n);
}

static bool has_fold(struct str s)
{
	return str_find(s, '\n') >= 0 || str_find(s, '\r') >= 0;
}

static struct mime_param *add_param(struct mime_params *p)
{
	if (p->n == PARAMS_MAX) {
		p->odd |= PARAMS_LIMIT;
		return NULL;
	}
	p->list[p->n] = (struct mime_param){ .index = -1 };
	return &p->list[p->n++];
}

/* "name*12*": the key without *12*, and what that says. */
static void split_key(struct mime_param *param, struct str key)
{
	ptrdiff_t star;
	uint64_t index;

	if (key.n > 1 && key.p[key.n - 1] == '*') {
		param->extended = true;
		key.n--;
	}
	star = str_rfind(key, '*');
	if (star > 0) {
		struct str digits = str_skip(key, (size_t)star + 1);

		if (digits.n == 0)
			param->index = PARAMS_INDEX_MAX; /* "name**": no index */
		else if (str_to_u64(digits, PARAMS_INDEX_MAX, &index) == 0)
			param->index = (int)index;
		else
			star = (ptrdiff_t)key.n;
		key = str_sub(key, 0, (size_t)star);
	}
	param->key = str_trim(key);
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (ch_control(s.p[i]) && !is_blank(s.p[i]))
			return true;
	return false;
}

/* A value in quotes at the start of *s. */
static void quoted_value(struct mime_params *p, struct mime_param *param, struct str *s,
			 struct arena *arena)
{
	size_t n = quoted_bytes(*s);
	struct str inside;

	if (n == 0) {
		p->odd |= PARAMS_ODD_QUOTING;
		n = s->n;
		inside = str_skip(*s, 1);
	} else {
		inside = str_sub(*s, 1, n - 2);
	}
	param->value = unquote(inside, true, false, arena);
	if (has_fold(inside))
		param->other = unquote(inside, true, true, arena);
	*s = str_skip(*s, n);
	if (skip_gaps(s))
		p->odd |= PARAMS_ODD_COMMENT;
	if (s->n && s->p[0] != ';') {
		/* key="a"b; or a missing ; before the next key */
		p->odd |= str_find(*s, '=') > 0 && ch_alpha(s->p[0])
				  ? PARAMS_ODD_SEPARATOR
				  : PARAMS_ODD_QUOTING;
	}
}

/* A value without quotes, to the next ; or, when a key follows, to the blank before. */
static void plain_value(struct mime_params *p, struct mime_param *param, struct str *s,
			struct arena *arena)
{
	struct str token;
	ptrdiff_t end = str_find(*s, ';');
	bool gap = false;

	token = end < 0 ? *s : str_sub(*s, 0, (size_t)end);
	for (size_t i = 0; i < token.n; i++) {
		gap |= is_blank(token.p[i]);
		if (token.p[i] == '=' && gap)
			p->odd |= PARAMS_ODD_SEPARATOR;
		if (token.p[i] == ',' || token.p[i] == '\\')
			p->odd |= PARAMS_ODD_WORD;
		if (token.p[i] == '"')
			p->odd |= PARAMS_ODD_QUOTING;
		if (token.p[i] == '(')
			p->odd |= PARAMS_ODD_COMMENT;
	}
	param->value = str_trim(unquote(token, false, false, arena));
	if (has_fold(str_trim(token)))
		param->other = str_trim(unquote(token, false, true, arena));
	*s = str_skip(*s, token.n);
}

/* One parameter at the start of *s, up to and with its ; */
static void one_param(struct mime_params *p, struct str *s, struct arena *arena)
{
	struct mime_param *param;
	struct str key;
	size_t n = 0;

	while (n < s->n && s->p[n] != '=' && s->p[n] != ';')
		n += s->p[n] == '(' && comment_bytes(str_skip(*s, n))
			     ? comment_bytes(str_skip(*s, n))
			     : 1;
	key = str_sub(*s, 0, n);
	*s = str_skip(*s, n);
	if (!s->n || s->p[0] == ';') { /* no = */
		if (str_trim(key).n)
			p->odd |= PARAMS_ODD_SEPARATOR;
		*s = str_skip(*s, 1);
		return;
	}
	param = add_param(p);
	if (!param) {
		*s = STR_NONE;
		return;
	}
	if (str_find(key, '(') >= 0) {
		p->odd |= PARAMS_ODD_COMMENT;
		key = mime_comments_removed(key, arena);
	}
	if (str_trim(key).n != key.n)
		p->odd |= PARAMS_ODD_BLANKS;
	key = str_trim(key);
	for (size_t i = 0; i < key.n; i++)
		if (is_blank(key.p[i]) || key.p[i] == ',' || key.p[i] == '"')
			p->odd |= PARAMS_ODD_SEPARATOR;
	split_key(param, key);
	*s = str_skip(*s, 1);
	if (s->n && is_blank(s->p[0]))
		p->odd |= PARAMS_ODD_BLANKS;
	if (skip_gaps(s))
		p->odd |= PARAMS_ODD_COMMENT;
	if (s->n && s->p[0] == '"')
		quoted_value(p, param, s, arena);
	else
		plain_value(p, param, s, arena);
}

int mime_params_parse(struct str value, struct arena *arena, struct mime_params *ret)
{
	size_t n = 0, skip;
	struct str s = value;

	ret->n = 0;
	ret->odd = has_control(value) ? PARAMS_ODD_CONTROL : 0;
	while (n < s.n && s.p[n] != ';') {
		skip = s.p[n] == '(' ? comment_bytes(str_skip(s, n)) : 0;
		n += skip ? skip : 1;
	}
	ret->raw_word = str_trim(str_sub(s, 0, n));
	ret->word = str_trim(mime_comments_removed(ret->raw_word, arena));
	if (ret->raw_word.n && !ret->word.p)
		return -ENOMEM;
	for (size_t i = 0; i < ret->word.n; i++)
		if (is_blank(ret->word.p[i]) || ret->word.p[i] == ',' ||
		    ret->word.p[i] == '=' || ret->word.p[i] == '"')
			ret->odd |= PARAMS_ODD_WORD;
	s = str_skip(s, n + 1);
	while (s.n) {
		if (skip_gaps(&s))
			ret->odd |= PARAMS_ODD_COMMENT;
		if (s.n && s.p[0] == ';')
			s = str_skip(s, 1);
		else if (s.n)
			one_param(ret, &s, arena);
	}
	return 0;
}

struct search {
	struct mime_params *p;
	struct arena *arena;
	struct mime_param like; /* key, index, extended */
};

static void found(struct search *f, struct str value)
{
	struct mime_param *param;

	for (size_t i = 0; i < f->p->n; i++) {
		param = &f->p->list[i];
		if (str_eq_nocase(param->key, f->like.key) &&
		    param->index == f->like.index &&
		    param->extended == f->like.extended && str_eq(param->value, value))
			return;
	}
	param = add_param(f->p);
	if (!param)
		return;
	*param = f->like;
	param->value = value;
	param->guessed = true;
}

static size_t until(struct str s, const char *stops)
{
	size_t n = 0;

	while (n < s.n && !strchr(stops, s.p[n]) && s.p[n])
		n++;
	return n;
}

/* All that could be meant by the value at the start of s. */
static void values(struct search *f, struct str s)
{
	struct str inside, token;
	size_t n;

	if (s.n && s.p[0] == '"') {
		inside = str_skip(s, 1);
		n = until(inside, "\"");
		found(f, unquote(str_sub(inside, 0, n), false, false, f->arena));
		n = quoted_bytes(s);
		token = n ? str_sub(s, 1, n - 2) : inside;
		found(f, unquote(token, true, false, f->arena));
		found(f, unquote(token, false, true, f->arena));
		found(f, str_sub(inside, 0, until(inside, "\"; \t\r\n")));
		found(f, str_sub(inside, 0, until(inside, "\";\r\n")));
		found(f, str_sub(s, 0, until(s, "; \t\r\n"))); /* with the quote */
	}
	found(f, str_sub(s, 0, until(s, "; \t\r\n")));
	found(f, str_sub(s, 0, until(s, "; \t\r\n,")));
	found(f, str_sub(s, 0, until(s, "; \t\r\n\"(")));
	found(f, str_sub(s, 0, until(s, "; \t\r\n(")));
	token = str_trim(str_sub(s, 0, until(s, ";")));
	found(f, unquote(token, false, false, f->arena));
	found(f, unquote(token, true, false, f->arena));
	token = str_trim(str_sub(s, 0, until(s, "\r\n")));
	found(f, token);
	if (s.n && s.p[0] == '\'') {
		inside = str_skip(s, 1);
		found(f, str_sub(inside, 0, until(inside, "'\r\n")));
	}
	/* Quotes in the middle, removed. */
	token = str_sub(s, 0, until(s, "; \t\r\n"));
	if (token.n && memchr(token.p, '"', token.n)) {
		char *out = arena_alloc(f->arena, token.n);

		n = 0;
		for (size_t i = 0; out && i < token.n; i++)
			if (token.p[i] != '"')
				out[n++] = token.p[i];
		found(f, str_of(out, n));
	}
}

/* Behind the letters of the key: *N*, blanks, comments, = in between. */
static bool search_equal(struct search *f, struct str *s)
{
	size_t n = 0;
	struct str key;

	while (n < s->n && (s->p[n] == '*' || ch_digit(s->p[n])))
		n++;
	key = str_of(f->like.key.p, f->like.key.n);
	if (n) {
		char *whole = arena_alloc(f->arena, key.n + n);

		if (!whole)
			return false;
		memcpy(whole, key.p, key.n);
		memcpy(whole + key.n, s->p, n);
		split_key(&f->like, str_of(whole, key.n + n));
	}
	*s = str_skip(*s, n);
	for (;;) {
		(void)skip_gaps(s);
		if (s->n && (s->p[0] == '"' || ch_control(s->p[0])))
			*s = str_skip(*s, 1);
		else
			break;
	}
	if (!s->n || s->p[0] != '=')
		return false;
	while (s->n && s->p[0] == '=')
		*s = str_skip(*s, 1);
	(void)skip_gaps(s);
	return true;
}

void mime_params_search(struct str value, struct str key, struct arena *arena,
			struct mime_params *p)
{
	unsigned hits = 0;

	for (size_t at = 0; at + key.n < value.n; at++) {
		struct search f = { p, arena, { .key = key, .index = -1 } };
		struct str s = str_skip(value, at);

		if (!str_starts_nocase(s, key) || (at && ch_alnum(value.p[at - 1])))
			continue;
		s = str_skip(s, key.n);
		if (!search_equal(&f, &s))
			continue;
		if (hits++ == SEARCH_HITS_MAX) {
			p->odd |= PARAMS_LIMIT;
			return;
		}
		values(&f, s);
	}
}

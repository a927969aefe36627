#include "mime/inner.h"

enum { BOUNDARY_RFC_MAX = 70, BENIGN_MAX = 40 };

static struct arena *arena_of(struct mime_parser *p)
{
	return &p->head.arena;
}

struct mime_words *head_words(struct mime_parser *p)
{
	p->budget->words.arena = &p->head.arena;
	return &p->budget->words;
}

void head_begin(struct mime_parser *p, bool keep)
{
	struct arena arena = p->head.arena;

	if (keep) { /* the same header goes on, as some read it */
		p->head.fields = 0;
		p->head.name_count = 0;
		return;
	}
	arena_reset(&arena);
	arena.bytes_max = HEAD_BYTES_MAX;
	memset(&p->head, 0, sizeof(p->head));
	p->head.arena = arena;
}

static struct str lower(struct mime_parser *p, struct str s)
{
	struct str out = arena_str(arena_of(p), s);
	char *at = (char *)(uintptr_t)out.p;

	for (size_t i = 0; out.p && i < out.n; i++)
		at[i] = ch_lower(at[i]);
	return out;
}

static bool list_add(struct str *list, size_t *n, size_t max, struct str s)
{
	for (size_t i = 0; i < *n; i++)
		if (str_eq(list[i], s))
			return true;
	if (*n == max)
		return false;
	list[(*n)++] = s;
	return true;
}

static struct str without(struct mime_parser *p, struct str s, bool (*bad)(char))
{
	char *out = arena_alloc(arena_of(p), s.n + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < s.n; i++)
		if (!bad(s.p[i]))
			out[n++] = s.p[i];
	return str_of(out, n);
}

static bool ends_field(char c)
{
	return c == '\r' || c == '\n';
}

static bool is_control(char c)
{
	return ch_control(c) && c != '\t' && c != '\r' && c != '\n';
}

static bool is_gap(char c)
{
	return c == ' ' || ch_control(c);
}

static void boundary_one(struct mime_parser *p, struct str s)
{
	struct head *h = &p->head;

	if (s.p && !list_add(h->boundaries, &h->boundary_count, BOUNDARIES_MAX, s))
		mime_tell(p, MIME_LIMIT_BOUNDARIES);
}

/* A candidate and what comes of blanks, controls, codes and quotes in it. M4-M6. */
static void boundary_put(struct mime_parser *p, struct str s, bool odd)
{
	struct str other;
	size_t n = s.n;

	if (odd && s.n == 0)
		return; /* a search found nothing */
	while (n && is_gap(s.p[n - 1]))
		n--;
	boundary_one(p, str_sub(s, 0, n)); /* lines are compared without blanks behind */
	if (n != s.n || (n && is_gap(s.p[0])))
		mime_tell(p, MIME_BOUNDARY_BLANKS);
	if (n == 0)
		mime_tell(p, MIME_BOUNDARY_EMPTY);
	if (s.n > BOUNDARY_RFC_MAX)
		mime_tell(p, MIME_BOUNDARY_LONG);
	s = str_sub(s, 0, n);
	boundary_one(p, str_trim(s));
	for (size_t i = 0; i < s.n; i++) {
		if (!is_gap(s.p[i]))
			continue;
		if (ch_control(s.p[i]))
			mime_tell(p, MIME_BOUNDARY_BLANKS);
		boundary_one(p, without(p, s, is_gap));
		boundary_one(p, without(p, s, is_control));
		if (i)
			boundary_one(p, str_sub(s, 0, i));
		break;
	}
	if (mime_words_decode(head_words(p), s, &other)) {
		mime_tell(p, MIME_BOUNDARY_EXTENDED);
		boundary_one(p, str_trim(other));
	}
	if (s.n > 2 && s.p[0] == '\'' && s.p[s.n - 1] == '\'')
		boundary_one(p, str_sub(s, 1, s.n - 2));
}

/* Findings about boundaries, from what the parameters say. M2, M3, M4. */
static void boundary_findings(struct mime_parser *p, const struct mime_params *v)
{
	struct str first = STR_NONE;
	unsigned count = 0;

	for (size_t i = 0; i < v->n; i++) {
		const struct mime_param *param = &v->list[i];

		if (!str_eq_nocase(param->key, STR("boundary")) || param->guessed)
			continue;
		if (param->extended || param->index >= 0)
			mime_tell(p, MIME_BOUNDARY_EXTENDED);
		if (param->other.n)
			mime_tell(p, MIME_BOUNDARY_BLANKS);
		if (count++ && !str_eq(first, param->value) && param->index < 0)
			mime_tell(p, MIME_DUPLICATE_BOUNDARY);
		first = param->value;
	}
}

static void odd_findings(struct mime_parser *p, unsigned odd)
{
	if (odd & PARAMS_ODD_COMMENT)
		mime_tell(p, MIME_PARAMETER_COMMENT);
	if (odd & (PARAMS_ODD_SEPARATOR | PARAMS_ODD_WORD))
		mime_tell(p, MIME_PARAMETER_SEPARATOR);
	if (odd & PARAMS_ODD_QUOTING)
		mime_tell(p, MIME_BOUNDARY_QUOTING);
	if (odd & PARAMS_ODD_BLANKS)
		mime_tell(p, MIME_PARAMETER_BLANKS);
}

static void pieces_keep(struct mime_parser *p, const struct mime_params *v)
{
	struct head *h = &p->head;

	for (size_t i = 0; i < v->n; i++) {
		const struct mime_param *param = &v->list[i];

		if (str_eq_nocase(param->key, STR("charset")))
			(void)list_add(h->charsets, &h->charset_count, CHARSETS_MAX,
				       lower(p, param->value));
		if (!str_eq_nocase(param->key, STR("name")) &&
		    !str_eq_nocase(param->key, STR("filename")))
			continue;
		if (h->piece_count < PARAMS_MAX)
			h->pieces[h->piece_count++] = *param;
		else
			mime_tell(p, MIME_LIMIT_PARAMETERS);
	}
	if (v->odd & PARAMS_LIMIT)
		mime_tell(p, MIME_LIMIT_PARAMETERS);
}

static void type_add(struct mime_parser *p, struct str word)
{
	struct head *h = &p->head;
	struct str decoded, first = word;

	word = lower(p, without(p, word, is_gap));
	if (!word.p)
		return;
	(void)list_add(h->types, &h->type_count, TYPES_MAX, word);
	for (size_t i = 0; i < first.n; i++) {
		if (!strchr(" \t\r\n,=\"", first.p[i]))
			continue;
		(void)list_add(h->types, &h->type_count, TYPES_MAX,
			       lower(p, str_sub(first, 0, i)));
		break;
	}
	if (mime_words_decode(head_words(p), first, &decoded)) {
		mime_tell(p, MIME_TYPE_ODD);
		(void)list_add(h->types, &h->type_count, TYPES_MAX, lower(p, decoded));
	}
}

static bool mentions_boundary(struct str value)
{
	for (size_t i = 0; i + 8 <= value.n; i++)
		if (str_starts_nocase(str_skip(value, i), STR("boundary")))
			return true;
	return false;
}

static void type_value(struct mime_parser *p, struct str value)
{
	const struct pieces_out out = { p, boundary_put };
	struct mime_params *v = &p->params;
	unsigned odd;
	bool matters;

	if (mime_params_parse(value, arena_of(p), v) < 0) {
		mime_tell(p, MIME_LIMIT_MEMORY);
		return;
	}
	type_add(p, v->word);
	matters = mentions_boundary(value);
	odd = v->odd;
	if (matters)
		boundary_findings(p, v);
	if (odd) {
		mime_params_search(value, STR("boundary"), arena_of(p), v);
		mime_params_search(value, STR("name"), arena_of(p), v);
		mime_params_search(value, STR("filename"), arena_of(p), v);
	}
	if (matters)
		odd_findings(p, odd);
	pieces_join(&out, v->list, v->n, STR("boundary"));
	pieces_keep(p, v);
}

/* The value as it is, without controls, and up to the first one. M10. */
static void each_reading(struct mime_parser *p, struct str value,
			 void (*read)(struct mime_parser *, struct str))
{
	read(p, value);
	for (size_t i = 0; i < value.n; i++) {
		if (!is_control(value.p[i]))
			continue;
		mime_tell(p, MIME_FIELD_CONTROL);
		p->head.odd = true;
		read(p, without(p, value, is_control));
		read(p, str_sub(value, 0, i));
		return;
	}
}

static void content_type(struct mime_parser *p, struct str value)
{
	struct head *h = &p->head;

	if (h->types_seen++ == 0) {
		h->type_value = value;
	} else {
		bool same = str_eq(str_trim(value), str_trim(h->type_value));

		mime_tell(p, same ? MIME_REPEATED_FIELD : MIME_DUPLICATE_CONTENT_TYPE);
		h->odd |= !same;
	}
	each_reading(p, value, type_value);
}

static const struct {
	struct str name;
	enum mime_decoder decoder;
} encodings[] = {
	{ STR_INIT("7bit"), MIME_IDENTITY },
	{ STR_INIT("8bit"), MIME_IDENTITY },
	{ STR_INIT("binary"), MIME_IDENTITY },
	{ STR_INIT("base64"), MIME_BASE64 },
	{ STR_INIT("quoted-printable"), MIME_QP },
	{ STR_INIT("x-uuencode"), MIME_UUENCODE },
	{ STR_INIT("uuencode"), MIME_UUENCODE },
	{ STR_INIT("x-uue"), MIME_UUENCODE },
	{ STR_INIT("uue"), MIME_UUENCODE },
	{ STR_INIT("x-yencode"), MIME_YENC },
	{ STR_INIT("yenc"), MIME_YENC },
	{ STR_INIT("x-yenc"), MIME_YENC },
	{ STR_INIT("mac-binhex40"), MIME_BINHEX },
	{ STR_INIT("binhex40"), MIME_BINHEX },
	{ STR_INIT("binhex"), MIME_BINHEX },
	{ STR_INIT("x-binhex40"), MIME_BINHEX },
};

/* Words that say nothing, as honest mail has them. */
static bool harmless_encoding(struct str s)
{
	static const struct str words[] = { STR_INIT("7-bit"),     STR_INIT("8-bit"),
					    STR_INIT("7bits"),     STR_INIT("8bits"),
					    STR_INIT("7 bit"),     STR_INIT("8 bit"),
					    STR_INIT("utf-8"),     STR_INIT("utf8"),
					    STR_INIT("us-ascii"),  STR_INIT("none"),
					    STR_INIT("16bit"),     STR_INIT("identity"),
					    STR_INIT("iso-8859-1") };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (str_eq(s, words[i]))
			return true;
	return false;
}

static bool contains(struct str s, const char *what)
{
	return s.p && memmem(s.p, s.n, what, strlen(what));
}

/* M14: anything that somebody may take for a known one. */
static void encoding_guess(struct mime_parser *p, struct str s)
{
	struct head *h = &p->head;
	unsigned bits = 0;

	if (contains(s, "64"))
		bits |= 1u << MIME_BASE64;
	if (contains(s, "quot") || contains(s, "print") || contains(s, "qp"))
		bits |= 1u << MIME_QP;
	if (contains(s, "uu"))
		bits |= 1u << MIME_UUENCODE;
	if (contains(s, "yenc"))
		bits |= 1u << MIME_YENC;
	if (contains(s, "hex"))
		bits |= 1u << MIME_BINHEX;
	if (!bits && (contains(s, "bit") || contains(s, "bin")))
		bits = 1u << MIME_IDENTITY;
	mime_tell(p, bits ? MIME_ENCODING_ODD : MIME_ENCODING_UNKNOWN);
	if (!bits || contains(s, "x-gzip"))
		mime_tell(p, MIME_ENCODING_UNKNOWN);
	h->encodings |= bits | 1u << MIME_IDENTITY;
	h->encoding_odd = true;
}

static void encoding_value(struct mime_parser *p, struct str value)
{
	struct str s = str_trim(without(p, value, ends_field)), decoded, bare;
	struct str trimmed;

	s = lower(p, s);
	if (!s.p)
		return;
	for (size_t i = 0; i < COUNT_OF(encodings); i++) {
		if (!str_eq(s, encodings[i].name))
			continue;
		p->head.encodings |= 1u << encodings[i].decoder;
		if (value.n > s.n + BENIGN_MAX) {
			mime_tell(p, MIME_ENCODING_ODD);
			p->head.encoding_odd = true;
		}
		return;
	}
	if (harmless_encoding(s)) {
		p->head.encodings |= 1u << MIME_IDENTITY;
		return;
	}
	if (mime_words_decode(head_words(p), s, &decoded))
		s = lower(p, decoded);
	bare = str_trim(mime_comments_removed(s, arena_of(p)));
	trimmed = bare;
	while (trimmed.n && strchr(";,. \t\"'", trimmed.p[trimmed.n - 1]))
		trimmed.n--;
	for (size_t i = 0; i < COUNT_OF(encodings); i++)
		if (str_eq(trimmed, encodings[i].name) && trimmed.n == s.n - 1) {
			p->head.encodings |= 1u << encodings[i].decoder;
			if (encodings[i].decoder != MIME_IDENTITY)
				encoding_guess(p, s);
			return;
		}
	if (s.n == 0) {
		p->head.encodings |= 1u << MIME_IDENTITY;
		p->head.encoding_odd = true;
		return;
	}
	encoding_guess(p, s);
	if (bare.n != s.n) {
		for (size_t i = 0; i < COUNT_OF(encodings); i++)
			if (str_eq(bare, encodings[i].name))
				p->head.encodings |= 1u << encodings[i].decoder;
	}
}

static void content_encoding(struct mime_parser *p, struct str value)
{
	struct head *h = &p->head;

	if (h->encodings_seen++ == 0) {
		h->encoding_value = str_trim(value);
	} else if (str_eq_nocase(str_trim(value), h->encoding_value)) {
		mime_tell(p, MIME_REPEATED_FIELD);
	} else {
		mime_tell(p, MIME_DUPLICATE_CONTENT_ENCODING);
		h->encoding_odd = true;
	}
	each_reading(p, value, encoding_value);
}

static void disposition_value(struct mime_parser *p, struct str value)
{
	struct mime_params *v = &p->params;

	if (mime_params_parse(value, arena_of(p), v) < 0) {
		mime_tell(p, MIME_LIMIT_MEMORY);
		return;
	}
	if (v->odd) {
		mime_params_search(value, STR("filename"), arena_of(p), v);
		mime_params_search(value, STR("name"), arena_of(p), v);
	}
	if (!p->head.disposition.n)
		p->head.disposition = lower(p, v->word);
	pieces_keep(p, v);
}

static void content_disposition(struct mime_parser *p, struct str value)
{
	p->head.dispositions_seen++;
	each_reading(p, value, disposition_value);
}

struct str head_field_name(struct str raw, struct str *value)
{
	ptrdiff_t colon = str_find(str_sub(raw, 0, FIELD_NAME_MAX), ':');
	struct str name;

	if (colon <= 0)
		return STR_NONE;
	name = str_sub(raw, 0, (size_t)colon);
	*value = str_skip(raw, (size_t)colon + 1);
	return name;
}

/* Letters, digits and - of a name: what a generous reader compares. */
static struct str bare_name(struct str name, char ret[FIELD_NAME_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < FIELD_NAME_MAX; i++)
		if (name.p[i] == '_')
			ret[n++] = '-';
		else if (ch_alnum(name.p[i]) || name.p[i] == '-')
			ret[n++] = ch_lower(name.p[i]);
	return str_of(ret, n);
}

static const struct {
	struct str name;
	void (*read)(struct mime_parser *p, struct str value);
} readers[] = {
	{ STR_INIT("content-type"), content_type },
	{ STR_INIT("content-transfer-encoding"), content_encoding },
	{ STR_INIT("content-disposition"), content_disposition },
};

/* A field without a colon, or with something in front: M10. */
static bool field_guess(struct mime_parser *p, struct str raw)
{
	struct str value;

	raw = str_trim(raw);
	for (size_t i = 0; i < COUNT_OF(readers); i++) {
		if (!str_starts_nocase(raw, readers[i].name))
			continue;
		value = str_skip(raw, readers[i].name.n);
		if (value.n && (ch_alnum(value.p[0]) || value.p[0] == '-'))
			continue; /* another field's name goes on */
		mime_tell(p, MIME_FIELD_NAME);
		p->head.odd = true;
		readers[i].read(p, arena_str(arena_of(p), value));
		return true;
	}
	return false;
}

static void subject_words(struct mime_parser *p, struct str value)
{
	struct str decoded;

	p->budget->words.control = false;
	if (mime_words_decode(head_words(p), value, &decoded) && p->budget->words.control)
		mime_tell(p, MIME_WORD_CONTROL); /* M48 */
	if (p->budget->words.words_left == 0)
		mime_tell(p, MIME_LIMIT_WORDS);
}

void head_field(struct mime_parser *p, struct str raw)
{
	char bare[FIELD_NAME_MAX];
	struct str value = STR_NONE, name = head_field_name(raw, &value), key;

	if (p->head.fields++ >= FIELDS_MAX) {
		if (p->head.fields == FIELDS_MAX + 1)
			mime_tell(p, MIME_LIMIT_FIELDS);
		return;
	}
	if (!name.n) {
		(void)field_guess(p, raw);
		return;
	}
	if (p->visitor->field)
		p->visitor->field(p->ctx, p->part, name, value);
	key = bare_name(name, bare);
	for (size_t i = 0; i < COUNT_OF(readers); i++) {
		if (!str_eq(key, readers[i].name))
			continue;
		if (!str_eq_nocase(name, key) || (value.n && value.p[0] == ':')) {
			mime_tell(p, MIME_FIELD_NAME);
			p->head.odd = true;
		}
		while (value.n && value.p[0] == ':')
			value = str_skip(value, 1);
		value = arena_str(arena_of(p), value);
		if (!value.p)
			mime_tell(p, MIME_LIMIT_HEADER);
		else
			readers[i].read(p, value);
		return;
	}
	if (str_eq(key, STR("subject")) || str_eq(key, STR("from")) ||
	    str_eq(key, STR("to")))
		subject_words(p, value);
	else if (str_starts(key, STR("content-t")) || str_starts(key, STR("content-d")))
		(void)field_guess(p, raw);
}

/* A name and what its codes may make of it. M38-M42. */
static void name_put(struct mime_parser *p, struct str s, bool odd)
{
	struct head *h = &p->head;
	struct mime_words *w = head_words(p);
	struct str decoded, percent;
	ptrdiff_t nul = str_find(s, '\0');

	(void)odd;
	if (mime_words_decode(w, s, &decoded))
		s = decoded;
	name_add(p, h->names, &h->name_count, s);
	if (mime_percent_decode(w, s, &percent)) {
		name_add(p, h->names, &h->name_count, percent);
		nul = str_find(percent, '\0');
		s = percent;
	}
	if (nul > 0)
		name_add(p, h->names, &h->name_count, str_sub(s, 0, (size_t)nul));
}

static void names_compare(struct mime_parser *p, size_t sure)
{
	struct head *h = &p->head;
	struct str first = STR_NONE;

	for (size_t i = 0; i < sure; i++) {
		struct str extension = h->names[i].extension;

		if (!extension.n || str_find(extension, ' ') >= 0)
			continue;
		if (first.n && !str_eq(first, extension)) {
			mime_tell(p, MIME_NAME_DIFFERS);
			return;
		}
		first = extension;
	}
}

void head_end(struct mime_parser *p)
{
	const struct pieces_out out = { p, name_put };
	struct head *h = &p->head;
	struct mime_param *sure = p->params.list; /* no field is read any more */
	size_t n = 0;

	p->budget->words.hidden_charset = false;
	for (size_t i = 0; i < h->piece_count; i++)
		if (!h->pieces[i].guessed)
			sure[n++] = h->pieces[i];
	pieces_join(&out, sure, n, STR("filename"));
	pieces_join(&out, sure, n, STR("name"));
	names_compare(p, h->name_count);
	if (n < h->piece_count) {
		pieces_join(&out, h->pieces, h->piece_count, STR("filename"));
		pieces_join(&out, h->pieces, h->piece_count, STR("name"));
	}
	for (size_t i = 0; i < h->charset_count; i++)
		if (mime_charset_hides(h->charsets[i]))
			p->budget->words.hidden_charset = true;
	if (p->budget->words.hidden_charset)
		mime_tell(p, MIME_CHARSET_ODD);
	if (h->arena.bytes_max && h->arena.bytes >= h->arena.bytes_max)
		mime_tell(p, MIME_LIMIT_HEADER);
}

bool head_has_type(const struct head *h, struct str prefix)
{
	for (size_t i = 0; i < h->type_count; i++)
		if (str_starts(h->types[i], prefix))
			return true;
	return false;
}

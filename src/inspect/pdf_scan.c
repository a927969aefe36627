#include "inspect/pdf.h"

#include "base/mem.h"

static const struct {
	struct str text;
	bool active;
} names[PDF_NAME_COUNT] = {
#define PDF_NAME(name, text) [PDF_##name] = { STR_INIT(text), false },
#define ACTIVE(name, text) [PDF_##name] = { STR_INIT(text), true },
#include "inspect/pdf_names.def"
#undef PDF_NAME
#undef ACTIVE
};

void pdf_tell(struct pdf *pdf, enum inspect_finding_kind kind, size_t at,
	      struct str excerpt)
{
	page_tell(&pdf->page, kind, pdf->inside ? pdf->origin : at, excerpt);
}

enum pdf_name pdf_name_of(struct str raw, bool *active)
{
	char text[LEX_NAME_MAX + 1];
	size_t n = lex_name(raw, text);

	*active = false;
	for (size_t i = 1; i < COUNT_OF(names); i++)
		if (names[i].text.n == n && memcmp(names[i].text.p, text, n) == 0) {
			*active = names[i].active;
			return (enum pdf_name)i;
		}
	return PDF_OTHER;
}

static struct pdf_dict *top(struct pdf *pdf)
{
	return pdf->depth && pdf->depth <= PDF_NESTING_MAX ? &pdf->dicts[pdf->depth - 1]
							   : NULL;
}

static void open_dict(struct pdf *pdf, size_t at)
{
	struct pdf_dict *around = top(pdf), *d;

	if (pdf->depth++ >= PDF_NESTING_MAX) {
		pdf_tell(pdf, INSPECT_PDF_LIMIT, at, STR("nesting"));
		return;
	}
	d = top(pdf);
	*d = (struct pdf_dict){ .at = at, .length = SIZE_MAX };
	if (!around || !around->has_key)
		return;
	around->has_value = true;
	d->under = around->key;
	d->automatic = around->automatic || d->under == PDF_OPEN_ACTION ||
		       d->under == PDF_AA;
}

static void close_dict(struct pdf *pdf)
{
	struct pdf_dict *d = top(pdf), *around;

	if (!pdf->depth)
		return;
	pdf->depth--;
	if (!d)
		return;
	pdf_act(pdf, d);
	around = top(pdf);
	if (around && d->under == PDF_EF)
		memcpy(around->ef, d->ref, sizeof(d->ref));
	if (around && (d->under == PDF_DECODE_PARMS || d->under == PDF_DP))
		around->params = d->params;
	/* A file's name in a dictionary of its own. */
	if (around && d->under == PDF_F && !around->f.text.n)
		around->f = d->f.text.n ? d->f : d->uf;
	if (!pdf->depth) {
		pdf->last = *d;
		pdf->last_there = true;
	}
}

/* What is still open is complete: its object has ended. */
static void close_all(struct pdf *pdf)
{
	while (pdf->depth)
		close_dict(pdf);
}

static void set_name(struct pdf *pdf, struct pdf_dict *d, struct str raw)
{
	char text[LEX_NAME_MAX + 1];
	bool active;
	enum pdf_name value = pdf_name_of(raw, &active);
	enum filter f;

	switch (d->key) {
	case PDF_S:
		d->s = value;
		break;
	case PDF_TYPE:
		d->type = value;
		break;
	case PDF_SUBTYPE:
		d->subtype = value;
		break;
	case PDF_FILTER:
		f = filter_of(str_of(text, lex_name(raw, text)));
		if (f == FILTER_UNKNOWN)
			d->filter_unknown = raw;
		if (d->filter_n < PDF_FILTERS_MAX)
			d->filters[d->filter_n] = f;
		d->filter_n++;
		break;
	default:
		break;
	}
	if (active && memchr(raw.p, '#', raw.n))
		pdf_tell(pdf, INSPECT_PDF_ESCAPED_NAME, d->at, raw);
}

static void set_key(struct pdf *pdf, struct pdf_dict *d, struct str raw)
{
	bool active;

	d->key = pdf_name_of(raw, &active);
	d->has_key = true;
	d->has_value = false;
	if (active && memchr(raw.p, '#', raw.n))
		pdf_tell(pdf, INSPECT_PDF_ESCAPED_NAME, d->at, raw);
	if (d->key == PDF_XFA)
		pdf_tell(pdf, INSPECT_PDF_XFA, d->at, STR_NONE);
	pdf->js_there = pdf->js_there || d->key == PDF_JS || d->key == PDF_JAVASCRIPT;
	if (d->key == PDF_AA)
		pdf_tell(pdf, INSPECT_PDF_ADDITIONAL_ACTIONS, d->at, STR_NONE);
	if (d->key == PDF_RICH_MEDIA || d->key == PDF_RICH_MEDIA_CONTENT)
		pdf_tell(pdf, INSPECT_PDF_RICH_MEDIA, d->at, STR_NONE);
}

static void name(struct pdf *pdf, struct str raw)
{
	struct pdf_dict *d = top(pdf);

	if (!d)
		return;
	if (!d->has_key || (d->has_value && !d->arrays)) {
		set_key(pdf, d, raw);
		return;
	}
	d->has_value = true;
	set_name(pdf, d, raw);
}

static void string(struct pdf *pdf, const struct lex_token *t)
{
	struct pdf_dict *d = top(pdf);

	if (!d || !d->has_key)
		return;
	d->has_value = true;
	switch (d->key) {
	case PDF_F:
		d->f = *t;
		break;
	case PDF_UF:
		d->uf = *t;
		break;
	case PDF_P:
		d->p = *t;
		break;
	case PDF_URI:
		d->uri = *t;
		break;
	case PDF_JS:
		d->js = *t;
		break;
	default:
		break;
	}
}

static void number(struct pdf *pdf, uint64_t value)
{
	struct pdf_dict *d = top(pdf);

	pdf->numbers[1] = pdf->numbers[0];
	pdf->numbers[0] = (uint32_t)value;
	if (!d || !d->has_key)
		return;
	d->has_value = true;
	switch (d->key) {
	case PDF_LENGTH:
		d->length = d->length == SIZE_MAX ? value : SIZE_MAX - 1;
		break;
	case PDF_PREDICTOR:
		d->params.predictor = value;
		break;
	case PDF_COLUMNS:
		d->params.columns = value;
		break;
	case PDF_COLORS:
		d->params.colors = value;
		break;
	case PDF_BITS:
		d->params.bits = value;
		break;
	case PDF_EARLY:
		d->params.late = value == 0;
		break;
	default:
		break;
	}
}

static void reference(struct pdf *pdf)
{
	struct pdf_dict *d = top(pdf);
	uint32_t n = pdf->numbers[1];

	if (!d || !d->has_key)
		return;
	switch (d->key) {
	case PDF_JS:
		pdf_want(pdf, n, PDF_WANT_JS, NULL);
		break;
	case PDF_XFA:
		pdf_want(pdf, n, PDF_WANT_XFA, NULL);
		break;
	case PDF_OPEN_ACTION:
		pdf->open_reference = true;
		break;
	case PDF_F:
		d->ref[0] = n;
		break;
	case PDF_UF:
		d->ref[1] = n;
		break;
	default:
		break;
	}
}

/* The next place of the word from `at`, searched for once. SIZE_MAX: nowhere. */
static size_t next_of(struct str in, size_t *known, size_t at, struct str word)
{
	const char *found;

	if (*known != SIZE_MAX && *known < at) {
		found = memmem(in.p + at, in.n - at, word.p, word.n);
		*known = found ? (size_t)(found - in.p) : SIZE_MAX;
	}
	return *known;
}

static size_t skip_blanks(struct str in, size_t at)
{
	while (at < in.n && lex_blank(in.p[at]))
		at++;
	return at;
}

static size_t stream_end(struct pdf *pdf, size_t at)
{
	struct str in = pdf->lex.in;
	size_t end = next_of(in, &pdf->endstream, at, STR("endstream"));
	uint64_t n = pdf->last_there ? pdf->last.length : SIZE_MAX;

	if (n <= in.n - at &&
	    str_starts(str_skip(in, skip_blanks(in, at + (size_t)n)), STR("endstream")))
		return at + (size_t)n;
	return end == SIZE_MAX ? in.n : end;
}

static void add_stream(struct pdf *pdf, size_t at, size_t n)
{
	const struct pdf_dict *d = &pdf->last;
	struct pdf_stream *st;

	if (pdf->stream_n >= PDF_STREAMS_MAX) {
		pdf_tell(pdf, INSPECT_PDF_LIMIT, at, STR("streams"));
		return;
	}
	if (pdf->stream_n == pdf->stream_room) {
		size_t room = pdf->stream_room ? pdf->stream_room * 2 : 64;

		st = mem_realloc(pdf->streams, room * sizeof(*st));
		if (!st) {
			pdf_tell(pdf, INSPECT_MEMORY, at, STR_NONE);
			return;
		}
		pdf->streams = st;
		pdf->stream_room = room;
	}
	st = &pdf->streams[pdf->stream_n++];
	*st = (struct pdf_stream){ .number = pdf->number,
				   .at = at,
				   .n = n,
				   .type = d->type,
				   .subtype = d->subtype,
				   .filter_n = d->filter_n,
				   .params = d->params };
	for (size_t i = 0; i < PDF_FILTERS_MAX; i++)
		st->filters[i] = (uint8_t)d->filters[i];
}

/* An object within the data, for those who go by cross references: read from there. */
static size_t object_within(struct pdf *pdf, size_t at, size_t end)
{
	struct str in = pdf->lex.in;
	size_t obj = next_of(in, &pdf->obj, at, STR(" obj"));

	if (obj >= end)
		return end;
	while (obj > at && (ch_digit(in.p[obj - 1]) || in.p[obj - 1] == ' '))
		obj--;
	return obj;
}

static void stream(struct pdf *pdf)
{
	struct str in = pdf->lex.in;
	size_t at = pdf->lex.at, end;

	close_all(pdf);
	if (pdf->inside)
		return;
	while (at < in.n && (in.p[at] == ' ' || in.p[at] == '\t'))
		at++;
	at += at < in.n && in.p[at] == '\r';
	at += at < in.n && in.p[at] == '\n';
	end = stream_end(pdf, at);
	if (!pdf->last_there)
		pdf->last = (struct pdf_dict){ 0 };
	add_stream(pdf, at, end - at);
	pdf->last_there = false;
	pdf->lex.at = object_within(pdf, at, end);
}

static void word(struct pdf *pdf, const struct lex_token *t)
{
	struct pdf_dict *d = top(pdf);
	uint64_t value;

	if (str_to_u64(t->text, UINT32_MAX, &value) == 0) {
		number(pdf, value);
	} else if (str_eq(t->text, STR("R"))) {
		reference(pdf);
	} else if (str_eq(t->text, STR("obj"))) {
		close_all(pdf);
		pdf->last_there = false;
		pdf->number = pdf->numbers[1];
		pdf->objects++;
	} else if (str_eq(t->text, STR("stream"))) {
		stream(pdf);
	} else if (str_starts(t->text, STR("endobj")) ||
		   str_eq(t->text, STR("trailer")) || str_eq(t->text, STR("xref"))) {
		close_all(pdf);
	} else if (d && d->has_key) {
		d->has_value = true;
		if (d->key == PDF_ENCRYPT && str_eq(t->text, STR("null")))
			d->key = PDF_OTHER;
	}
}

static void token(struct pdf *pdf, const struct lex_token *t)
{
	struct pdf_dict *d = top(pdf);

	if (d && d->has_key && d->key == PDF_ENCRYPT && t->kind != LEX_NAME &&
	    !str_eq(t->text, STR("null"))) {
		pdf_tell(pdf, INSPECT_PDF_ENCRYPTED, t->at, STR_NONE);
		pdf->encrypted = true;
	}
	switch (t->kind) {
	case LEX_DICT:
		open_dict(pdf, t->at);
		break;
	case LEX_DICT_END:
		close_dict(pdf);
		break;
	case LEX_ARRAY:
	case LEX_ARRAY_END:
		if (d && t->kind == LEX_ARRAY)
			d->arrays++;
		else if (d && d->arrays)
			d->arrays--;
		if (d)
			d->has_value = d->has_key;
		break;
	case LEX_NAME:
		name(pdf, t->text);
		break;
	case LEX_STRING:
	case LEX_HEX:
	case LEX_BASE85:
		string(pdf, t);
		break;
	case LEX_WORD:
		word(pdf, t);
		break;
	default:
		break;
	}
}

void pdf_scan(struct pdf *pdf, struct str in, bool inside)
{
	struct lex_token t;

	pdf->inside = inside;
	pdf->depth = 0;
	pdf->last_there = false;
	pdf->endstream = pdf->obj = 0;
	lex_init(&pdf->lex, in);
	while (lex_next(&pdf->lex, &t))
		token(pdf, &t);
	close_all(pdf);
	if (pdf->lex.spent)
		pdf_tell(pdf, INSPECT_PDF_LIMIT, in.n, STR("strings without an end"));
}

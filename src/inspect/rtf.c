/*
 * RTF as Word reads it. Only what acts is looked at: objects, whose bytes are hex digits
 * with anything between them, fields, and the template. Where readers disagree about what
 * belongs to an object, both readings are looked at.
 */
#include "base/mem.h"
#include "inspect/office.h"
#include "inspect/ole.h"
#include "inspect/readers.h"

enum {
	RTF_DEPTH_MAX = 2000,
	TEXT_MAX = 4096, /* bytes kept of a field's instruction, a class, a template */
	WORD_MAX = 32,   /* letters of a control word that mean something */
	NUMBER_MAX = 0x7fffffff,
	OLE1_LINKED = 1,
	OLE1_EMBEDDED = 2,
};

enum destination {
	TO_NOWHERE,
	TO_OBJECT, /* \objdata */
	TO_CLASS,  /* \objclass */
	TO_FIELD,  /* \fldinst */
	TO_TEMPLATE,
};

struct level {
	enum destination to;
	bool owner;   /* its group began with the destination */
	bool star;    /* \* was read, the word is to come */
	bool ignored; /* a destination within object data that some readers leave out */
};

/* The bytes of an object by one reading. */
struct hex {
	struct buf bytes;
	int high; /* a digit that waits for the second one, or -1 */
};

struct rtf {
	struct scan *s;
	const struct object *o;
	struct str in;
	size_t at, start; /* start: of the object or text being collected */
	struct level levels[RTF_DEPTH_MAX];
	size_t depth, deeper;
	struct hex all, strict;
	struct buf text;
	bool junk;
	uint32_t fallback; /* characters that stand for a \u: \uc */
	uint32_t skip;     /* of them, still to come */
};

struct control {
	struct str word;
	bool has_number, negative;
	uint32_t number;
};

static struct level *top(struct rtf *r)
{
	return &r->levels[r->depth];
}

static void hex_digit(struct hex *h, int digit)
{
	if (h->high < 0) {
		h->high = digit;
		return;
	}
	buf_add_c(&h->bytes, (char)(h->high << 4 | digit));
	h->high = -1;
}

/* A text with its length before it: MS-OLEDS 2.1.4. */
static bool take_counted(struct str *in, struct str *text)
{
	uint32_t n = le32_at(*in, 0);

	if (in->n < 4 || n > in->n - 4)
		return false;
	*text = str_sub(*in, 4, n);
	*in = str_skip(*in, 4 + (size_t)n);
	while (text->n && !text->p[text->n - 1])
		text->n--;
	return true;
}

/* An object inside, wherever it begins. */
static void inner_look(struct rtf *r, struct str bytes, struct str name)
{
	static const struct str ole = STR_INIT("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
	ptrdiff_t at = office_find(bytes, 0, ole);
	struct child c = { .name = name, .content = bytes };

	if (at > 0)
		c.content = str_skip(bytes, (size_t)at);
	if (c.content.n)
		scan_child(r->s, r->o, &c);
}

/* MS-OLEDS 2.2: version, kind, class, topic, item; then the data with its length. */
static void object_look(struct rtf *r, struct str bytes)
{
	struct str rest = str_skip(bytes, 8), class = STR(""), topic, item, data;
	uint32_t kind = le32_at(bytes, 4), n;

	if (kind != OLE1_LINKED && kind != OLE1_EMBEDDED)
		scan_tell(r->s, r->o, INSPECT_RTF_BROKEN, r->start, STR_NONE);
	if (!take_counted(&rest, &class) || !take_counted(&rest, &topic) ||
	    !take_counted(&rest, &item)) {
		scan_tell(r->s, r->o, INSPECT_RTF_BROKEN, r->start, class);
		class_name_look(r->s, r->o, class, r->start);
		inner_look(r, bytes, class);
		return;
	}
	class_name_look(r->s, r->o, class, r->start);
	if (kind == OLE1_LINKED)
		office_object(r->s, r->o, topic, r->start);
	n = le32_at(rest, 0);
	data = str_sub(rest, 4, n);
	if (kind == OLE1_EMBEDDED && data.n < n)
		scan_tell(r->s, r->o, INSPECT_RTF_BROKEN, r->start, class);
	if (!data.n) /* a length of zero: the bytes may be there for all that */
		data = str_skip(rest, 4);
	if (str_eq_nocase(class, STR("Package")))
		package_read(r->s, r->o, data, false);
	else
		inner_look(r, data, class);
}

static void object_end(struct rtf *r)
{
	struct str all = buf_str(&r->all.bytes), strict = buf_str(&r->strict.bytes);

	if (r->all.bytes.err || r->strict.bytes.err)
		scan_tell(r->s, r->o, INSPECT_MEMORY, r->start, STR_NONE);
	if (all.n || strict.n)
		scan_tell(r->s, r->o, INSPECT_RTF_OBJECT, r->start, STR_NONE);
	if (r->junk)
		scan_tell(r->s, r->o, INSPECT_RTF_JUNK, r->start,
			  str_sub(r->in, r->start, SCAN_EXCERPT_MAX));
	if (strict.n)
		object_look(r, strict);
	if (all.n && !str_eq(all, strict))
		object_look(r, all);
	buf_clear(&r->all.bytes);
	buf_clear(&r->strict.bytes);
	r->all.high = r->strict.high = -1;
	r->junk = false;
}

static void text_end(struct rtf *r, enum destination to)
{
	struct str text = str_trim(buf_str(&r->text));

	if (to == TO_CLASS)
		class_name_look(r->s, r->o, text, r->start);
	if (to == TO_FIELD)
		office_field(r->s, r->o, text, r->start);
	if (to == TO_TEMPLATE)
		office_template(r->s, r->o, text, r->start);
	buf_clear(&r->text);
}

static void destination_end(struct rtf *r, enum destination to)
{
	if (to == TO_OBJECT)
		object_end(r);
	else if (to != TO_NOWHERE)
		text_end(r, to);
}

static void destination_begin(struct rtf *r, enum destination to)
{
	/* One within another: what was collected so far is looked at by itself. */
	if (top(r)->to != TO_NOWHERE) {
		r->junk = r->junk || top(r)->to == TO_OBJECT;
		destination_end(r, top(r)->to);
	}
	*top(r) = (struct level){ .to = to, .owner = true };
	r->start = r->at;
}

static void group_begin(struct rtf *r)
{
	if (r->depth + 1 == RTF_DEPTH_MAX) {
		scan_tell(r->s, r->o, INSPECT_RTF_DEPTH, r->at, STR_NONE);
		r->deeper++;
		return;
	}
	r->junk = r->junk || (top(r)->to == TO_OBJECT && r->all.bytes.n);
	r->levels[r->depth + 1] = *top(r);
	r->depth++;
	top(r)->owner = top(r)->star = false;
}

static void group_end(struct rtf *r)
{
	if (r->deeper) {
		r->deeper--;
		return;
	}
	if (top(r)->owner)
		destination_end(r, top(r)->to);
	*top(r) = (struct level){ 0 };
	if (r->depth)
		r->depth--;
}

static void text_add(struct rtf *r, uint32_t c)
{
	enum destination to = top(r)->to;

	if ((to == TO_CLASS || to == TO_FIELD || to == TO_TEMPLATE) &&
	    r->text.n < TEXT_MAX)
		office_utf8(&r->text, c);
}

static void character(struct rtf *r, char c)
{
	int digit = ch_hex_value(c);

	if (r->skip) {
		r->skip--;
		return;
	}
	if (top(r)->to != TO_OBJECT) {
		text_add(r, (unsigned char)c);
		return;
	}
	if (digit < 0) {
		r->junk = r->junk || (unsigned char)c > ' ';
		return;
	}
	hex_digit(&r->all, digit);
	if (!top(r)->ignored)
		hex_digit(&r->strict, digit);
}

/* \'hh: a character of text; in an object readers drop it, and a digit that waits. */
static void character_by_hex(struct rtf *r)
{
	int high = ch_hex_value(r->at < r->in.n ? r->in.p[r->at] : 'x');
	int low = ch_hex_value(r->at + 1 < r->in.n ? r->in.p[r->at + 1] : 'x');

	if (top(r)->to == TO_OBJECT) {
		r->junk = true;
		r->strict.high = -1;
	} else if (r->skip) {
		r->skip--;
	} else if (high >= 0 && low >= 0) {
		text_add(r, (uint32_t)(high << 4 | low));
	}
	r->at += high < 0 ? 0 : low < 0 ? 1 : 2;
}

/* \bin: so many bytes as they are. */
static void binary(struct rtf *r, const struct control *c)
{
	struct str rest = str_skip(r->in, r->at);
	struct str bytes = str_sub(rest, 0, c->number);

	if (c->negative || bytes.n < c->number) {
		scan_tell(r->s, r->o, INSPECT_RTF_BROKEN, r->at, STR_NONE);
		return;
	}
	if (top(r)->to == TO_OBJECT) {
		buf_add(&r->all.bytes, bytes);
		if (!top(r)->ignored)
			buf_add(&r->strict.bytes, bytes);
	}
	r->at += bytes.n;
}

static bool is_word(const struct control *c, const char *word)
{
	return str_eq(c->word, str_from(word));
}

/* Words that say by themselves what an object does. */
static void flag_look(struct rtf *r, const struct control *c)
{
	static const struct {
		const char *word;
		enum inspect_finding_kind kind;
	} rows[] = {
		{ "objupdate", INSPECT_RTF_UPDATE }, { "objautlink", INSPECT_OLE_LINK },
		{ "objlink", INSPECT_OLE_LINK },     { "objocx", INSPECT_ACTIVEX },
		{ "objemb", INSPECT_RTF_OBJECT },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (is_word(c, rows[i].word))
			scan_tell(r->s, r->o, rows[i].kind, r->at, c->word);
}

static bool destination_of(const struct control *c, enum destination *to)
{
	static const struct {
		const char *word;
		enum destination to;
	} rows[] = {
		{ "objdata", TO_OBJECT },
		{ "objclass", TO_CLASS },
		{ "fldinst", TO_FIELD },
		{ "template", TO_TEMPLATE },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (is_word(c, rows[i].word)) {
			*to = rows[i].to;
			return true;
		}
	return false;
}

static void control_look(struct rtf *r, const struct control *c)
{
	enum destination to;
	bool star = top(r)->star;

	top(r)->star = false;
	if (destination_of(c, &to)) {
		destination_begin(r, to);
	} else if (is_word(c, "bin")) {
		binary(r, c);
	} else if (is_word(c, "u") && c->has_number) {
		text_add(r, c->negative ? 65536 - (c->number & 0xffff) : c->number);
		r->skip = r->fallback;
	} else if (is_word(c, "uc")) {
		r->fallback = c->negative || c->number > 8 ? 1 : c->number;
	} else {
		flag_look(r, c);
		if (top(r)->to == TO_OBJECT) {
			r->junk = true;
			top(r)->ignored = top(r)->ignored || (star && !top(r)->owner);
		} else if (star) {
			top(r)->to = TO_NOWHERE; /* a destination of another kind */
		}
	}
}

/* Letters, then a number; one blank after them belongs to the word. */
static void control_word(struct rtf *r)
{
	struct control c = { 0 };
	size_t from = r->at;

	while (r->at < r->in.n && ch_alpha(r->in.p[r->at]))
		r->at++;
	c.word = str_sub(r->in, from, r->at - from);
	if (c.word.n > WORD_MAX)
		c.word = STR("");
	if (r->at + 1 < r->in.n && r->in.p[r->at] == '-' &&
	    ch_digit(r->in.p[r->at + 1])) {
		c.negative = true;
		r->at++;
	}
	while (r->at < r->in.n && ch_digit(r->in.p[r->at])) {
		uint32_t digit = (uint32_t)(r->in.p[r->at++] - '0');

		c.has_number = true;
		c.number = c.number > (NUMBER_MAX - digit) / 10 ? NUMBER_MAX
								: c.number * 10 + digit;
	}
	if (r->at < r->in.n && r->in.p[r->at] == ' ')
		r->at++;
	control_look(r, &c);
}

/* What stands behind a backslash. */
static void control(struct rtf *r)
{
	char c = r->at < r->in.n ? r->in.p[r->at] : 0;

	if (ch_alpha(c)) {
		control_word(r);
		return;
	}
	r->at++;
	if (c == '*')
		top(r)->star = true;
	else if (c == '\'')
		character_by_hex(r);
	else if (c == '\\' || c == '{' || c == '}')
		character(r, c);
	else if (top(r)->to == TO_OBJECT)
		r->junk = true;
}

static void header_look(struct rtf *r)
{
	struct str head = str_trim(r->in);
	char next;

	if (str_starts(head, STR("\xef\xbb\xbf")))
		head = str_trim(str_skip(head, 3));
	next = head.n > 5 ? head.p[5] : 0;
	if (!str_starts(head, STR("{\\rtf")) || (!ch_digit(next) && next != '\\'))
		scan_tell(r->s, r->o, INSPECT_RTF_HEADER, 0, str_sub(head, 0, 8));
}

static bool is_rtf(const struct object *o)
{
	return type_in(&o->types, TYPE_RTF);
}

static void read_rtf(struct scan *s, const struct object *o)
{
	struct rtf *r;

	/* Two readings of the hex, and the bytes of \bin in both. */
	if (!scan_work(s, o, (uint64_t)o->content.n * 2))
		return;
	r = mem_alloc(sizeof(*r));
	if (!r) {
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
		return;
	}
	r->s = s;
	r->o = o;
	r->in = o->content;
	r->fallback = 1;
	r->all.high = r->strict.high = -1;
	header_look(r);
	while (r->at < r->in.n) {
		char c = r->in.p[r->at++];

		if (c == '{')
			group_begin(r);
		else if (c == '}')
			group_end(r);
		else if (c == '\\')
			control(r);
		else if (c != '\r' && c != '\n')
			character(r, c);
	}
	while (r->depth || top(r)->owner)
		group_end(r);
	buf_done(&r->all.bytes);
	buf_done(&r->strict.bytes);
	buf_done(&r->text);
	mem_free(r);
}

const struct reader reader_rtf = { "rtf", is_rtf, read_rtf };

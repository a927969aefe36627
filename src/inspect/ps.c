#include "inspect/ps.h"

#include "base/mem.h"

enum does {
	CHANGE,
	OPENS_FILE,
	JOB,
	OUTPUT,
	DEVICE,
	EXPLOIT,
	OPEN,
	RUN,
	CVX,
	CVN,
	CALL,
	GET,
	EXEC,
	EEXEC,
	FILTER,
	CURRENT,
	RESTORE,
	NOTHING
};

enum {
	CHAIN_AGE_MAX = 6, /* tokens between a filter and what runs its output */
	NAME_AGE_MAX = 3,
	EEXEC_SKIP = 4, /* bytes at the start that mean nothing. Type 1 7.1 */
	FORMATS_MAX = 4,
};

static const struct {
	struct str name;
	enum does does;
	bool raw;
} words[] = {
#define PS_WORD(name, does) { STR_INIT(name), does, false },
#define RAW_WORD(name, does) { STR_INIT(name), does, true },
#include "inspect/ps_words.def"
#undef PS_WORD
#undef RAW_WORD
};

static const enum inspect_finding_kind kinds[NOTHING] = {
	[CHANGE] = INSPECT_PS_CHANGE, [OPENS_FILE] = INSPECT_PS_FILE,
	[JOB] = INSPECT_PS_JOB,       [OUTPUT] = INSPECT_PS_OUTPUT,
	[DEVICE] = INSPECT_PS_DEVICE, [EXPLOIT] = INSPECT_PS_EXPLOIT,
};

static enum does does_of(struct str name)
{
	for (size_t i = 0; name.n > 2 && i < COUNT_OF(words); i++)
		if (words[i].name.n == name.n && words[i].name.p[0] == name.p[0] &&
		    memcmp(words[i].name.p, name.p, name.n) == 0)
			return words[i].does;
	return NOTHING;
}

static struct ps_layer *top(struct ps *ps)
{
	return &ps->layers[ps->depth - 1];
}

static struct str kept(const struct ps_recent *r)
{
	return str_of(r->text, r->n < PS_KEEP_MAX ? r->n : PS_KEEP_MAX);
}

static bool is_string(enum lex_kind kind)
{
	return kind == LEX_STRING || kind == LEX_HEX || kind == LEX_BASE85;
}

static bool recent_word(const struct ps_recent *r, const char *list)
{
	struct str rest = str_from(list), word;

	while (r->kind == LEX_WORD && str_word(&rest, &word))
		if (str_eq(word, kept(r)))
			return true;
	return false;
}

/* Where in the object: inside a layer only the place of the outermost is known. */
static uint64_t place(const struct ps *ps)
{
	return ps->layers[0].lex.at;
}

static void tell(struct ps *ps, enum inspect_finding_kind kind, struct str excerpt)
{
	page_tell(&ps->page, kind, place(ps), excerpt);
}

/* The bytes of m become a program that is read before this one goes on. */
static void push(struct ps *ps, struct made *m)
{
	struct ps_layer *l = &ps->layers[ps->depth];

	if (ps->depth == PS_LAYERS_MAX || m->out.n == 0) {
		if (m->out.n)
			tell(ps, INSPECT_PS_LIMIT, STR("layers"));
		made_done(m);
		return;
	}
	ps->depth++;
	*l = (struct ps_layer){ .bytes = *m };
	lex_init(&l->lex, buf_str(&l->bytes.out));
}

/* False: too much has been read again already. */
static bool pay(struct ps *ps, size_t bytes)
{
	if (bytes > ps->left) {
		tell(ps, INSPECT_PS_LIMIT, STR("layers"));
		return false;
	}
	ps->left -= bytes;
	return true;
}

/* The string, decoded, in a buffer of its own. */
static bool take_string(struct ps *ps, struct made *m)
{
	const struct lex_token *t = &top(ps)->source;

	made_begin(m, &ps->page);
	if (!t->text.n || !pay(ps, t->text.n) || !made_reserve(m, t->text.n))
		return false;
	m->out.n = lex_string(t, m->out.p, t->text.n);
	return true;
}

static void run_string(struct ps *ps)
{
	struct made m;

	tell(ps, INSPECT_PS_EXEC_STRING, top(ps)->source.text);
	if (take_string(ps, &m))
		push(ps, &m);
	else
		made_done(&m);
}

/* Through all filters of the chain. The file is read on as it is, too. */
static void run_filtered(struct ps *ps)
{
	struct ps_layer *l = top(ps);
	struct str in = str_skip(l->lex.in, l->lex.at + 1);
	struct made m, next;
	size_t used;

	tell(ps, INSPECT_PS_FILTERED, str_sub(in, 0, SCAN_EXCERPT_MAX));
	made_begin(&m, &ps->page);
	if (!l->chain_of_file) {
		if (!take_string(ps, &m)) {
			made_done(&m);
			return;
		}
		in = buf_str(&m.out);
	}
	for (size_t i = 0; i < l->chain_n; i++) {
		made_begin(&next, &ps->page);
		(void)unfilter(l->chain[i], in, SIZE_MAX, &next, &used);
		made_done(&m);
		m = next;
		in = buf_str(&m.out);
		if (i == 0 && l->chain_of_file && !pay(ps, used)) {
			made_done(&m);
			return;
		}
	}
	l->chain_n = 0;
	push(ps, &m);
}

static bool closes(const struct buf *b)
{
	return b->n > 9 && b->p[b->n - 1] == 'e' &&
	       memcmp(b->p + b->n - 9, "closefile", 9) == 0;
}

/* Type 1 7.2. Returns how much was read, up to what closes the file; 0: nothing does. */
static size_t decrypt(struct str in, struct made *m)
{
	uint16_t r = 55665;
	size_t i = 0, n = 0;
	bool hex = in.n >= 4;

	for (size_t k = 0; k < 4 && hex; k++)
		hex = ch_hex(in.p[k]);
	while (i < in.n && !m->full) {
		uint8_t c = (uint8_t)in.p[i++];

		if (hex && !ch_hex((char)c))
			continue;
		if (hex) {
			while (i < in.n && !ch_hex(in.p[i]))
				i++;
			c = (uint8_t)(ch_hex_value((char)c) * 16 +
				      (i < in.n ? ch_hex_value(in.p[i]) : 0));
			i++;
		}
		if (n++ >= EEXEC_SKIP)
			made_c(m, (char)(c ^ r >> 8));
		r = (uint16_t)((c + r) * 52845u + 22719u);
		if (closes(&m->out))
			return i < in.n ? i : in.n;
	}
	return 0;
}

static void run_encrypted(struct ps *ps)
{
	struct ps_layer *l = top(ps);
	struct str in;
	struct made m, clear;
	size_t used;

	made_begin(&m, &ps->page);
	made_begin(&clear, &ps->page);
	in = str_skip(l->lex.in, l->lex.at);
	while (in.n && lex_blank(in.p[0]))
		in = str_skip(in, 1);
	if (is_string(l->recent[0].kind) && take_string(ps, &m))
		in = buf_str(&m.out);
	if (ps->left > KIB) {
		used = decrypt(in, &clear);
		if (!used)
			ps->left -= in.n < ps->left ? in.n : ps->left;
		else if (!m.out.n)
			l->lex.at = l->lex.in.n - in.n + used;
	} else {
		tell(ps, INSPECT_PS_LIMIT, STR("eexec"));
	}
	made_done(&m);
	if (clear.out.n && page_find(buf_str(&clear.out), STR("charstrings")) < 0 &&
	    page_find(buf_str(&clear.out), STR("/private")) < 0)
		tell(ps, INSPECT_PS_EEXEC, str_sub(in, 0, SCAN_EXCERPT_MAX));
	push(ps, &clear);
}

/* (name) (mode) file, (name) run. The interpreter's own streams are no files. */
static void open_file(struct ps *ps, const struct ps_recent *name)
{
	if (!is_string(name->kind) || !is_string(top(ps)->recent[0].kind)) {
		tell(ps, INSPECT_PS_FILE, kept(name));
		return;
	}
	if (str_starts(kept(name), STR("%std")) ||
	    str_starts(kept(name), STR("%lineedit")) ||
	    str_starts(kept(name), STR("%statementedit")))
		return;
	tell(ps, INSPECT_PS_OPENS, kept(name));
}

static void make_executable(struct ps *ps)
{
	struct ps_layer *l = top(ps);
	const struct ps_recent *r = &l->recent[0];

	if (is_string(r->kind))
		run_string(ps);
	else if (recent_word(r, "filter") && l->chain_n && !l->chain_of_file)
		run_filtered(ps);
	else if (recent_word(r, "filter") && l->chain_n)
		tell(ps, INSPECT_PS_FILTERED, kept(r));
	else if (recent_word(r, "getinterval putinterval readstring readhexstring "
				"readline cvs string concatstrings"))
		tell(ps, INSPECT_PS_EXEC_STRING, kept(r));
}

static void name_of_string(struct ps *ps)
{
	const struct ps_recent *r = &top(ps)->recent[0];
	enum does does;

	ps->name_age = 1;
	if (!is_string(r->kind))
		return;
	does = does_of(kept(r));
	if (does == NOTHING)
		return;
	tell(ps, INSPECT_PS_BUILT_NAME, kept(r));
	if (does <= EXPLOIT)
		tell(ps, kinds[does], kept(r));
}

/* /name load, dict /name get, /name cvx: it is called, whatever it is. */
static void call(struct ps *ps, bool get)
{
	const struct ps_recent *r = &top(ps)->recent[0];
	enum does does = r->kind == LEX_NAME ? does_of(kept(r)) : NOTHING;

	if (ps->name_age && !get)
		tell(ps, INSPECT_PS_BUILT_NAME, kept(r));
	if (does == OPEN || does == RUN)
		tell(ps, INSPECT_PS_FILE, kept(r));
}

static void chain_begin(struct ps *ps)
{
	top(ps)->chain_n = 0;
	top(ps)->chain_of_file = true;
	top(ps)->chain_age = 0;
}

static void chain_add(struct ps *ps)
{
	struct ps_layer *l = top(ps);
	const struct ps_recent *r = &l->recent[0];
	enum filter f = r->kind == LEX_NAME ? filter_of(kept(r)) : FILTER_UNKNOWN;

	if (l->chain_age > CHAIN_AGE_MAX) {
		l->chain_n = 0;
		l->chain_of_file = false;
	}
	if (is_string(l->recent[1].kind) && l->chain_n == 0)
		l->chain_of_file = false;
	l->chain_age = 0;
	if (f != FILTER_UNKNOWN && f != FILTER_IMAGE && l->chain_n < PS_CHAIN_MAX)
		l->chain[l->chain_n++] = f;
	else if (f != FILTER_IMAGE)
		l->chain_n = 0;
}

static void operate(struct ps *ps, enum does does, struct str text)
{
	struct ps_layer *l = top(ps);

	switch (does) {
	case OPEN:
		open_file(ps, &l->recent[1]);
		break;
	case RUN:
		open_file(ps, &l->recent[0]);
		break;
	case CVX:
		call(ps, false);
		make_executable(ps);
		break;
	case CVN:
		name_of_string(ps);
		break;
	case CALL:
		call(ps, false);
		break;
	case GET:
		call(ps, true);
		break;
	case EXEC:
		call(ps, false);
		if (l->chain_n && l->chain_age <= CHAIN_AGE_MAX && l->chain_of_file)
			run_filtered(ps);
		break;
	case EEXEC:
		run_encrypted(ps);
		break;
	case FILTER:
		chain_add(ps);
		break;
	case CURRENT:
		chain_begin(ps);
		break;
	case RESTORE:
		if (recent_word(&l->recent[0], "null"))
			tell(ps, INSPECT_PS_EXPLOIT, STR("null restore"));
		break;
	default:
		tell(ps, kinds[does], text);
	}
}

/* Operators that begin with a dot are one interpreter's own; some are well known. */
static void look_internal(struct ps *ps, struct str name)
{
	static const char honest[] =
		".notdef .null .setopacityalpha .setshapealpha .setblendmode "
		".setfillconstantalpha .setstrokeconstantalpha .setlanguagelevel "
		".begintransparencygroup .endtransparencygroup .currentglobal .setglobal";
	struct str rest = str_from(honest), word;

	if (name.n < 3 || name.p[0] != '.' || !ch_alpha(name.p[1]))
		return;
	while (str_word(&rest, &word))
		if (str_eq(word, name))
			return;
	tell(ps, INSPECT_PS_INTERNAL, name);
}

/* "%pipe%", also when it is put together of several strings. */
static void look_pipe(struct ps *ps, struct str s)
{
	static const char pipe[] = "%pipe%";

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == pipe[ps->pipe_seen])
			ps->pipe_seen++;
		else
			ps->pipe_seen = s.p[i] == '%';
		if (ps->pipe_seen == sizeof(pipe) - 1) {
			tell(ps, INSPECT_PS_PIPE, str_skip(s, i < 5 ? 0 : i - 5));
			ps->pipe_seen = 1;
		}
	}
}

/* %x %p %s %n, many of them: reads or writes memory where printf gets it. */
static void look_format(struct ps *ps, struct str s)
{
	size_t formats = 0;

	for (size_t i = 0; i + 1 < s.n; i++) {
		if (s.p[i] != '%')
			continue;
		while (++i < s.n && (ch_digit(s.p[i]) || s.p[i] == 'l' || s.p[i] == '.' ||
				     s.p[i] == 'h' || s.p[i] == '$' || s.p[i] == '*'))
			;
		if (i < s.n &&
		    (s.p[i] == 'x' || s.p[i] == 'p' || s.p[i] == 's' || s.p[i] == 'n'))
			formats += s.p[i] == 'n' ? 2 : 1;
	}
	if (formats >= FORMATS_MAX)
		tell(ps, INSPECT_PS_FORMAT, s);
}

static struct str decoded(struct ps *ps, const struct lex_token *t)
{
	ps->scratch.out.n = 0;
	if (!made_reserve(&ps->scratch, t->text.n))
		return STR("");
	return str_of(ps->scratch.out.p, lex_string(t, ps->scratch.out.p, t->text.n));
}

static void remember(struct ps_layer *l, enum lex_kind kind, struct str text)
{
	memmove(l->recent + 1, l->recent, sizeof(l->recent) - sizeof(l->recent[0]));
	l->recent[0].kind = kind;
	l->recent[0].n = text.n;
	text = str_sub(text, 0, PS_KEEP_MAX);
	if (text.n)
		memcpy(l->recent[0].text, text.p, text.n);
}

static void look_at_token(struct ps *ps, const struct lex_token *t)
{
	struct ps_layer *l = top(ps);
	struct str text = t->text;

	l->chain_age++;
	if (ps->name_age && ++ps->name_age > NAME_AGE_MAX + 1)
		ps->name_age = 0;
	if (is_string(t->kind)) {
		text = decoded(ps, t);
		l->source = *t;
		look_pipe(ps, text);
		look_format(ps, text);
		if (does_of(text) == EXPLOIT)
			tell(ps, INSPECT_PS_EXPLOIT, text);
	} else if (t->kind == LEX_WORD || t->kind == LEX_NAME) {
		enum does does = does_of(text);

		if (does <= EXPLOIT || (does != NOTHING && t->kind == LEX_WORD))
			operate(ps, does, text);
		else if (t->kind == LEX_WORD)
			look_internal(ps, text);
	}
	remember(l, t->kind, text);
}

void ps_run(struct ps *ps, struct str program)
{
	struct lex_token t;

	made_begin(&ps->scratch, &ps->page);
	ps->left = (uint64_t)program.n * PS_LAYER_FACTOR + 64 * KIB;
	ps->depth = 1;
	ps->layers[0] = (struct ps_layer){ 0 };
	lex_init(&ps->layers[0].lex, program);
	while (ps->depth) {
		struct ps_layer *l = top(ps);

		if (lex_next(&l->lex, &t)) {
			look_at_token(ps, &t);
			continue;
		}
		if (l->lex.spent)
			tell(ps, INSPECT_PS_LIMIT, STR("strings without an end"));
		made_done(&l->bytes);
		ps->depth--;
	}
	made_done(&ps->scratch);
}

void ps_look_raw(struct ps *ps, struct str content)
{
	const char *pipe = memmem(content.p, content.n, "%pipe%", 6);

	if (pipe)
		page_tell(&ps->page, INSPECT_PS_PIPE, (uint64_t)(pipe - content.p),
			  str_skip(content, (size_t)(pipe - content.p)));
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		const struct str name = words[i].name;
		const char *at;

		if (!words[i].raw || ps->page.told[kinds[words[i].does]] ||
		    ps->page.told[INSPECT_PS_HIDDEN])
			continue;
		at = memmem(content.p, content.n, name.p, name.n);
		if (at)
			page_tell(&ps->page, INSPECT_PS_HIDDEN,
				  (uint64_t)(at - content.p), name);
	}
}

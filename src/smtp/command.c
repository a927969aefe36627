#include "smtp/command.h"

#include "base/utf8.h"

static const struct smtp_verb_info verbs[VERB_COUNT] = {
#define VERB(id, name_, form_, help_) \
	[VERB_##id] = { STR_INIT(name_), STR_INIT(form_), STR_INIT(help_) },
#include "smtp/commands.def"
#undef VERB
};

/* What a browser or a TLS client says first, when a hostile page points it at us. */
static const struct str foreign[] = {
	STR_INIT("GET"),     STR_INIT("POST"),  STR_INIT("CONNECT"),
	STR_INIT("HEAD"),    STR_INIT("PUT"),   STR_INIT("OPTIONS"),
	STR_INIT("DELETE"),  STR_INIT("PATCH"), STR_INIT("TRACE"),
	STR_INIT("PRI"),     STR_INIT("HOST:"), STR_INIT("USER-AGENT:"),
	STR_INIT("COOKIE:"),
};

const struct smtp_verb_info *smtp_verb_info(enum smtp_verb v)
{
	assert(v < VERB_COUNT);
	return &verbs[v];
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Not str_trim: a bare CR is no blank. */
static struct str trim(struct str s)
{
	while (s.n && blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.n && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct str take_word(struct str *s)
{
	struct str word;
	size_t n = 0;

	*s = trim(*s);
	while (n < s->n && !blank(s->p[n]))
		n++;
	word = str_sub(*s, 0, n);
	*s = trim(str_skip(*s, n));
	return word;
}

static enum smtp_verb verb_of(struct str word)
{
	char first = word.n ? ch_lower(word.p[0]) : 0;

	for (size_t i = 0; i < VERB_COUNT; i++)
		if (first == ch_lower(verbs[i].name.p[0]) &&
		    str_eq_nocase(word, verbs[i].name))
			return (enum smtp_verb)i;
	for (size_t i = 0; i < COUNT_OF(foreign); i++)
		if (str_eq_nocase(word, foreign[i]))
			return VERB_FOREIGN;
	/* A TLS record with a hello in it: somebody expects TLS from the first byte. */
	return str_starts(word, STR("\x16\x03")) ? VERB_FOREIGN : VERB_UNKNOWN;
}

struct smtp_command smtp_command_parse(struct str line)
{
	struct smtp_command c = { 0 };

	c.word = take_word(&line);
	c.args = line;
	c.verb = verb_of(c.word);
	return c;
}

/* S25: NUL, CR and the like have no place in a command. */
static bool holds_control(struct str s)
{
	bool found = false;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		found |= (c < ' ' && c != '\t') || c == 127;
	}
	return found;
}

/* "FROM:" or "TO:" in any case, and the path behind it. */
static int take_path(struct str *args, struct str name, bool utf8, struct smtp_path *ret)
{
	struct str at = *args;
	int e;

	if (holds_control(at) || !str_starts_nocase(at, name))
		return -EBADMSG;
	at = trim(str_skip(at, name.n));
	if (at.n == 0 || at.p[0] != ':')
		return -EBADMSG;
	at = str_skip(at, 1);
	e = smtp_path_parse(&at, utf8, ret);
	if (e < 0)
		return e;
	if (at.n && !blank(at.p[0]))
		return -EBADMSG;
	*args = trim(at);
	return 0;
}

struct param {
	struct str key, value;
	bool has_value;
};

static bool keyword_valid(struct str s)
{
	if (s.n == 0 || !ch_alnum(s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!ch_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

/* esmtp-value: no blanks, no controls, no further '='. RFC 5321 4.1.2. */
static int value_check(struct str s, bool utf8)
{
	if (s.n == 0)
		return -EINVAL;
	if (!utf8_ascii(s) && (!utf8 || !utf8_valid(s)))
		return -EILSEQ;
	return str_find(s, '=') < 0 ? 0 : -EINVAL;
}

/* The next parameter. 1; 0 none is left; -EINVAL, -EILSEQ: ret->key names it. */
static int take_param(struct str *args, bool utf8, struct param *ret)
{
	struct str word = take_word(args);
	ptrdiff_t equals = str_find(word, '=');

	*ret = (struct param){ .key = word };
	if (word.n == 0)
		return 0;
	if (equals > 0) {
		ret->has_value = true;
		ret->key = str_sub(word, 0, (size_t)equals);
		ret->value = str_skip(word, (size_t)equals + 1);
	}
	if (!keyword_valid(ret->key))
		return -EINVAL;
	if (ret->has_value) {
		int e = value_check(ret->value, utf8);

		if (e < 0)
			return e;
	}
	return 1;
}

/* RFC 1870 6.1: up to 20 digits; more than fits is as much as can be said. */
static int mail_size(struct param p, struct smtp_mail *m)
{
	int e = str_to_u64(p.value, UINT64_MAX, &m->size);

	if (m->has_size || (e < 0 && e != -ERANGE))
		return -EINVAL;
	if (e == -ERANGE)
		m->size = UINT64_MAX;
	m->has_size = true;
	return 0;
}

/* RFC 6152 2, RFC 3030 3. */
static int mail_body(struct param p, struct smtp_grammar g, struct smtp_mail *m)
{
	if (m->body != SMTP_BODY_UNSET)
		return -EINVAL;
	if (str_eq_nocase(p.value, STR("7BIT")))
		m->body = SMTP_BODY_7BIT;
	else if (str_eq_nocase(p.value, STR("8BITMIME")))
		m->body = SMTP_BODY_8BITMIME;
	else if (str_eq_nocase(p.value, STR("BINARYMIME")))
		m->body = SMTP_BODY_BINARYMIME;
	else
		return -EINVAL;
	return m->body != SMTP_BODY_BINARYMIME || g.binary ? 0 : -EOPNOTSUPP;
}

/* RFC 3461 4.3. */
static int mail_ret(struct param p, struct smtp_mail *m)
{
	if (m->ret_full || m->ret_hdrs)
		return -EINVAL;
	m->ret_full = str_eq_nocase(p.value, STR("FULL"));
	m->ret_hdrs = str_eq_nocase(p.value, STR("HDRS"));
	return m->ret_full || m->ret_hdrs ? 0 : -EINVAL;
}

/* One character of xtext at the start of s: its byte, and how much it takes; -EBADMSG. */
static int xtext_char(struct str s, size_t *used)
{
	int high, low;

	*used = 1;
	if (s.p[0] == '=' || s.p[0] == ' ' || ch_control(s.p[0]))
		return -EBADMSG;
	if (s.p[0] != '+')
		return (unsigned char)s.p[0];
	high = s.n > 2 ? ch_hex_value(s.p[1]) : -1;
	low = s.n > 2 ? ch_hex_value(s.p[2]) : -1;
	*used = 3;
	return high < 0 || low < 0 ? -EBADMSG : high * 16 + low;
}

static bool printable(struct str s)
{
	size_t n = 1;

	while (s.n && n) {
		n = utf8_printable(s);
		s = str_skip(s, n);
	}
	return n > 0;
}

/* Looked at without the heap: no memory is no reason to call a parameter wrong. */
static bool xtext_valid(struct str s)
{
	char text[ORCPT_BYTES_MAX];
	size_t n = 0, used;

	while (s.n) {
		int c = xtext_char(s, &used);

		if (c < 0 || n == sizeof(text))
			return false;
		text[n++] = (char)c;
		s = str_skip(s, used);
	}
	return printable(str_of(text, n));
}

/* RFC 3461 4.4. */
static int mail_envid(struct param p, struct smtp_mail *m)
{
	if (m->envid.p || p.value.n == 0 || p.value.n > ENVID_BYTES_MAX ||
	    !utf8_ascii(p.value))
		return -EINVAL;
	if (!xtext_valid(p.value))
		return -EINVAL;
	m->envid = p.value;
	return 0;
}

static int mail_param(struct param p, struct smtp_grammar g, struct smtp_mail *m)
{
	if (g.size && str_eq_nocase(p.key, STR("SIZE")))
		return mail_size(p, m);
	if ((g.eightbit || g.binary) && str_eq_nocase(p.key, STR("BODY")))
		return mail_body(p, g, m);
	if (g.smtputf8 && str_eq_nocase(p.key, STR("SMTPUTF8"))) {
		if (m->smtputf8 || p.has_value) /* RFC 6531 3.4 */
			return -EINVAL;
		m->smtputf8 = true;
		return 0;
	}
	if (g.dsn && str_eq_nocase(p.key, STR("RET")))
		return mail_ret(p, m);
	if (g.dsn && str_eq_nocase(p.key, STR("ENVID")))
		return mail_envid(p, m);
	return -EOPNOTSUPP; /* RFC 5321 4.1.1.11: 555 */
}

int smtp_mail_parse(struct str args, struct smtp_grammar g, struct smtp_mail *ret,
		    struct str *bad)
{
	struct smtp_mail m = { 0 };
	struct param p;
	int e = take_path(&args, STR("FROM"), g.smtputf8, &m.path);

	if (e < 0)
		return e;
	if (!m.path.null && m.path.domain.n == 0) /* <Postmaster> is for RCPT only */
		return -EBADMSG;
	while ((e = take_param(&args, g.smtputf8, &p)) != 0) {
		if (e > 0)
			e = g.esmtp ? mail_param(p, g, &m) : -EOPNOTSUPP;
		if (e < 0) {
			*bad = p.key;
			return e;
		}
	}
	if (m.path.utf8 && !m.smtputf8) /* RFC 6531 3.4 */
		return -EILSEQ;
	*ret = m;
	return 0;
}

/* RFC 3461 4.1: NEVER stands alone. */
static int rcpt_notify(struct param p, struct smtp_rcpt *r)
{
	struct str list = p.value, word;

	if (r->notify || list.n == 0)
		return -EINVAL;
	while (str_split(&list, ',', &word)) {
		if (str_eq_nocase(word, STR("NEVER")))
			r->notify |= SMTP_NOTIFY_NEVER;
		else if (str_eq_nocase(word, STR("SUCCESS")))
			r->notify |= SMTP_NOTIFY_SUCCESS;
		else if (str_eq_nocase(word, STR("FAILURE")))
			r->notify |= SMTP_NOTIFY_FAILURE;
		else if (str_eq_nocase(word, STR("DELAY")))
			r->notify |= SMTP_NOTIFY_DELAY;
		else
			return -EINVAL;
	}
	return r->notify & SMTP_NOTIFY_NEVER && r->notify != SMTP_NOTIFY_NEVER ? -EINVAL
									       : 0;
}

/* addr-type ";" xtext. RFC 3461 4.2; UTF-8 in "utf-8;…" only: RFC 6533 3. */
static int rcpt_orcpt(struct param p, struct smtp_rcpt *r)
{
	struct str rest = p.value, type;

	if (r->orcpt.p || p.value.n > ORCPT_BYTES_MAX)
		return -EINVAL;
	if (!str_split(&rest, ';', &type) || !keyword_valid(type) || rest.n == 0)
		return -EINVAL;
	if (!utf8_ascii(rest) && !str_eq_nocase(type, STR("utf-8")))
		return -EILSEQ;
	if (!xtext_valid(rest))
		return -EINVAL;
	r->orcpt = p.value;
	return 0;
}

static int rcpt_param(struct param p, struct smtp_grammar g, struct smtp_rcpt *r)
{
	if (g.dsn && str_eq_nocase(p.key, STR("NOTIFY")))
		return rcpt_notify(p, r);
	if (g.dsn && str_eq_nocase(p.key, STR("ORCPT")))
		return rcpt_orcpt(p, r);
	return -EOPNOTSUPP;
}

int smtp_rcpt_parse(struct str args, struct smtp_grammar g, struct smtp_rcpt *ret,
		    struct str *bad)
{
	struct smtp_rcpt r = { 0 };
	struct param p;
	int e = take_path(&args, STR("TO"), g.smtputf8, &r.path);

	if (e < 0)
		return e;
	if (r.path.null) /* nobody to deliver to: RFC 5321 4.1.1.3 */
		return -EBADMSG;
	while ((e = take_param(&args, g.smtputf8, &p)) != 0) {
		if (e > 0)
			e = g.esmtp ? rcpt_param(p, g, &r) : -EOPNOTSUPP;
		if (e < 0) {
			*bad = p.key;
			return e;
		}
	}
	*ret = r;
	return 0;
}

int smtp_bdat_parse(struct str args, uint64_t max, uint64_t *size, bool *last)
{
	struct str digits = take_word(&args), word = take_word(&args);
	uint64_t n;
	int e;

	if (args.n || (word.n && !str_eq_nocase(word, STR("LAST"))))
		return -EBADMSG;
	e = str_to_u64(digits, max, &n);
	if (e < 0)
		return e;
	*size = n;
	*last = word.n > 0;
	return 0;
}

int smtp_xtext_decode(struct str s, struct buf *ret)
{
	size_t before = ret->n;
	int c = 0;

	while (s.n && c >= 0) {
		size_t used;

		c = xtext_char(s, &used);
		if (c >= 0)
			buf_add_c(ret, (char)c);
		s = str_skip(s, used);
	}
	if (c >= 0 && !ret->err && printable(str_skip(buf_str(ret), before)))
		return 0;
	ret->n = before;
	return ret->err ? ret->err : -EBADMSG;
}

void smtp_xtext_encode(struct str s, struct buf *ret)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c > 32 && c < 127 && c != '+' && c != '=') {
			buf_add_c(ret, s.p[i]);
			continue;
		}
		buf_add_c(ret, '+');
		buf_add_c(ret, hex[c >> 4]);
		buf_add_c(ret, hex[c & 15]);
	}
}

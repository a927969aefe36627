#include "admin/ctl_request.h"

#include <string.h>

#include <jansson.h>

static const char *const verbs[] = {
	[CTL_LIST] = "list",
	[CTL_SHOW] = "show",
	[CTL_HOLD] = "hold",
	[CTL_RELEASE] = "release",
	[CTL_RETRY] = "retry",
	[CTL_DELETE] = "delete",
	[CTL_STATS] = "stats",
	[CTL_PING] = "ping",
	[CTL_RECORD_SYNC] = "record-sync",
};

struct reader {
	struct arena *arena;
	struct ctl_request *request;
	struct str fault;
	int err; /* 0, -EBADMSG, -ENOMEM */
};

static void reader_fault(struct reader *r, const char *what, const char *key)
{
	if (r->err)
		return;
	r->err = -EBADMSG;
	r->fault = arena_printf(r->arena, "%s: \"%.40s\"", what, key);
}

/* The library recurses once per bracket; our stacks are small. */
static bool depth_ok(struct str s)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
			continue;
		}
		if (c == '"')
			quoted = true;
		else if (c == '[' || c == '{')
			depth++;
		else if ((c == ']' || c == '}') && depth)
			depth--;
		if (depth > CTL_DEPTH_MAX)
			return false;
	}
	return true;
}

static void take_str(struct reader *r, const char *key, json_t *v, struct str *ret)
{
	if (!json_is_string(v)) {
		reader_fault(r, "a string is wanted", key);
		return;
	}
	*ret = arena_str(r->arena, str_of(json_string_value(v), json_string_length(v)));
	if (!ret->p)
		r->err = -ENOMEM;
}

static void take_bool(struct reader *r, const char *key, json_t *v, bool *ret)
{
	if (json_is_boolean(v))
		*ret = json_boolean_value(v);
	else
		reader_fault(r, "true or false is wanted", key);
}

static void take_count(struct reader *r, const char *key, json_t *v, uint64_t *ret)
{
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		*ret = (uint64_t)json_integer_value(v);
	else
		reader_fault(r, "a number is wanted", key);
}

static void take_ids(struct reader *r, const char *key, json_t *v)
{
	struct ctl_request *q = r->request;
	size_t n = json_array_size(v);

	if (!json_is_array(v) || n > CTL_IDS_MAX) {
		reader_fault(r, "an array of at most 1000 ids is wanted", key);
		return;
	}
	q->ids = arena_alloc(r->arena, (n + 1) * sizeof(*q->ids));
	if (!q->ids) {
		r->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *id = json_string_value(json_array_get(v, i));

		if (!id || spool_id_parse(str_from(id), &q->ids[i]) < 0) {
			reader_fault(r, "not a message id", id ? id : "");
			return;
		}
	}
	q->id_count = n;
}

static void take_older(struct reader *r, const char *key, json_t *v, int64_t *ret)
{
	uint64_t s = 0;

	take_count(r, key, v, &s);
	*ret = s > INT64_MAX / USEC_PER_SEC ? INT64_MAX : (int64_t)s * USEC_PER_SEC;
}

static void take_filter(struct reader *r, json_t *object)
{
	struct ctl_filter *f = &r->request->filter;
	const char *key;
	json_t *v;
	bool held = false;

	if (!json_is_object(object))
		reader_fault(r, "an object is wanted", "filter");
	json_object_foreach(object, key, v)
	{
		if (!strcmp(key, "sender"))
			take_str(r, key, v, &f->sender);
		else if (!strcmp(key, "rcpt"))
			take_str(r, key, v, &f->rcpt);
		else if (!strcmp(key, "domain"))
			take_str(r, key, v, &f->domain);
		else if (!strcmp(key, "older_s"))
			take_older(r, key, v, &f->older_us);
		else if (strcmp(key, "held"))
			reader_fault(r, "unknown filter", key);
		else
			take_bool(r, key, v, &held);
		if (!strcmp(key, "held")) {
			f->only_held = held;
			f->only_waiting = !held;
		}
	}
}

static void take_verb(struct reader *r, json_t *v)
{
	struct ctl_request *q = r->request;

	take_str(r, "do", v, &q->word);
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (str_eq(q->word, str_from(verbs[i])))
			q->verb = (enum ctl_verb)i;
	}
}

static void take_all(struct reader *r, json_t *object)
{
	struct ctl_request *q = r->request;
	const char *key;
	json_t *v;

	json_object_foreach(object, key, v)
	{
		if (!strcmp(key, "do"))
			take_verb(r, v);
		else if (!strcmp(key, "ids"))
			take_ids(r, key, v);
		else if (!strcmp(key, "filter"))
			take_filter(r, v);
		else if (!strcmp(key, "all"))
			take_bool(r, key, v, &q->all);
		else if (!strcmp(key, "limit"))
			take_count(r, key, v, &q->limit);
		else
			reader_fault(r, "unknown key", key);
	}
}

/* What changes or shows messages must say which; "all" must be said in full. */
static void check_whole(struct reader *r)
{
	const struct ctl_request *q = r->request;
	bool chosen = q->id_count || q->all || !ctl_filter_empty(&q->filter);

	if (!q->word.n)
		reader_fault(r, "a verb is missing", "do");
	if (q->verb >= CTL_SHOW && q->verb <= CTL_DELETE && !chosen)
		reader_fault(r, "say which messages, by ids, filter or all",
			     verbs[q->verb]);
	if (q->id_count && (q->all || !ctl_filter_empty(&q->filter)))
		reader_fault(r, "either ids or a filter, not both", "ids");
}

int ctl_request_parse(struct str line, struct arena *a, struct ctl_request *ret,
		      struct str *fault)
{
	struct ctl_request q = { .verb = CTL_OTHER };
	struct reader r = { .arena = a, .request = &q };
	json_t *root = NULL;
	json_error_t why;

	if (line.n > CTL_LINE_BYTES_MAX || !depth_ok(line)) {
		reader_fault(&r, "too long or too deep", "request");
	} else {
		root = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &why);
		if (json_is_object(root))
			take_all(&r, root);
		else
			reader_fault(&r, "not a JSON object", root ? "" : why.text);
	}
	json_decref(root);
	if (!r.err)
		check_whole(&r);
	if (r.err == -EBADMSG)
		*fault = r.fault;
	if (!r.err)
		*ret = q;
	return r.err;
}

bool ctl_filter_empty(const struct ctl_filter *f)
{
	return !f->sender.n && !f->rcpt.n && !f->domain.n && !f->only_held &&
	       !f->only_waiting && !f->older_us;
}

bool ctl_filter_head(const struct ctl_filter *f, const struct spool_head *h,
		     int64_t now_us)
{
	if ((f->only_held && !h->held) || (f->only_waiting && h->held))
		return false;
	return !f->older_us || now_us - h->arrived_us >= f->older_us;
}

bool ctl_filter_needs_envelope(const struct ctl_filter *f)
{
	return f->sender.n || f->rcpt.n || f->domain.n;
}

static bool in_domain(struct str address, struct str domain)
{
	return str_eq_nocase(str_skip(address, (size_t)(str_rfind(address, '@') + 1)),
			     domain);
}

static bool rcpt_matches(const struct ctl_filter *f, const struct envelope *e)
{
	for (size_t i = 0; i < e->rcpt_count; i++) {
		const struct envelope_rcpt *r = &e->rcpts[i];

		if (r->state == RCPT_PENDING && (str_eq_nocase(r->to, f->rcpt) ||
						 str_eq_nocase(r->original, f->rcpt)))
			return true;
	}
	return false;
}

static bool domain_matches(const struct ctl_filter *f, const struct envelope *e)
{
	if (e->sender.n && in_domain(e->sender, f->domain))
		return true;
	for (size_t i = 0; i < e->rcpt_count; i++) {
		if (e->rcpts[i].state == RCPT_PENDING &&
		    in_domain(e->rcpts[i].to, f->domain))
			return true;
	}
	return false;
}

bool ctl_filter_envelope(const struct ctl_filter *f, const struct envelope *e)
{
	if (f->sender.n && !str_eq_nocase(f->sender, e->sender) &&
	    !(str_eq(f->sender, STR("<>")) && !e->sender.n))
		return false;
	if (f->rcpt.n && !rcpt_matches(f, e))
		return false;
	return !f->domain.n || domain_matches(f, e);
}

#include "conf/tree.h"

#include "base/hash.h"
#include "base/map.h"
#include "conf/scan.h"

/* Every node is findable by parent and key, so that a hundred thousand domains are no
 * burden. */
struct entry {
	struct conf_node node;
	struct conf_node *parent;
	struct map_node by_key;
	bool holds_values; /* not only sections */
};

struct reader {
	struct scan scan;
	struct map keys;
	size_t nodes;
	unsigned depth;
	bool stop; /* a limit was reached: no further faults */
};

static void read_value(struct reader *r, struct conf_node *node);

static void fault(struct reader *r, struct conf_pos pos, struct str text,
		  const char *rule, const char *remedy)
{
	if (!r->stop)
		conf_fault(r->scan.diags, pos, text, str_from(rule), str_from(remedy));
}

static uint64_t key_hash(const struct conf_node *parent, struct str key)
{
	return hash_str(key) ^ hash_u64((uint64_t)(uintptr_t)parent);
}

static struct conf_node *find(const struct reader *r, const struct conf_node *parent,
			      struct str key)
{
	struct map_node *at = map_first(&r->keys, key_hash(parent, key));

	for (; at; at = map_next(at)) {
		struct entry *e = CONTAINER_OF(at, struct entry, by_key);

		if (e->parent == parent && str_eq(e->node.key, key))
			return &e->node;
	}
	return NULL;
}

static void stop(struct reader *r, const char *what, const char *rule)
{
	fault(r, scan_pos(&r->scan), str_from(what), rule, "");
	r->stop = true;
	r->scan.at = r->scan.text.n;
}

/* NULL at a limit or without memory; reading then ends. */
static struct conf_node *node_new(struct reader *r, struct str key, struct conf_pos pos)
{
	struct entry *e = NULL;

	if (r->nodes++ < CONF_NODES_MAX)
		e = arena_alloc(r->scan.arena, sizeof(*e));
	else
		stop(r, "the configuration has too many entries",
		     "at most 200000 entries");
	if (!e) {
		r->scan.no_memory |= !r->stop;
		r->stop = true;
		r->scan.at = r->scan.text.n;
		return NULL;
	}
	e->node = (struct conf_node){
		.kind = CONF_OBJECT, .key = key, .pos = pos, .value_pos = pos
	};
	return &e->node;
}

static void append(struct conf_node *parent, struct conf_node *child)
{
	child->next = NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->children = child;
	parent->last = child;
}

static void twice(struct reader *r, const struct conf_node *first, struct conf_pos pos)
{
	fault(r, pos,
	      arena_printf(r->scan.arena, "%s \"%.*s\" is given twice, first at line %u",
			   first->kind == CONF_OBJECT ? "section" : "key",
			   STR_ARG(first->key), first->pos.line),
	      "each key stands once in its section", "keep one of the two");
}

/* Known without a look at each child: there may be a hundred thousand. */
static bool only_sections(const struct conf_node *object)
{
	return object->kind == CONF_OBJECT &&
	       !CONTAINER_OF((uintptr_t)object, struct entry, node)->holds_values;
}

static void attach(struct reader *r, struct conf_node *parent, struct conf_node *child);

/* "listen { mx { … } } listen { gate { … } }" add up; anything else is given twice. */
static void join(struct reader *r, struct conf_node *first, struct conf_node *again)
{
	struct conf_node *child = again->children, *next;

	if (!only_sections(first) || !only_sections(again)) {
		twice(r, first, again->pos);
		return;
	}
	for (; child; child = next) {
		struct entry *e = CONTAINER_OF(child, struct entry, node);

		next = child->next;
		map_remove(&r->keys, &e->by_key);
		attach(r, first, child);
	}
}

static void attach(struct reader *r, struct conf_node *parent, struct conf_node *child)
{
	struct entry *e = CONTAINER_OF(child, struct entry, node);
	struct conf_node *first = find(r, parent, child->key);

	if (first && first->kind == CONF_OBJECT && child->kind == CONF_OBJECT &&
	    parent != first && first != child) {
		join(r, first, child);
		return;
	}
	if (first) {
		twice(r, first, child->pos);
		return;
	}
	e->parent = parent;
	if (child->kind != CONF_OBJECT)
		CONTAINER_OF(parent, struct entry, node)->holds_values = true;
	append(parent, child);
	map_insert(&r->keys, &e->by_key, key_hash(parent, child->key));
}

/* After a fault: to the end of this entry, over whole brackets and strings. */
static void resync(struct reader *r)
{
	struct scan *s = &r->scan;
	size_t open = 0;
	bool quoted = false;

	for (char c = scan_peek(s); c; c = scan_peek(s)) {
		if (open == 0 && !quoted &&
		    (c == ',' || c == ';' || c == '}' || c == ']'))
			return;
		if (c == '\n') {
			quoted = false;
			if (open == 0)
				return;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!quoted && (c == '{' || c == '[')) {
			open++;
		} else if (!quoted && (c == '}' || c == ']')) {
			open--;
		}
		scan_step(s);
	}
}

static bool at_end_of_entry(const struct reader *r)
{
	char c = scan_peek(&r->scan);

	return c == 0 || c == '\n' || c == ',' || c == ';' || c == '}' || c == ']';
}

static void expect_end(struct reader *r, const struct conf_node *node)
{
	struct scan *s = &r->scan;
	const char *remedy = "put a comma before it; a value with blanks needs quotes";

	scan_skip(s, false);
	if (at_end_of_entry(r) || node->kind == CONF_OBJECT)
		return;
	if (node->kind == CONF_ARRAY && scan_peek(s) == ':')
		remedy = "an address with brackets needs quotes: \"[::1]:25\"";
	fault(r, scan_pos(s),
	      arena_printf(s->arena, "found %.*s after the value of \"%.*s\"",
			   STR_ARG(scan_found(s)), STR_ARG(node->key)),
	      "entries are separated by a new line, a comma or a semicolon", remedy);
	resync(r);
}

/* "1h 30m" is one value: words that begin with a digit go together. */
static struct str number_words(struct reader *r)
{
	struct scan *s = &r->scan, after = *s;
	size_t from = s->at;

	while (ch_digit(scan_peek(&after))) {
		(void)scan_value_word(&after);
		*s = after;
		while (scan_peek(&after) == ' ' || scan_peek(&after) == '\t')
			scan_step(&after);
	}
	return str_sub(s->text, from, s->at - from);
}

static void read_scalar(struct reader *r, struct conf_node *node)
{
	struct scan *s = &r->scan;
	bool listed = node->key.p == NULL;

	node->value_pos = scan_pos(s);
	if (scan_peek(s) == '"') {
		node->kind = CONF_STRING;
		if (scan_string(s, &node->value) < 0)
			node->value = STR("");
		return;
	}
	node->kind = CONF_WORD;
	if (scan_peek(s) == '\'')
		fault(r, scan_pos(s), STR("found a single quote"),
		      "strings stand in \"…\"", "write \" instead of '");
	if (ch_digit(scan_peek(s)) && !listed)
		node->value = number_words(r);
	else
		node->value = scan_value_word(s);
}

static void read_entries(struct reader *r, struct conf_node *object, bool braces);

static void read_object(struct reader *r, struct conf_node *node)
{
	node->kind = CONF_OBJECT;
	node->value_pos = scan_pos(&r->scan);
	scan_step(&r->scan);
	read_entries(r, node, true);
}

static void unclosed(struct reader *r, const struct conf_node *node, char close)
{
	fault(r, node->value_pos,
	      arena_printf(r->scan.arena, "the bracket opened here%s%.*s is not closed",
			   node->key.n ? " for " : "", STR_ARG(node->key)),
	      close == '}' ? "a section ends with }" : "a list ends with ]",
	      "add the closing bracket where the section or list should end");
}

static bool skip_separators(struct reader *r)
{
	struct scan *s = &r->scan;

	scan_skip(s, true);
	while (scan_peek(s) == ',' || scan_peek(s) == ';') {
		scan_step(s);
		scan_skip(s, true);
	}
	return !scan_end(s);
}

static void read_array(struct reader *r, struct conf_node *node)
{
	struct scan *s = &r->scan;

	node->kind = CONF_ARRAY;
	node->value_pos = scan_pos(s);
	scan_step(s);
	while (skip_separators(r) && scan_peek(s) != ']' && scan_peek(s) != '}') {
		struct conf_node *item = node_new(r, STR_NONE, scan_pos(s));

		if (!item)
			return;
		read_value(r, item);
		append(node, item);
		expect_end(r, item);
	}
	if (scan_peek(s) == ']')
		scan_step(s);
	else
		unclosed(r, node, ']');
}

/* At something: a brace, a bracket, a quote or a word. */
static void read_value(struct reader *r, struct conf_node *node)
{
	char c = scan_peek(&r->scan);

	if (c != '{' && c != '[') {
		read_scalar(r, node);
		return;
	}
	if (r->depth == CONF_DEPTH_MAX) {
		stop(r, "sections and lists are nested too deeply", "at most 16 levels");
		return;
	}
	r->depth++;
	if (c == '{')
		read_object(r, node);
	else
		read_array(r, node);
	r->depth--;
}

/* Over line ends, if one of `wanted` comes then; otherwise stay. */
static bool skip_lines_to(struct reader *r, const char *wanted)
{
	struct scan before = r->scan;
	char c;

	scan_skip(&r->scan, true);
	c = scan_peek(&r->scan);
	for (; *wanted; wanted++)
		if (c && c == *wanted)
			return true;
	if (c) /* at the end there is nothing to come back for */
		r->scan = before;
	return false;
}

static void no_value(struct reader *r, const struct conf_node *node)
{
	fault(r, node->pos,
	      arena_printf(r->scan.arena, "\"%.*s\" has no value", STR_ARG(node->key)),
	      "an entry is: name = value, or name { … }",
	      "add the value on the same line; an empty text is \"\"");
}

/* "domain title { … }" becomes domain { title { … } }, as if it were written so. */
static void read_titled(struct reader *r, struct conf_node *node)
{
	struct conf_node *inner = node_new(r, node->value, node->value_pos);

	node->kind = CONF_OBJECT;
	node->value = STR_NONE;
	if (!inner)
		return;
	read_value(r, inner);
	attach(r, node, inner);
}

static void read_signed_value(struct reader *r, struct conf_node *node, bool json)
{
	scan_step(&r->scan);
	if (json)
		scan_skip(&r->scan, true);
	else if (!skip_lines_to(r, "{["))
		scan_skip(&r->scan, false);
	if (at_end_of_entry(r))
		no_value(r, node);
	else
		read_value(r, node);
}

static void read_after_key(struct reader *r, struct conf_node *node, bool quoted)
{
	struct scan *s = &r->scan;

	if (!skip_lines_to(r, quoted ? "{:" : "{"))
		scan_skip(s, false);
	if (scan_peek(s) == '=' || scan_peek(s) == ':') {
		read_signed_value(r, node, quoted);
	} else if (at_end_of_entry(r)) {
		no_value(r, node);
	} else {
		read_value(r, node);
		if ((node->kind == CONF_WORD || node->kind == CONF_STRING) &&
		    skip_lines_to(r, "{"))
			read_titled(r, node);
	}
}

static void no_key(struct reader *r)
{
	fault(r, scan_pos(&r->scan),
	      arena_printf(r->scan.arena, "found %.*s where a name should stand",
			   STR_ARG(scan_found(&r->scan))),
	      "an entry is: name = value, or name { … }", "");
	if (scan_peek(&r->scan) == ']')
		scan_step(&r->scan);
	else
		resync(r);
}

static void read_entry(struct reader *r, struct conf_node *object)
{
	struct scan *s = &r->scan;
	struct conf_pos pos = scan_pos(s);
	struct str key = STR_NONE;
	bool quoted = scan_peek(s) == '"';
	struct conf_node *node;

	if (!quoted)
		key = scan_key_word(s);
	else if (scan_string(s, &key) < 0)
		key = STR_NONE;
	if (!quoted && key.n == 0) {
		no_key(r);
		return;
	}
	node = node_new(r, key.p ? key : STR(""), pos);
	if (!node)
		return;
	read_after_key(r, node, quoted);
	if (key.p)
		attach(r, object, node);
	expect_end(r, node);
}

static void read_entries(struct reader *r, struct conf_node *object, bool braces)
{
	struct scan *s = &r->scan;

	while (skip_separators(r)) {
		if (scan_peek(s) != '}') {
			read_entry(r, object);
			continue;
		}
		if (braces) {
			scan_step(s);
			return;
		}
		fault(r, scan_pos(s), STR("found a closing brace that nothing opened"),
		      "each } closes a {", "remove it, or look for a missing {");
		scan_step(s);
	}
	if (braces)
		unclosed(r, object, '}');
}

static void read_root(struct reader *r, struct conf_node *root)
{
	scan_skip(&r->scan, true);
	if (scan_peek(&r->scan) != '{') {
		read_entries(r, root, false);
		return;
	}
	read_object(r, root);
	if (skip_separators(r))
		fault(r, scan_pos(&r->scan),
		      STR("found more text behind the closing brace"),
		      "a file that begins with { ends with its }",
		      "remove the outer braces");
}

static int too_long(struct conf_diags *diags, struct conf_pos pos)
{
	conf_fault(diags, pos, STR("the configuration is too long"), STR("at most 4 MiB"),
		   STR("put long lists into files of their own"));
	return -EBADMSG;
}

int conf_parse(struct str text, struct str file, struct arena *a,
	       struct conf_diags *diags, struct conf_node **ret)
{
	struct reader r = { .scan = { .arena = a, .diags = diags } };
	size_t faults = diags->faults;
	struct conf_node *root;
	int e;

	r.scan.file = arena_str(a, file);
	if (!r.scan.file.p)
		return -ENOMEM;
	if (text.n > CONF_BYTES_MAX)
		return too_long(diags, (struct conf_pos){ .file = r.scan.file });
	e = scan_begin(&r.scan, text);
	if (e < 0)
		return e;
	root = node_new(&r, STR(""), scan_pos(&r.scan));
	if (root)
		read_root(&r, root);
	map_done(&r.keys);
	if (r.scan.no_memory)
		return -ENOMEM;
	if (diags->faults > faults)
		return -EBADMSG;
	*ret = root;
	return 0;
}

struct conf_node *conf_get(const struct conf_node *object, struct str key)
{
	if (!object || object->kind != CONF_OBJECT)
		return NULL;
	for (struct conf_node *c = object->children; c; c = c->next)
		if (str_eq(c->key, key))
			return c;
	return NULL;
}

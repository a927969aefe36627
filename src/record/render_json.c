#include <jansson.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/time.h"
#include "base/utf8.h"
#include "record/render.h"

/* Text as it is; what is not UTF-8 with its bytes as codes. NULL: no memory. */
static json_t *text(struct str s)
{
	struct buf plain = { 0 };
	json_t *ret;

	if (utf8_valid(s))
		return json_stringn(s.n ? s.p : "", s.n);
	escape_add(&plain, ESCAPE_PLAIN, s);
	ret = plain.err ? NULL : json_stringn(plain.p, plain.n);
	buf_done(&plain);
	return ret;
}

static const char *kind_name(enum note_kind kind)
{
	static const char *const name[] = { "open",   "client",   "server",
					    "body",   "decision", "wait",
					    "result", "trouble",  "close" };

	_Static_assert(COUNT_OF(name) == NOTE_KIND_COUNT, "a name for each kind of note");
	return name[kind];
}

static json_t *note_object(const struct note *note)
{
	char iso[TIME_TEXT_MAX];

	return json_pack("{s:o, s:s, s:o}", "time", text(time_iso(note->at_us, iso)),
			 "kind", kind_name(note->kind), "text", text(note->text));
}

/* 0 or -1, as jansson does. */
static int add_notes(json_t *object, const struct episode *e)
{
	json_t *list = json_array();
	struct str notes = e->notes;
	int64_t at = e->start_us;
	struct note note;

	if (json_object_set_new(object, "notes", list) < 0)
		return -1;
	while (transcript_next(&notes, &at, &note))
		if (json_array_append_new(list, note_object(&note)) < 0)
			return -1;
	return 0;
}

static int add_recipients(json_t *object, struct str rcpts)
{
	json_t *list = json_array();
	struct str one;

	if (json_object_set_new(object, "recipients", list) < 0)
		return -1;
	while (str_split(&rcpts, '\n', &one))
		if (one.n && json_array_append_new(list, text(one)) < 0)
			return -1;
	return 0;
}

static int add_id(json_t *object, const char *key, uint64_t id,
		  const struct record_view *view)
{
	char ret[RECORD_ID_TEXT];

	if (id == 0)
		return json_object_set_new(object, key, json_null());
	return json_object_set_new(object, key, text(record_id_text(view, id, ret)));
}

/* False: no memory. */
static bool fill(json_t *o, const struct episode *e, const struct record_view *view)
{
	static const char *const kind[] = { "receive", "deliver", "admin" };
	struct record_view plain = { .lang = view->lang };
	char iso[TIME_TEXT_MAX];

	return json_object_set_new(o, "kind", json_string(kind[e->kind])) == 0 &&
	       json_object_set_new(o, "time", text(time_iso(e->start_us, iso))) == 0 &&
	       add_id(o, "message", e->message, view) == 0 &&
	       add_id(o, "connection", e->connection, &plain) == 0 &&
	       json_object_set_new(o, "part", json_integer(e->part)) == 0 &&
	       json_object_set_new(o, "peer", text(e->peer)) == 0 &&
	       json_object_set_new(o, "sender", text(e->sender)) == 0 &&
	       add_recipients(o, e->rcpts) == 0 &&
	       json_object_set_new(o, "outcome", text(e->outcome)) == 0 &&
	       add_notes(o, e) == 0;
}

static int to_buf(const char *p, size_t n, void *out)
{
	buf_add_bytes(out, p, n);
	return ((struct buf *)out)->err ? -1 : 0;
}

int record_render_json(const struct episode *e, size_t n, const struct record_view *view,
		       struct buf *out)
{
	json_t *list = json_array();
	bool ok = list != NULL;

	for (size_t i = 0; i < n && ok; i++) {
		json_t *object = json_object();

		ok = json_array_append_new(list, object) == 0 &&
		     fill(object, &e[i], view);
	}
	ok = ok && json_dump_callback(list, to_buf, out, JSON_INDENT(2)) == 0;
	json_decref(list);
	if (!ok)
		return -ENOMEM;
	buf_add_c(out, '\n');
	return out->err;
}

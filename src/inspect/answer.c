#include "inspect/answer.h"

#include "base/varint.h"

enum {
	VERSION = 1,
	OBJECT_BYTES_LEAST = 8 + INSPECT_HASH_BYTES,
	FINDING_BYTES_LEAST = 3
};

/* Views have names of their own; in an answer they are numbers. */
static const char *const views[] = { NULL,       "identity", "base64", "quoted-printable",
				     "uuencode", "yenc",     "binhex", "tnef",
				     "charset" };

static void put(struct buf *out, uint64_t v)
{
	char bytes[VARINT_BYTES_MAX];

	buf_add_bytes(out, bytes, varint_put(v, bytes));
}

static void put_text(struct buf *out, struct str s)
{
	s = str_sub(s, 0, ANSWER_TEXT_MAX);
	put(out, s.n);
	buf_add(out, s);
}

static void put_object(struct buf *out, const struct inspected *o)
{
	size_t view = 0;

	while (o->view && view + 1 < COUNT_OF(views) &&
	       (!views[view] || strcmp(views[view], o->view) != 0))
		view++;
	put(out, o->parent);
	put(out, o->depth);
	put_text(out, o->path);
	put_text(out, o->name);
	put(out, view);
	put(out, o->types.bits[0]);
	put(out, o->types.bits[1]);
	put(out, o->bytes);
	buf_add_bytes(out, o->sha256, INSPECT_HASH_BYTES);
}

void answer_write(const struct inspect_report *r, struct buf *out)
{
	put(out, VERSION);
	put(out, r->worst);
	put(out, r->object_count);
	for (size_t i = 0; i < r->object_count; i++)
		put_object(out, &r->objects[i]);
	put(out, r->finding_count);
	for (size_t i = 0; i < r->finding_count; i++) {
		put(out, r->findings[i].kind);
		put(out, r->findings[i].object);
		put(out, r->findings[i].offset);
		put_text(out, r->findings[i].excerpt);
	}
	put(out, r->mime_finding_count);
	for (size_t i = 0; i < r->mime_finding_count; i++) {
		put(out, r->mime_findings[i].kind);
		put(out, r->mime_findings[i].grade);
		put(out, r->mime_findings[i].part);
		put(out, r->mime_findings[i].offset);
	}
}

/* A number of at most `most`. After a fault nothing more is taken. */
struct taking {
	struct str rest;
	struct arena *arena;
	int rc;
};

static uint64_t take(struct taking *t, uint64_t most)
{
	uint64_t v = 0;

	if (!t->rc && (!varint_take(&t->rest, &v) || v > most))
		t->rc = -EBADMSG;
	return t->rc ? 0 : v;
}

static struct str take_bytes(struct taking *t, size_t n)
{
	struct str s = str_sub(t->rest, 0, n);

	if (!t->rc && s.n < n)
		t->rc = -EBADMSG;
	if (t->rc)
		return STR_NONE;
	t->rest = str_skip(t->rest, n);
	return s;
}

static struct str take_text(struct taking *t)
{
	return take_bytes(t, (size_t)take(t, ANSWER_TEXT_MAX));
}

/* Room for as many as are announced, which cannot be more than the bytes that are left.
 */
static void *take_array(struct taking *t, size_t least, size_t size, size_t *n)
{
	void *array;

	*n = (size_t)take(t, t->rest.n / least);
	array = t->rc || !*n ? NULL : arena_alloc(t->arena, *n * size);
	if (!t->rc && *n && !array)
		t->rc = -ENOMEM;
	if (t->rc)
		*n = 0;
	return array;
}

static void take_object(struct taking *t, struct inspected *o, uint32_t id)
{
	struct str hash;

	o->id = id;
	o->parent = (uint32_t)take(t, id - 1);
	o->depth = (unsigned)take(t, 1000);
	o->path = take_text(t);
	o->name = take_text(t);
	o->view = views[take(t, COUNT_OF(views) - 1)];
	o->types.bits[0] = take(t, UINT64_MAX);
	o->types.bits[1] = take(t, UINT64_MAX);
	o->bytes = take(t, UINT64_MAX);
	hash = take_bytes(t, INSPECT_HASH_BYTES);
	if (hash.n)
		memcpy(o->sha256, hash.p, INSPECT_HASH_BYTES);
}

static void take_findings(struct taking *t, struct inspect_report *r)
{
	struct inspect_finding *findings = take_array(
		t, FINDING_BYTES_LEAST, sizeof(*findings), &r->finding_count);
	struct mime_finding *mime;

	for (size_t i = 0; i < r->finding_count && !t->rc; i++) {
		findings[i].kind = (enum inspect_finding_kind)take(
			t, INSPECT_FINDING_COUNT - 1);
		findings[i].object = (uint32_t)take(t, r->object_count);
		findings[i].offset = take(t, UINT64_MAX);
		findings[i].excerpt = take_text(t);
	}
	mime = take_array(t, FINDING_BYTES_LEAST, sizeof(*mime), &r->mime_finding_count);
	for (size_t i = 0; i < r->mime_finding_count && !t->rc; i++) {
		mime[i].kind = (enum mime_finding_kind)take(t, MIME_FINDING_COUNT - 1);
		mime[i].grade = (enum mime_grade)take(t, MIME_LIMIT);
		mime[i].part = (uint32_t)take(t, UINT32_MAX);
		mime[i].offset = take(t, UINT64_MAX);
	}
	r->findings = findings;
	r->mime_findings = mime;
}

int answer_read(struct str bytes, struct arena *a, struct inspect_report *ret)
{
	struct taking t = { .rest = bytes, .arena = a };
	struct inspect_report r = { 0 };
	struct inspected *objects;

	if (take(&t, UINT64_MAX) != VERSION && !t.rc)
		t.rc = -EBADMSG;
	r.worst = (enum inspect_grade)take(&t, INSPECT_GRADE_COUNT - 1);
	objects = take_array(&t, OBJECT_BYTES_LEAST, sizeof(*objects), &r.object_count);
	for (size_t i = 0; i < r.object_count && !t.rc; i++)
		take_object(&t, &objects[i], (uint32_t)i + 1);
	r.objects = objects;
	take_findings(&t, &r);
	if (!t.rc && t.rest.n)
		t.rc = -EBADMSG;
	if (t.rc)
		return t.rc;
	*ret = r;
	return 0;
}

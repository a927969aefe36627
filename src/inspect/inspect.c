/*
 * The border to the parser: the content of each view is collected, and looked at when the
 * view ends. That happens while later parts still arrive.
 */
#include "inspect/inspect.h"

#include "base/mem.h"
#include "inspect/scan_inner.h"

enum {
	NAMES_MAX = SCAN_NAMES_MAX,
	TYPES_MAX = 8,
	COLLECTED_MAX_MIB = 48, /* of views that are still open, together */
};

struct part {
	uint32_t id;
	struct str path;
	struct str names[NAMES_MAX], types[TYPES_MAX];
	size_t name_count, type_count;
	bool looked; /* its names were looked at, with its first view */
};

struct view {
	uint32_t id, part;
	enum mime_decoder decoder;
	struct buf content;
	bool truncated;
	struct view *next;
};

struct inspect {
	struct scan scan;
	struct mime_parser *parser;
	struct part **parts; /* by id */
	size_t part_room;
	struct view *views; /* open */
	size_t collected;
	struct mime_finding *findings;
	size_t finding_count, finding_room;
	struct inspect_report report;
};

static struct part *part_of(struct inspect *in, uint32_t id)
{
	return id < in->part_room ? in->parts[id] : NULL;
}

static bool parts_reach(struct inspect *in, uint32_t id)
{
	size_t room = in->part_room ? in->part_room : 16;
	struct part **grown;

	while (room <= id)
		room *= 2;
	if (room == in->part_room)
		return true;
	grown = mem_realloc(in->parts, room * sizeof(struct part *));
	if (!grown)
		return false;
	memset(grown + in->part_room, 0, (room - in->part_room) * sizeof(struct part *));
	in->parts = grown;
	in->part_room = room;
	return true;
}

static void part_begin(void *ctx, const struct mime_part *part)
{
	struct inspect *in = ctx;
	struct part *p = parts_reach(in, part->id)
				 ? arena_alloc(&in->scan.arena, sizeof(*p))
				 : NULL;

	if (!p) {
		in->scan.memory = true;
		return;
	}
	p->id = part->id;
	p->path = arena_str(&in->scan.arena, part->path);
	for (size_t i = 0; i < part->name_count && i < NAMES_MAX; i++)
		p->names[p->name_count++] = arena_str(&in->scan.arena,
						      part->names[i].text);
	for (size_t i = 0; i < part->type_count && i < TYPES_MAX; i++)
		p->types[p->type_count++] = arena_str(&in->scan.arena, part->types[i]);
	in->parts[part->id] = p;
}

static void part_name(void *ctx, uint32_t id, const struct mime_name *name)
{
	struct inspect *in = ctx;
	struct part *p = part_of(in, id);

	if (p && p->name_count < NAMES_MAX)
		p->names[p->name_count++] = arena_str(&in->scan.arena, name->text);
}

static struct view *view_of(struct inspect *in, uint32_t id)
{
	struct view *v = in->views;

	while (v && v->id != id)
		v = v->next;
	return v;
}

/* As much as there is room for; what is left out makes the object truncated. */
static void collect(struct inspect *in, struct view *v, struct str bytes)
{
	size_t most = SCAN_OBJECT_MAX_MIB * MIB, all = COLLECTED_MAX_MIB * MIB;
	size_t n = bytes.n;

	if (n > most - v->content.n)
		n = most - v->content.n;
	if (n > all - in->collected)
		n = all - in->collected;
	v->truncated = v->truncated || n < bytes.n;
	buf_add_bytes(&v->content, bytes.p, n);
	in->collected += n;
	if (v->content.err)
		in->scan.memory = v->truncated = true;
}

static void view_begin(void *ctx, const struct mime_view *view)
{
	struct inspect *in = ctx;
	struct view *v = mem_alloc(sizeof(*v)), *from = view_of(in, view->from);

	if (!v) {
		in->scan.memory = true;
		return;
	}
	v->id = view->id;
	v->part = view->part;
	v->decoder = view->decoder;
	v->next = in->views;
	in->views = v;
	if (view->from && from) {
		v->truncated = from->truncated;
		collect(in, v, buf_str(&from->content));
	}
}

static void view_bytes(void *ctx, uint32_t id, struct str bytes)
{
	struct inspect *in = ctx;
	struct view *v = view_of(in, id);

	if (v)
		collect(in, v, bytes);
}

static void view_free(struct inspect *in, struct view *v)
{
	struct view **at = &in->views;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	in->collected -= v->content.n;
	buf_done(&v->content);
	mem_free(v);
}

static const char *const decoders[MIME_DECODER_COUNT] = {
	[MIME_IDENTITY] = "identity",   [MIME_BASE64] = "base64",
	[MIME_QP] = "quoted-printable", [MIME_UUENCODE] = "uuencode",
	[MIME_YENC] = "yenc",           [MIME_BINHEX] = "binhex",
	[MIME_TNEF_DATA] = "tnef",      [MIME_CHARSET] = "charset",
};

static void view_end(void *ctx, const struct mime_view_end *end)
{
	struct inspect *in = ctx;
	struct view *v = view_of(in, end->id);
	struct part *p = part_of(in, end->part);

	if (!v)
		return;
	if (p && !end->same_as && v->content.n) {
		scan_subject(&in->scan, &(struct subject){
						.path = p->path,
						.view = decoders[v->decoder],
						.content = buf_str(&v->content),
						.names = p->names,
						.name_count = p->name_count,
						.names_known = p->looked,
						.claimed = p->types,
						.claimed_count = p->type_count,
						.truncated = v->truncated,
					});
		p->looked = true;
	}
	view_free(in, v);
}

static void finding(void *ctx, const struct mime_finding *f)
{
	struct inspect *in = ctx;
	size_t room = in->finding_room ? in->finding_room * 2 : 16;

	if (in->finding_count == in->finding_room) {
		struct mime_finding *grown = mem_realloc(in->findings,
							 room * sizeof(*grown));

		if (!grown) {
			in->scan.memory = true;
			return;
		}
		in->findings = grown;
		in->finding_room = room;
	}
	in->findings[in->finding_count++] = *f;
}

struct inspect *inspect_new(void)
{
	static const struct mime_visitor visitor = {
		.part_begin = part_begin,
		.part_name = part_name,
		.view_begin = view_begin,
		.bytes = view_bytes,
		.view_end = view_end,
		.finding = finding,
	};
	struct inspect *in = mem_alloc(sizeof(*in));

	if (!in)
		return NULL;
	in->parser = mime_parser_new(&visitor, in);
	if (!in->parser) {
		mem_free(in);
		return NULL;
	}
	return in;
}

void inspect_free(struct inspect *in)
{
	if (!in)
		return;
	while (in->views)
		view_free(in, in->views);
	mime_parser_free(in->parser);
	scan_done(&in->scan);
	mem_free(in->parts);
	mem_free(in->findings);
	mem_free(in);
}

void inspect_feed(struct inspect *in, struct str bytes)
{
	in->scan.message_bytes += bytes.n;
	mime_parser_feed(in->parser, bytes);
}

static const struct inspect_report *report(struct inspect *in)
{
	static const enum inspect_grade grades[] = {
		[MIME_NOTE] = INSPECT_NOTE,
		[MIME_ODD] = INSPECT_ODD,
		[MIME_LIMIT] = INSPECT_LIMIT,
	};
	const struct object none = { 0 };
	enum inspect_grade worst = INSPECT_NOTE;

	if (in->scan.memory)
		scan_tell(&in->scan, &none, INSPECT_MEMORY, 0, STR_NONE);
	for (size_t i = 0; i < in->scan.finding_count; i++) {
		enum inspect_grade g = inspect_finding_grade(in->scan.findings[i].kind);

		worst = g > worst ? g : worst;
	}
	for (size_t i = 0; i < in->finding_count; i++)
		if (grades[in->findings[i].grade] > worst)
			worst = grades[in->findings[i].grade];
	if (in->scan.memory && worst < INSPECT_LIMIT)
		worst = INSPECT_LIMIT; /* even if there was no memory to say it */
	in->report = (struct inspect_report){
		.objects = in->scan.objects,
		.object_count = in->scan.object_count,
		.findings = in->scan.findings,
		.finding_count = in->scan.finding_count,
		.mime_findings = in->findings,
		.mime_finding_count = in->finding_count,
		.worst = worst,
	};
	return &in->report;
}

const struct inspect_report *inspect_finish(struct inspect *in)
{
	mime_parser_finish(in->parser);
	return report(in);
}

const struct inspect_report *inspect_file(struct inspect *in, struct str name,
					  struct str content)
{
	in->scan.message_bytes += content.n;
	scan_subject(&in->scan, &(struct subject){
					.path = STR("0"),
					.content = content,
					.names = &name,
					.name_count = name.n > 0,
				});
	return report(in);
}

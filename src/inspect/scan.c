#include <openssl/sha.h>

#include "base/mem.h"
#include "inspect/readers.h"
#include "inspect/scan_inner.h"
#include "mime/name.h"

static const char eicar[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$"
			    "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

/* One more of an array that grows by doubling. NULL: no memory. */
static void *grow(struct scan *s, void *array, size_t n, size_t *room, size_t size)
{
	void *p;

	if (n < *room)
		return array;
	p = mem_realloc(array, (*room ? *room * 2 : 16) * size);
	if (!p) {
		s->memory = true;
		return NULL;
	}
	*room = *room ? *room * 2 : 16;
	return p;
}

void scan_tell(struct scan *s, const struct object *o, enum inspect_finding_kind kind,
	       uint64_t offset, struct str excerpt)
{
	struct inspect_finding *grown;
	struct told *told = &s->told[kind];

	for (size_t i = 0; i < told->count; i++)
		if (told->objects[i] == o->id)
			return;
	if (told->count == SCAN_KIND_MAX)
		return;
	grown = grow(s, s->findings, s->finding_count, &s->finding_room, sizeof(*grown));
	if (!grown)
		return;
	told->objects[told->count++] = o->id;
	s->findings = grown;
	s->findings[s->finding_count++] = (struct inspect_finding){
		.kind = kind,
		.object = o->id,
		.offset = offset,
		.excerpt = arena_str(&s->arena, str_sub(excerpt, 0, SCAN_EXCERPT_MAX)),
	};
}

/* The budgets: in proportion to the message, and at all. */
static uint64_t made_max(const struct scan *s, bool *by_ratio)
{
	uint64_t ratio = SCAN_RATIO_FREE_MIB * (uint64_t)MIB +
			 s->message_bytes * SCAN_RATIO_MAX;
	uint64_t most = SCAN_BYTES_MAX_MIB * (uint64_t)MIB;

	*by_ratio = ratio < most;
	return *by_ratio ? ratio : most;
}

bool scan_work(struct scan *s, const struct object *o, uint64_t bytes)
{
	bool by_ratio;
	uint64_t most = made_max(s, &by_ratio);

	if (bytes <= most && s->made <= most - bytes) {
		s->made += bytes;
		return true;
	}
	scan_tell(s, o, by_ratio ? INSPECT_RATIO : INSPECT_WORK, 0, STR_NONE);
	return false;
}

uint64_t scan_room(const struct scan *s)
{
	bool by_ratio;
	uint64_t most = made_max(s, &by_ratio);
	uint64_t room = s->made < most ? most - s->made : 0;
	uint64_t one = SCAN_OBJECT_MAX_MIB * (uint64_t)MIB;

	return room < one ? room : one;
}

static void tell_class_of_name(struct scan *s, const struct object *o,
			       const struct mime_name *name)
{
	static const struct {
		enum inspect_class class;
		enum inspect_finding_kind kind;
	} rows[] = {
		{ CLASS_EXECUTABLE, INSPECT_EXECUTABLE_NAME },
		{ CLASS_SCRIPT, INSPECT_SCRIPT_NAME },
		{ CLASS_LINK, INSPECT_LINK_NAME },
		{ CLASS_DISK_IMAGE, INSPECT_DISK_IMAGE_NAME },
		{ CLASS_ARCHIVE, INSPECT_ARCHIVE_NAME },
		{ CLASS_MACROS, INSPECT_MACRO_NAME },
	};
	enum inspect_class class = extension_class(name->extension);

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].class == class)
			scan_tell(s, o, rows[i].kind, 0, name->text);
}

/* "invoice.pdf.exe": the extension before the last one is what people believe. */
static bool double_extension(const struct mime_name *name)
{
	static const char harmless[] =
		"pdf doc docx xls xlsx ppt pptx txt rtf csv jpg jpeg png "
		"gif bmp tif tiff htm html mp3 mp4 avi wav odt ods";
	enum inspect_class class = extension_class(name->extension);
	struct str rest = str_from(harmless), word, stem;
	ptrdiff_t dot;

	if (class != CLASS_EXECUTABLE && class != CLASS_SCRIPT && class != CLASS_LINK)
		return false;
	stem = str_trim(
		str_sub(name->canonical, 0, name->canonical.n - name->extension.n - 1));
	dot = str_rfind(stem, '.');
	while (dot >= 0 && str_word(&rest, &word))
		if (str_eq_nocase(word, str_trim(str_skip(stem, (size_t)dot + 1))))
			return true;
	return false;
}

static void tell_name(struct scan *s, const struct object *o,
		      const struct mime_name *name, unsigned odd)
{
	tell_class_of_name(s, o, name);
	if (name->extension.n && double_extension(name))
		scan_tell(s, o, INSPECT_NAME_DOUBLE, 0, name->text);
	if (odd & NAME_HIDDEN)
		scan_tell(s, o, INSPECT_NAME_HIDDEN, 0, name->text);
}

/* True: one of the names has an extension, and all that have one are harmless. */
static bool look_at_names(struct scan *s, const struct object *o, bool tell)
{
	bool harmless = false, harmful = false;

	for (size_t i = 0; i < o->name_count; i++) {
		struct mime_name name;
		unsigned odd = mime_name_read(&s->arena, o->names[i], &name);
		enum inspect_class class = extension_class(name.extension);

		if (tell)
			tell_name(s, o, &name, odd);
		harmful = harmful || class != CLASS_NONE;
		harmless = harmless || (name.extension.n && class == CLASS_NONE);
	}
	return harmless && !harmful;
}

static void look_at_types(struct scan *s, const struct object *o, bool harmless_name)
{
	static const enum inspect_finding_kind kinds[CLASS_COUNT] = {
		[CLASS_EXECUTABLE] = INSPECT_EXECUTABLE,
		[CLASS_SCRIPT] = INSPECT_SCRIPT,
		[CLASS_LINK] = INSPECT_LINK,
		[CLASS_DISK_IMAGE] = INSPECT_DISK_IMAGE,
	};

	for (int i = 0; i < TYPE_COUNT; i++) {
		enum file_type type = (enum file_type)i;
		enum inspect_class class = type_class(type);

		if (!type_in(&o->types, type) || !class || !kinds[class])
			continue;
		scan_tell(s, o, kinds[class], 0, type_id(type));
		if (harmless_name && (class == CLASS_EXECUTABLE || class == CLASS_LINK))
			scan_tell(s, o, INSPECT_TYPE_MISMATCH, 0, type_id(type));
	}
}

static bool picture(const struct type_set *set)
{
	static const enum file_type pictures[] = { TYPE_PNG, TYPE_JPEG, TYPE_GIF,
						   TYPE_BMP, TYPE_TIFF, TYPE_WEBP,
						   TYPE_PDF, TYPE_MP4,  TYPE_MP3,
						   TYPE_OGG };

	for (size_t i = 0; i < COUNT_OF(pictures); i++)
		if (type_in(set, pictures[i]))
			return true;
	return false;
}

static void look_at_polyglot(struct scan *s, const struct object *o)
{
	static const enum file_type seconds[] = { TYPE_ZIP,  TYPE_RAR, TYPE_SEVEN_ZIP,
						  TYPE_HTML, TYPE_PE,  TYPE_JSCRIPT,
						  TYPE_PHP };

	if (!picture(&o->types))
		return;
	for (size_t i = 0; i < COUNT_OF(seconds); i++)
		if (type_in(&o->types, seconds[i]))
			scan_tell(s, o, INSPECT_POLYGLOT, 0, type_id(seconds[i]));
}

static void look(struct scan *s, const struct object *o, bool names_known)
{
	const char *at = o->content.n ? memmem(o->content.p, o->content.n, eicar,
					       sizeof(eicar) - 1)
				      : NULL;

	if (at)
		scan_tell(s, o, INSPECT_EICAR, (uint64_t)(at - o->content.p),
			  str_of(at, sizeof(eicar) - 1));
	if (o->truncated)
		scan_tell(s, o, INSPECT_TRUNCATED, o->content.n, STR_NONE);
	look_at_types(s, o, look_at_names(s, o, !names_known));
	look_at_polyglot(s, o);
	for (size_t i = 0; readers[i]; i++)
		if (readers[i]->is(o))
			readers[i]->read(s, o);
}

void scan_subject(struct scan *s, const struct subject *subject)
{
	struct inspected *grown = grow(s, s->objects, s->object_count, &s->object_room,
				       sizeof(*grown));
	struct object o = {
		.id = (uint32_t)s->object_count + 1,
		.parent = subject->parent,
		.depth = subject->depth,
		.path = arena_str(&s->arena, subject->path),
		.content = subject->content.p ? subject->content : STR(""),
		.truncated = subject->truncated,
		.names = subject->names,
		.name_count = subject->name_count,
		.claimed = subject->claimed,
		.claimed_count = subject->claimed_count,
	};
	struct inspected kept = {
		.id = o.id,
		.parent = o.parent,
		.depth = o.depth,
		.path = o.path,
		.view = subject->view,
		.bytes = o.content.n,
	};

	if (!grown)
		return;
	s->objects = grown;
	o.types = kept.types = types_of(o.content);
	if (o.name_count)
		kept.name = arena_str(&s->arena, str_sub(o.names[0], 0, SCAN_NAME_MAX));
	SHA256((const unsigned char *)o.content.p, o.content.n, kept.sha256);
	s->objects[s->object_count++] = kept;
	look(s, &o, subject->names_known);
}

bool scan_child(struct scan *s, const struct object *o, const struct child *c)
{
	const struct str names[] = { str_sub(c->name, 0, SCAN_NAME_MAX),
				     str_sub(c->name2, 0, SCAN_NAME_MAX) };
	char path[SCAN_NAME_MAX * 2];
	struct buf b = BUF_OVER(path);

	if (o->depth + 1 >= SCAN_DEPTH_MAX) {
		scan_tell(s, o, INSPECT_DEPTH, 0, STR_NONE);
		return false;
	}
	if (s->object_count >= SCAN_OBJECTS_MAX) {
		scan_tell(s, o, INSPECT_OBJECTS, 0, STR_NONE);
		return false;
	}
	buf_add(&b, str_sub(o->path, 0, SCAN_NAME_MAX / 2));
	buf_add_c(&b, '!');
	buf_add(&b, names[0]);
	scan_subject(s, &(struct subject){
				.parent = o->id,
				.depth = o->depth + 1,
				.path = buf_str(&b),
				.content = c->content,
				.names = names,
				.name_count = c->name2.n  ? 2
					      : c->name.n ? 1
							  : 0,
				.truncated = c->truncated,
			});
	buf_done(&b);
	return true;
}

void scan_done(struct scan *s)
{
	mem_free(s->objects);
	mem_free(s->findings);
	arena_done(&s->arena);
	*s = (struct scan){ 0 };
}

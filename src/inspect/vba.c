#include "inspect/vba.h"

#include "base/mem.h"
#include "inspect/office.h"

enum {
	CHUNK_MAX = 4096,                /* bytes that one chunk decompresses to */
	DIRECTORY_MAX = 4 * 1024 * 1024, /* decompressed */
	COMPILED_EMPTY_MAX = 3000,       /* compiled form of a module without code */
	RECORD_CODEPAGE = 0x0003,
	RECORD_VERSION = 0x0009,
	RECORD_NAME = 0x0019,
	RECORD_STREAM = 0x001a,
	RECORD_END = 0x002b,
	RECORD_OFFSET = 0x0031,
	RECORD_STREAM_UNICODE = 0x0032,
	RECORD_NAME_UNICODE = 0x0047,
};

/* MS-OVBA 2.4.1.3.19.1: how many bits of a token are the offset. */
static unsigned offset_bits(size_t done)
{
	unsigned bits = 4;

	while ((size_t)1 << bits < done)
		bits++;
	return bits;
}

/* Copy within what has been made of this chunk. False: it points before its start. */
static bool token_copy(unsigned token, struct buf *ret, size_t start)
{
	size_t done = ret->n - start;
	unsigned bits = offset_bits(done);
	size_t n = (token & (0xffffu >> bits)) + 3;
	size_t back = (token >> (16 - bits)) + 1;

	if (back > done || n > CHUNK_MAX - done)
		return false;
	while (n--) {
		char c = ret->p[ret->n - back];

		buf_add_c(ret, c);
		if (ret->err)
			return false;
	}
	return true;
}

static bool chunk_decompress(struct str in, struct buf *ret)
{
	size_t start = ret->n, at = 0;

	while (at < in.n) {
		unsigned flags = (unsigned char)in.p[at++];

		for (unsigned bit = 0; bit < 8 && at < in.n; bit++) {
			if (flags >> bit & 1) {
				if (at + 2 > in.n ||
				    !token_copy(le16_at(in, at), ret, start))
					return false;
				at += 2;
			} else {
				if (ret->n - start >= CHUNK_MAX)
					return false;
				buf_add_c(ret, in.p[at++]);
			}
		}
	}
	return !ret->err;
}

bool vba_decompress(struct scan *s, const struct object *o, struct str in,
		    struct buf *ret)
{
	if (!in.n || in.p[0] != 1)
		return false;
	in = str_skip(in, 1);
	while (in.n >= 2) {
		unsigned header = le16_at(in, 0);
		size_t n = (header & 0xfff) + 1u;
		struct str data = str_sub(in, 2, n);

		if ((header >> 12 & 7) != 3)
			return false;
		if (!scan_work(s, o, CHUNK_MAX))
			return false;
		if (!(header >> 15))
			buf_add(ret, data);
		else if (!chunk_decompress(data, ret))
			return false;
		if (data.n < n)
			return false;
		in = str_skip(in, 2 + n);
	}
	return in.n == 0 && !ret->err;
}

bool vba_is_directory(const struct cfb *c, const struct cfb_entry *e)
{
	return e->kind == CFB_STREAM && str_eq_nocase(cfb_name(e), STR("dir")) &&
	       (e->parent == CFB_NOWHERE ||
		str_eq_nocase(cfb_parent_name(c, e), STR("VBA")));
}

static struct str name_kept(struct vba *v, struct str raw, bool wide)
{
	struct buf b = { 0 };
	struct str kept;

	if (wide)
		office_utf16(&b, str_sub(raw, 0, SCAN_NAME_MAX));
	else
		buf_add(&b, str_sub(raw, 0, SCAN_NAME_MAX));
	kept = arena_str(&v->arena, buf_str(&b));
	buf_done(&b);
	return kept;
}

/* One record of the directory. MS-OVBA 2.3.4.2.3: modules come one after the other. */
static void record_read(struct vba *v, unsigned id, struct str data, uint32_t storage)
{
	struct vba_module *m = v->module_count ? &v->modules[v->module_count - 1] : NULL;

	if (id == RECORD_NAME) {
		if (v->module_count == VBA_MODULES_MAX) {
			v->broken = true;
			return;
		}
		m = &v->modules[v->module_count++];
		*m = (struct vba_module){ .storage = storage };
		m->name = m->stream = name_kept(v, data, false);
	}
	if (!m)
		return;
	if (id == RECORD_NAME_UNICODE)
		m->name = name_kept(v, data, true);
	if (id == RECORD_STREAM)
		m->stream = name_kept(v, data, false);
	if (id == RECORD_STREAM_UNICODE && data.n)
		m->stream = name_kept(v, data, true);
	if (id == RECORD_OFFSET)
		m->offset = le32_at(data, 0);
}

/* Decompress a source as far as there is room for all of them together. */
static bool source_read(struct vba *v, struct str in, struct buf *source)
{
	const size_t most = (size_t)VBA_SOURCE_MAX_MIB * MIB;
	bool whole;

	if (v->source_bytes >= most) {
		scan_tell(v->scan, v->o, INSPECT_VBA_LONG, 0, STR_NONE);
		return false;
	}
	source->bytes_max = most - v->source_bytes;
	whole = vba_decompress(v->scan, v->o, in, source);
	if (source->err == -EMSGSIZE)
		scan_tell(v->scan, v->o, INSPECT_VBA_LONG, 0, STR_NONE);
	else if (source->err)
		scan_tell(v->scan, v->o, INSPECT_MEMORY, 0, STR_NONE);
	v->source_bytes += source->n;
	return whole;
}

static void directory_read(struct vba *v, const struct cfb_entry *e)
{
	struct buf raw = { 0 }, plain = { 0 };
	struct str in;
	bool end = false;

	v->broken |= !cfb_read(v->cfb, e, &raw);
	plain.bytes_max = DIRECTORY_MAX;
	v->broken |= !vba_decompress(v->scan, v->o, buf_str(&raw), &plain);
	in = buf_str(&plain);
	while (in.n >= 6) {
		unsigned id = le16_at(in, 0);
		/* MS-OVBA 2.3.4.2.1.11: here the length is no length. */
		uint32_t n = id == RECORD_VERSION ? 6 : le32_at(in, 2);

		if (n > in.n - 6)
			break;
		record_read(v, id, str_sub(in, 6, n), e->parent);
		end = end || id == RECORD_END;
		in = str_skip(in, 6 + (size_t)n);
	}
	v->broken |= in.n > 0;
	buf_done(&raw);
	buf_done(&plain);
}

static bool project_stream(const struct cfb *c, const struct cfb_entry *e)
{
	return e->kind == CFB_STREAM &&
	       (str_eq_nocase(cfb_name(e), STR("_VBA_PROJECT")) ||
		str_starts_nocase(cfb_name(e), STR("__SRP_")) || vba_is_directory(c, e) ||
		str_eq_nocase(cfb_parent_name(c, e), STR("VBA")));
}

void vba_begin(struct vba *v, struct cfb *c)
{
	*v = (struct vba){ .scan = c->scan, .o = c->o, .cfb = c };
	v->modules = mem_alloc(VBA_MODULES_MAX * sizeof(*v->modules));
	if (!v->modules) {
		scan_tell(v->scan, v->o, INSPECT_MEMORY, 0, STR_NONE);
		return;
	}
	for (size_t i = 0; i < c->entry_count; i++) {
		v->present = v->present || project_stream(c, &c->entries[i]);
		if (vba_is_directory(c, &c->entries[i]))
			directory_read(v, &c->entries[i]);
	}
}

/* "Wsc" & "ript" is one word: the text without what stands between the quotes. */
static void join_strings(struct str in, struct buf *ret)
{
	size_t at = 0;

	while (at < in.n) {
		size_t to = at + 1;
		bool joined = false;

		while (in.p[at] == '"' && to < in.n &&
		       (in.p[to] == ' ' || in.p[to] == '\t' || in.p[to] == '\r' ||
			in.p[to] == '\n' || in.p[to] == '_' || in.p[to] == '&' ||
			in.p[to] == '+')) {
			joined = joined || in.p[to] == '&' || in.p[to] == '+';
			to++;
		}
		if (joined && to < in.n && in.p[to] == '"')
			at = to + 1;
		else
			buf_add_c(ret, in.p[at++]);
	}
}

static void source_look(struct vba *v, struct str source, struct str name)
{
	struct buf joined = { 0 }, file = { 0 };

	v->source_words |= vba_words(source);
	if (scan_work(v->scan, v->o, (uint64_t)source.n * 2)) {
		join_strings(source, &joined);
		v->source_words |= vba_words(buf_str(&joined));
	}
	buf_add(&file, str_sub(name, 0, SCAN_NAME_MAX - 4));
	buf_add(&file, STR(".bas"));
	if (source.n)
		scan_child(v->scan, v->o,
			   &(struct child){ .name = buf_str(&file), .content = source });
	if (joined.err || file.err)
		scan_tell(v->scan, v->o, INSPECT_MEMORY, 0, STR_NONE);
	buf_done(&joined);
	buf_done(&file);
}

/* The source of a module where the directory says it is. */
static void module_look(struct vba *v, struct vba_module *m, struct str content)
{
	struct buf source = { 0 };
	bool whole;

	m->seen = true;
	whole = source_read(v, str_skip(content, m->offset), &source);
	if (!source.n ||
	    (m->offset > COMPILED_EMPTY_MAX && !(vba_words(buf_str(&source)) & VBA_CODE)))
		v->stomped = v->stomped || m->offset > 0;
	v->broken |= !whole;
	source_look(v, buf_str(&source), m->name);
	buf_done(&source);
}

/*
 * Sources that no directory names: each begins with "Attribute", and the first eight
 * bytes of a compressed text stand there as they are.
 */
static bool hidden_look(struct vba *v, struct str content, size_t named, struct str name)
{
	static const struct str mark = STR_INIT("\0Attribut");
	ptrdiff_t at = -1;
	bool found = false;

	for (size_t n = 0; n < VBA_HIDDEN_MAX; n++) {
		struct buf source = { 0 };

		at = office_find(content, (size_t)(at + 1), mark);
		if (at < 0)
			break;
		if (at < 3 || (size_t)at - 3 == named || content.p[at - 3] != 1)
			continue;
		source_read(v, str_skip(content, (size_t)at - 3), &source);
		found = found || source.n;
		source_look(v, buf_str(&source), name);
		buf_done(&source);
	}
	return found;
}

bool vba_stream(struct vba *v, const struct cfb_entry *e, struct str content)
{
	struct vba_module *m = NULL;
	bool ours = project_stream(v->cfb, e), found;

	for (size_t i = 0; i < v->module_count; i++)
		if (v->modules[i].storage == e->parent &&
		    str_eq_nocase(v->modules[i].stream, cfb_name(e)))
			m = &v->modules[i];
	if (m)
		module_look(v, m, content);
	/* The names that compiled code uses stand here, in clear. */
	if (str_eq_nocase(cfb_name(e), STR("_VBA_PROJECT")))
		v->compiled_words |= vba_words(content);
	found = hidden_look(v, content, m ? m->offset : SIZE_MAX, cfb_name(e));
	v->present = v->present || found;
	return ours || m || found;
}

static bool any_unseen(const struct vba *v)
{
	for (size_t i = 0; i < v->module_count; i++)
		if (!v->modules[i].seen)
			return true;
	return false;
}

void vba_end(struct vba *v)
{
	unsigned words = v->source_words | v->compiled_words;

	if (v->present)
		scan_tell(v->scan, v->o, INSPECT_VBA, 0, STR_NONE);
	if (v->present && (v->broken || any_unseen(v)))
		scan_tell(v->scan, v->o, INSPECT_VBA_BROKEN, 0, STR_NONE);
	if (v->present &&
	    (v->stomped || (v->compiled_words & VBA_AUTO & ~v->source_words)))
		scan_tell(v->scan, v->o, INSPECT_VBA_STOMPED, 0, STR_NONE);
	if (words & VBA_AUTO)
		scan_tell(v->scan, v->o, INSPECT_VBA_AUTO, 0, STR_NONE);
	if (words & VBA_EXECUTE)
		scan_tell(v->scan, v->o, INSPECT_VBA_EXECUTION, 0, STR_NONE);
	if (words & VBA_AUTO && words & VBA_EXECUTE)
		scan_tell(v->scan, v->o, INSPECT_VBA_AUTO_EXECUTION, 0, STR_NONE);
	mem_free(v->modules);
	arena_done(&v->arena);
	*v = (struct vba){ 0 };
}

#include "admin/inspect_print.h"

#include "base/escape.h"

static const struct str words[INSPECT_GRADE_COUNT] = {
	[INSPECT_NOTE] = STR_INIT("clean"), [INSPECT_RISK] = STR_INIT("risk"),
	[INSPECT_ODD] = STR_INIT("odd"),    [INSPECT_LIMIT] = STR_INIT("limit"),
	[INSPECT_BAD] = STR_INIT("bad"),
};

static const struct str mime_grades[] = { STR_INIT("note"), STR_INIT("odd"),
					  STR_INIT("limit") };

static void add_hash(struct buf *out, const unsigned char hash[INSPECT_HASH_BYTES])
{
	for (size_t i = 0; i < INSPECT_HASH_BYTES; i++)
		buf_printf(out, "%02x", hash[i]);
}

/* Ids of the types, set apart by `between`. */
static void add_types(struct buf *out, const struct type_set *set, const char *before,
		      const char *after, const char *between)
{
	bool first = true;

	for (int i = 0; i < TYPE_COUNT; i++) {
		if (!type_in(set, (enum file_type)i))
			continue;
		buf_printf(out, "%s%s%.*s%s", first ? "" : between, before,
			   STR_ARG(type_id((enum file_type)i)), after);
		first = false;
	}
}

static struct str path_of(const struct inspect_report *r, uint32_t object)
{
	return object && object <= r->object_count ? r->objects[object - 1].path
						   : STR("-");
}

static void text_objects(const struct inspect_report *r, struct buf *out)
{
	for (size_t i = 0; i < r->object_count; i++) {
		const struct inspected *o = &r->objects[i];

		buf_printf(out, "  %*s", (int)o->depth * 2, "");
		escape_add(out, ESCAPE_PLAIN, o->path);
		if (o->view)
			buf_printf(out, " %s", o->view);
		buf_printf(out, "  %llu bytes  ", (unsigned long long)o->bytes);
		add_types(out, &o->types, "", "", ",");
		if (o->name.n && !o->depth) {
			buf_add(out, STR("  \""));
			escape_add(out, ESCAPE_PLAIN, o->name);
			buf_add_c(out, '"');
		}
		buf_add_c(out, '\n');
	}
}

static void text_findings(const struct inspect_report *r, struct buf *out)
{
	for (size_t i = 0; i < r->finding_count; i++) {
		const struct inspect_finding *f = &r->findings[i];

		buf_printf(out, "  %-5.*s %-26.*s ",
			   STR_ARG(inspect_grade_id(inspect_finding_grade(f->kind))),
			   STR_ARG(inspect_finding_id(f->kind)));
		escape_add(out, ESCAPE_PLAIN, path_of(r, f->object));
		buf_printf(out, " @%llu  %.*s", (unsigned long long)f->offset,
			   STR_ARG(inspect_finding_text(f->kind)));
		if (f->excerpt.n) {
			buf_add(out, STR(": "));
			escape_add(out, ESCAPE_PLAIN, f->excerpt);
		}
		buf_add_c(out, '\n');
	}
	for (size_t i = 0; i < r->mime_finding_count; i++) {
		const struct mime_finding *f = &r->mime_findings[i];

		buf_printf(out, "  %-5.*s %-26.*s - @%llu  %.*s\n",
			   STR_ARG(mime_grades[f->grade]),
			   STR_ARG(mime_finding_id(f->kind)),
			   (unsigned long long)f->offset,
			   STR_ARG(mime_finding_text(f->kind)));
	}
}

void inspect_print_text(const struct inspect_report *r, struct str file, struct buf *out)
{
	escape_add(out, ESCAPE_PLAIN, file);
	buf_printf(out, ": %.*s\n", STR_ARG(words[r->worst]));
	text_objects(r, out);
	text_findings(r, out);
}

/* Whether an earlier finding was of this kind: a line names each once. */
static bool named_before(const struct inspect_report *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (r->findings[i].kind == r->findings[n].kind)
			return true;
	return false;
}

void inspect_print_line(const struct inspect_report *r, struct str file, struct buf *out)
{
	buf_printf(out, "%-5.*s ", STR_ARG(words[r->worst]));
	escape_add(out, ESCAPE_PLAIN, file);
	buf_printf(out, " (%zu)", r->object_count);
	for (size_t i = 0; i < r->finding_count; i++)
		if (inspect_finding_grade(r->findings[i].kind) > INSPECT_NOTE &&
		    !named_before(r, i))
			buf_printf(out, " %.*s",
				   STR_ARG(inspect_finding_id(r->findings[i].kind)));
	for (size_t i = 0; i < r->mime_finding_count; i++)
		if (r->mime_findings[i].grade > MIME_NOTE)
			buf_printf(out, " mime:%.*s",
				   STR_ARG(mime_finding_id(r->mime_findings[i].kind)));
	buf_add_c(out, '\n');
}

static void json_text(struct buf *out, const char *key, struct str value)
{
	buf_printf(out, "\"%s\":\"", key);
	escape_add(out, ESCAPE_JSON, value);
	buf_add_c(out, '"');
}

static void json_objects(const struct inspect_report *r, struct buf *out)
{
	for (size_t i = 0; i < r->object_count; i++) {
		const struct inspected *o = &r->objects[i];

		buf_printf(out, "%s{\"id\":%u,\"parent\":%u,", i ? "," : "", o->id,
			   o->parent);
		json_text(out, "path", o->path);
		buf_add_c(out, ',');
		json_text(out, "name", o->name);
		if (o->view)
			buf_printf(out, ",\"view\":\"%s\"", o->view);
		buf_printf(out, ",\"bytes\":%llu,\"types\":[",
			   (unsigned long long)o->bytes);
		add_types(out, &o->types, "\"", "\"", ",");
		buf_add(out, STR("],\"sha256\":\""));
		add_hash(out, o->sha256);
		buf_add(out, STR("\"}"));
	}
}

static void json_findings(const struct inspect_report *r, struct buf *out)
{
	for (size_t i = 0; i < r->finding_count; i++) {
		const struct inspect_finding *f = &r->findings[i];

		buf_add(out, i ? STR(",{") : STR("{"));
		json_text(out, "id", inspect_finding_id(f->kind));
		buf_add_c(out, ',');
		json_text(out, "grade", inspect_grade_id(inspect_finding_grade(f->kind)));
		buf_add_c(out, ',');
		json_text(out, "class", inspect_class_id(inspect_finding_class(f->kind)));
		buf_printf(out, ",\"object\":%u,\"offset\":%llu,", f->object,
			   (unsigned long long)f->offset);
		json_text(out, "excerpt", f->excerpt);
		buf_add_c(out, ',');
		json_text(out, "text", inspect_finding_text(f->kind));
		buf_add_c(out, '}');
	}
}

static void json_mime(const struct inspect_report *r, struct buf *out)
{
	for (size_t i = 0; i < r->mime_finding_count; i++) {
		const struct mime_finding *f = &r->mime_findings[i];

		buf_add(out, i ? STR(",{") : STR("{"));
		json_text(out, "id", mime_finding_id(f->kind));
		buf_add_c(out, ',');
		json_text(out, "grade", mime_grades[f->grade]);
		buf_printf(out, ",\"part\":%u,\"offset\":%llu,", f->part,
			   (unsigned long long)f->offset);
		json_text(out, "text", mime_finding_text(f->kind));
		buf_add_c(out, '}');
	}
}

void inspect_print_json(const struct inspect_report *r, struct str file, struct buf *out)
{
	buf_add_c(out, '{');
	json_text(out, "file", file);
	buf_add_c(out, ',');
	json_text(out, "worst", words[r->worst]);
	buf_add(out, STR(",\"objects\":["));
	json_objects(r, out);
	buf_add(out, STR("],\"findings\":["));
	json_findings(r, out);
	buf_add(out, STR("],\"mime\":["));
	json_mime(r, out);
	buf_add(out, STR("]}\n"));
}

/*
 * The XML parts of Office documents (ECMA-376, and the flat files of 2003 and 2006). They
 * come one by one, as members of a ZIP; what a part is can be named at will, so that all
 * of them are looked at for all that acts.
 */
#include "inspect/office.h"
#include "inspect/readers.h"
#include "inspect/xml.h"

enum {
	NAMESPACE_LOOK = 4096, /* bytes in which an Office namespace is looked for */
	FIELD_MAX = 4096,      /* bytes of one field's instruction */
};

struct part {
	struct scan *s;
	const struct object *o;
	struct str text; /* of all, for offsets */
	uint64_t at;
	struct buf field, package; /* package: the name of the flat file's part */
	unsigned fields;           /* open ones, one within another */
	bool computed;             /* the field's name came from a field */
	bool macro_sheet;
};

/* The name in the archive, as readers compare it: no case, slashes of one kind. */
static struct str path_of(struct str name, char *room, size_t size)
{
	size_t n = 0;

	while (name.n &&
	       (name.p[0] == '/' || name.p[0] == '\\' || str_starts(name, STR("./"))))
		name = str_skip(name, 1);
	for (; n < name.n && n < size; n++)
		room[n] = name.p[n] == '\\' ? '/' : ch_lower(name.p[n]);
	return str_of(room, n);
}

static bool path_has(const struct object *o, const struct str *marks, size_t count)
{
	char room[SCAN_NAME_MAX];

	for (size_t i = 0; i < o->name_count; i++) {
		struct str path = path_of(o->names[i], room, sizeof(room));

		for (size_t j = 0; j < count; j++)
			if (office_find(path, 0, marks[j]) >= 0)
				return true;
	}
	return false;
}

static bool is_ooxml(const struct object *o)
{
	static const struct str marks[] = {
		STR_INIT(".rels"),
		STR_INIT("[content_types].xml"),
		STR_INIT("customui/"),
		STR_INIT("word/"),
		STR_INIT("xl/"),
		STR_INIT("ppt/"),
		STR_INIT("vbaproject.bin"),
	};
	static const struct str spaces[] = {
		STR_INIT("schemas.openxmlformats.org/"),
		STR_INIT("purl.oclc.org/ooxml/"),
		STR_INIT("schemas.microsoft.com/office/"),
		STR_INIT("schemas-microsoft-com:office:"),
	};
	struct str head = str_sub(o->content, 0, NAMESPACE_LOOK);

	if (path_has(o, marks, COUNT_OF(marks)))
		return true;
	for (size_t i = 0; i < COUNT_OF(spaces) && type_in(&o->types, TYPE_XML); i++)
		if (office_find(head, 0, spaces[i]) >= 0)
			return true;
	return false;
}

static void names_look(struct part *p)
{
	static const struct str projects[] = { STR_INIT("vbaproject.bin"),
					       STR_INIT("vbadata.xml") };
	static const struct str sheets[] = { STR_INIT("macrosheets/"),
					     STR_INIT("intlsheet") };
	static const struct str controls[] = { STR_INIT("/activex/") };

	if (path_has(p->o, projects, COUNT_OF(projects)))
		scan_tell(p->s, p->o, INSPECT_OOXML_MACROS, 0, p->o->names[0]);
	if (path_has(p->o, controls, COUNT_OF(controls)))
		scan_tell(p->s, p->o, INSPECT_ACTIVEX, 0, p->o->names[0]);
	p->macro_sheet = path_has(p->o, sheets, COUNT_OF(sheets));
	if (p->macro_sheet)
		scan_tell(p->s, p->o, INSPECT_XLM, 0, p->o->names[0]);
}

static struct str last_of(struct str type)
{
	return str_skip(type, (size_t)(str_rfind(type, '/') + 1));
}

typedef void looker(struct scan *s, const struct object *o, struct str url,
		    uint64_t offset);

/* A part of this document. */
static void inner_relation(struct part *p, struct str type)
{
	static const struct {
		struct str type;
		enum inspect_finding_kind kind;
	} rows[] = {
		{ STR_INIT("vbaproject"), INSPECT_OOXML_MACROS },
		{ STR_INIT("wordvbadata"), INSPECT_OOXML_MACROS },
		{ STR_INIT("xlmacrosheet"), INSPECT_XLM },
		{ STR_INIT("xlintlmacrosheet"), INSPECT_XLM },
		{ STR_INIT("activexcontrolbinary"), INSPECT_ACTIVEX },
		{ STR_INIT("control"), INSPECT_ACTIVEX },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (str_eq_nocase(type, rows[i].type))
			scan_tell(p->s, p->o, rows[i].kind, p->at, type);
}

/* ECMA-376 part 2, 9.3: the type says what the target is loaded as. */
static void outer_relation(struct part *p, struct str type, struct str target)
{
	static const struct {
		struct str type;
		looker *look;
	} rows[] = {
		{ STR_INIT("attachedtemplate"), office_template },
		{ STR_INIT("oleobject"), office_object },
		{ STR_INIT("package"), office_object },
		{ STR_INIT("control"), office_object },
		{ STR_INIT("hyperlink"), office_hyperlink },
		{ STR_INIT("image"), office_image },
		{ STR_INIT("video"), office_image },
		{ STR_INIT("audio"), office_image },
		{ STR_INIT("media"), office_image },
		{ STR_INIT("externallinkpath"), office_link },
		{ STR_INIT("externallink"), office_link },
		{ STR_INIT("externallinklong"), office_link },
		{ STR_INIT("xlpathmissing"), office_link },
		{ STR_INIT("mailmergesource"), office_link },
		{ STR_INIT("mailmergeheadersource"), office_link },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (str_eq_nocase(type, rows[i].type)) {
			rows[i].look(p->s, p->o, target, p->at);
			return;
		}
	office_part(p->s, p->o, target, p->at); /* frame, subDocument, aFChunk … */
}

static void relation_look(struct part *p, const struct xml_element *e)
{
	struct buf type = { 0 }, target = { 0 }, mode = { 0 };
	struct str last;

	xml_attribute(e, STR("Type"), &type);
	xml_attribute(e, STR("Target"), &target);
	xml_attribute(e, STR("TargetMode"), &mode);
	last = last_of(buf_str(&type));
	inner_relation(p, last);
	/* An address without the mode is against the rules, and may be followed. */
	if (str_eq_nocase(str_trim(buf_str(&mode)), STR("External")) ||
	    office_target(buf_str(&target)) != TARGET_NOWHERE)
		outer_relation(p, last, buf_str(&target));
	buf_done(&type);
	buf_done(&target);
	buf_done(&mode);
}

static void content_type_look(struct part *p, const struct xml_element *e)
{
	struct buf type = { 0 };

	xml_attribute(e, STR("ContentType"), &type);
	if (office_has(buf_str(&type), STR("macroEnabled")) ||
	    office_has(buf_str(&type), STR("vbaProject")))
		scan_tell(p->s, p->o, INSPECT_OOXML_MACROS, p->at, buf_str(&type));
	if (office_has(buf_str(&type), STR("macrosheet")))
		scan_tell(p->s, p->o, INSPECT_XLM, p->at, buf_str(&type));
	if (office_has(buf_str(&type), STR("activeX")))
		scan_tell(p->s, p->o, INSPECT_ACTIVEX, p->at, buf_str(&type));
	buf_done(&type);
}

static void field_end(struct part *p)
{
	if (p->field.n)
		office_field(p->s, p->o, buf_str(&p->field), p->at);
	if (p->computed)
		scan_tell(p->s, p->o, INSPECT_FIELD_COMPUTED, p->at, buf_str(&p->field));
	buf_clear(&p->field);
	p->computed = false;
}

/* ECMA-376 part 1, 17.16.18: begin, separate, end; the texts between are one. */
static void field_mark(struct part *p, const struct xml_element *e)
{
	struct buf type = { 0 };

	xml_attribute(e, STR("fldCharType"), &type);
	if (str_eq(buf_str(&type), STR("begin"))) {
		if (p->fields == 0)
			field_end(p);
		p->fields++;
	} else if (str_eq(buf_str(&type), STR("separate"))) {
		if (p->fields <= 1)
			field_end(p);
	} else if (str_eq(buf_str(&type), STR("end"))) {
		p->fields -= p->fields > 0;
		if (p->fields == 0)
			field_end(p);
	}
	buf_done(&type);
}

static void field_text(struct part *p, struct str text)
{
	size_t before = p->field.n;

	if (before < FIELD_MAX)
		xml_decode(str_sub(text, 0, FIELD_MAX), &p->field);
	/* { { QUOTE 68 68 69 } … }: the outer one has said nothing yet. */
	if (p->fields > 1 && !str_trim(str_sub(buf_str(&p->field), 0, before)).n &&
	    office_has(buf_str(&p->field), STR("QUOTE")))
		p->computed = true;
}

static void simple_field(struct part *p, const struct xml_element *e)
{
	struct buf text = { 0 };

	xml_attribute(e, STR("instr"), &text);
	office_field(p->s, p->o, buf_str(&text), p->at);
	buf_done(&text);
}

static void dde_link(struct part *p, const struct xml_element *e)
{
	struct buf text = { 0 };

	xml_attribute(e, STR("ddeService"), &text);
	buf_add_c(&text, '|');
	xml_attribute(e, STR("ddeTopic"), &text);
	scan_tell(p->s, p->o, INSPECT_DDE_LINK, p->at, buf_str(&text));
	if (office_starts_program(buf_str(&text)))
		scan_tell(p->s, p->o, INSPECT_DDE_EXECUTION, p->at, buf_str(&text));
	buf_done(&text);
}

static void formula(struct part *p, struct str raw)
{
	static const struct str calls[] = { STR_INIT("EXEC("), STR_INIT("CALL("),
					    STR_INIT("REGISTER(") };
	struct buf text = { 0 };
	ptrdiff_t bar;

	xml_decode(str_sub(raw, 0, FIELD_MAX), &text);
	for (size_t i = 0; i < COUNT_OF(calls) && p->macro_sheet; i++)
		if (office_has(buf_str(&text), calls[i]))
			scan_tell(p->s, p->o, INSPECT_XLM_EXECUTION, p->at,
				  buf_str(&text));
	bar = str_find(buf_str(&text), '|');
	if (bar > 0 && office_find(buf_str(&text), (size_t)bar, STR("!")) > 0 &&
	    office_starts_program(str_sub(buf_str(&text), 0, (size_t)bar)))
		scan_tell(p->s, p->o, INSPECT_DDE_EXECUTION, p->at, buf_str(&text));
	buf_done(&text);
}

static void defined_name(struct part *p, const struct xml_element *e)
{
	struct buf name = { 0 };
	struct str text;

	xml_attribute(e, STR("name"), &name);
	text = buf_str(&name);
	if (str_starts_nocase(text, STR("_xlnm.")))
		text = str_skip(text, 6);
	if (str_starts_nocase(text, STR("Auto_Open")) ||
	    str_starts_nocase(text, STR("Auto_Close")) ||
	    str_starts_nocase(text, STR("Auto_Activate")))
		scan_tell(p->s, p->o, INSPECT_XLM_AUTO, p->at, text);
	buf_done(&name);
}

/* Bytes in the XML of a flat file: base64. */
static void binary(struct part *p, struct str text)
{
	struct buf bytes = { 0 };
	uint32_t bits = 0;
	unsigned n = 0;

	if (!scan_work(p->s, p->o, text.n))
		return;
	for (size_t i = 0; i < text.n; i++) {
		static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
					     "qrstuvwxyz0123456789+/";
		const char *at = text.p[i] ? strchr(digits, text.p[i]) : NULL;

		if (!at)
			continue;
		bits = bits << 6 | (uint32_t)(at - digits);
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_add_c(&bytes, (char)(bits >> n));
		}
	}
	if (bytes.err)
		scan_tell(p->s, p->o, INSPECT_MEMORY, p->at, STR_NONE);
	if (bytes.n)
		scan_child(p->s, p->o,
			   &(struct child){ .name = p->package.n ? buf_str(&p->package)
								 : STR("binary"),
					    .content = buf_str(&bytes) });
	buf_done(&bytes);
}

static bool is_element(const struct xml_element *e, const char *name)
{
	return str_eq_nocase(e->name, str_from(name));
}

static void closing(struct part *p, const struct xml_element *e)
{
	if (is_element(e, "instrText"))
		field_text(p, e->text);
	else if (is_element(e, "f"))
		formula(p, e->text);
	else if (is_element(e, "binaryData") || is_element(e, "binData"))
		binary(p, e->text);
}

static void opening(struct part *p, const struct xml_element *e)
{
	struct buf value = { 0 };

	if (is_element(e, "Relationship"))
		relation_look(p, e);
	else if (is_element(e, "Default") || is_element(e, "Override"))
		content_type_look(p, e);
	else if (is_element(e, "fldChar"))
		field_mark(p, e);
	else if (is_element(e, "fldSimple"))
		simple_field(p, e);
	else if (is_element(e, "ddeLink"))
		dde_link(p, e);
	else if (is_element(e, "definedName"))
		defined_name(p, e);
	else if (is_element(e, "customUI") && xml_attribute(e, STR("onLoad"), &value))
		scan_tell(p->s, p->o, INSPECT_CUSTOM_UI, p->at, buf_str(&value));
	else if (is_element(e, "ocx"))
		scan_tell(p->s, p->o, INSPECT_ACTIVEX, p->at, e->attributes);
	if (is_element(e, "part")) {
		buf_clear(&p->package);
		xml_attribute(e, STR("name"), &p->package);
		content_type_look(p, e);
	}
	buf_done(&value);
}

static void read_ooxml(struct scan *s, const struct object *o)
{
	struct part p = { .s = s, .o = o };
	struct buf wide = { 0 };
	struct xml_element e;
	struct xml x;

	names_look(&p);
	p.text = office_text(s, o, &wide);
	x = (struct xml){ p.text };
	/* One byte looked at once; ask for the decoding of what is looked at twice. */
	while (scan_room(s) && xml_next(&x, &e)) {
		p.at = (uint64_t)(e.name.p - p.text.p);
		if (e.declares)
			scan_tell(s, o, INSPECT_OOXML_DTD, p.at, e.name);
		else if (e.closes)
			closing(&p, &e);
		else
			opening(&p, &e);
	}
	field_end(&p);
	buf_done(&wide);
	buf_done(&p.field);
	buf_done(&p.package);
}

const struct reader reader_ooxml = { "ooxml", is_ooxml, read_ooxml };

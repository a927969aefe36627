#include "inspect/finding.h"

struct row {
	struct str id, text;
	enum inspect_grade grade;
	enum inspect_class class;
};

static const struct row rows[INSPECT_FINDING_COUNT] = {
#define FINDING(name, id, grade, class, text) \
	[INSPECT_##name] = { STR_INIT(id), STR_INIT(text), INSPECT_##grade, \
			     CLASS_##class },
#include "inspect/findings_archive.def"
#include "inspect/findings_core.def"
#include "inspect/findings_office.def"
#include "inspect/findings_page.def"
#undef FINDING
};

static const struct str grades[INSPECT_GRADE_COUNT] = {
	[INSPECT_NOTE] = STR_INIT("note"), [INSPECT_RISK] = STR_INIT("risk"),
	[INSPECT_ODD] = STR_INIT("odd"),   [INSPECT_LIMIT] = STR_INIT("limit"),
	[INSPECT_BAD] = STR_INIT("bad"),
};

static const struct str classes[CLASS_COUNT] = {
	[CLASS_NONE] = STR_INIT("none"),
	[CLASS_EXECUTABLE] = STR_INIT("executable"),
	[CLASS_SCRIPT] = STR_INIT("script"),
	[CLASS_LINK] = STR_INIT("link"),
	[CLASS_MACROS] = STR_INIT("macros"),
	[CLASS_ACTIVE_DOCUMENT] = STR_INIT("active-document"),
	[CLASS_ACTIVE_PDF] = STR_INIT("active-pdf"),
	[CLASS_ACTIVE_HTML] = STR_INIT("active-html"),
	[CLASS_POSTSCRIPT] = STR_INIT("postscript"),
	[CLASS_DISK_IMAGE] = STR_INIT("disk-image"),
	[CLASS_ARCHIVE] = STR_INIT("archive"),
	[CLASS_ENCRYPTED_ARCHIVE] = STR_INIT("encrypted-archive"),
	[CLASS_ENCRYPTED_DOCUMENT] = STR_INIT("encrypted-document"),
	[CLASS_UNREADABLE] = STR_INIT("unreadable"),
	[CLASS_BOMB] = STR_INIT("bomb"),
	[CLASS_NAME] = STR_INIT("name"),
};

struct str inspect_finding_id(enum inspect_finding_kind kind)
{
	return rows[kind].id;
}

struct str inspect_finding_text(enum inspect_finding_kind kind)
{
	return rows[kind].text;
}

enum inspect_grade inspect_finding_grade(enum inspect_finding_kind kind)
{
	return rows[kind].grade;
}

enum inspect_class inspect_finding_class(enum inspect_finding_kind kind)
{
	return rows[kind].class;
}

struct str inspect_grade_id(enum inspect_grade grade)
{
	return grades[grade];
}

struct str inspect_class_id(enum inspect_class class)
{
	return classes[class];
}

/*
 * What inspection may find, by kinds. Each has a stable id, a class by which rules speak
 * of it (inspect { attachments { remove = ["macros", …] } }), a grade and a text for
 * people.
 */
#ifndef INSPECT_FINDING_H
#define INSPECT_FINDING_H

#include "base/str.h"

enum inspect_grade {
	INSPECT_NOTE, /* worth knowing; honest mail has it */
	INSPECT_RISK, /* of a class that many sites do not want, harmless or not */
	INSPECT_ODD, /* can be read in more than one way, or is built to hide something */
	INSPECT_LIMIT, /* was not looked at to its end: never clean */
	INSPECT_BAD,   /* no honest mail has it */
	INSPECT_GRADE_COUNT
};

enum inspect_class {
	CLASS_NONE,
	CLASS_EXECUTABLE,
	CLASS_SCRIPT,
	CLASS_LINK,            /* files that start or load something: LNK, URL, … */
	CLASS_MACROS,          /* VBA, XLM, DDE */
	CLASS_ACTIVE_DOCUMENT, /* documents that load, embed or exploit something */
	CLASS_ACTIVE_PDF,
	CLASS_ACTIVE_HTML,
	CLASS_POSTSCRIPT,
	CLASS_DISK_IMAGE,
	CLASS_ARCHIVE,
	CLASS_ENCRYPTED_ARCHIVE,
	CLASS_ENCRYPTED_DOCUMENT,
	CLASS_UNREADABLE, /* broken or of unknown kind, so that nobody knows */
	CLASS_BOMB,
	CLASS_NAME, /* names that mislead */
	CLASS_COUNT
};

enum inspect_finding_kind {
#define FINDING(name, id, grade, class, text) INSPECT_##name,
#include "inspect/findings_archive.def"
#include "inspect/findings_core.def"
#include "inspect/findings_office.def"
#include "inspect/findings_page.def"
#undef FINDING
	INSPECT_FINDING_COUNT
};

struct str inspect_finding_id(enum inspect_finding_kind kind);
struct str inspect_finding_text(enum inspect_finding_kind kind);
enum inspect_grade inspect_finding_grade(enum inspect_finding_kind kind);
enum inspect_class inspect_finding_class(enum inspect_finding_kind kind);
struct str inspect_grade_id(enum inspect_grade grade);
struct str inspect_class_id(enum inspect_class class);

#endif

#include "mime/inner.h"

static const struct {
	struct str id, text;
	enum mime_grade grade;
} rows[MIME_FINDING_COUNT] = {
#define NOTE MIME_NOTE
#define ODD MIME_ODD
#define LIMIT MIME_LIMIT
#define FINDING(name, id_, grade_, text_) \
	[MIME_##name] = { STR_INIT(id_), STR_INIT(text_), grade_ },
#include "mime/findings.def"
#undef FINDING
#undef NOTE
#undef ODD
#undef LIMIT
};

enum { TOLD_MAX = 16 }; /* of one kind in a message: more of it says nothing new */

struct str mime_finding_id(enum mime_finding_kind kind)
{
	return rows[kind].id;
}

struct str mime_finding_text(enum mime_finding_kind kind)
{
	return rows[kind].text;
}

enum mime_grade mime_finding_grade(enum mime_finding_kind kind)
{
	return rows[kind].grade;
}

static enum mime_grade grade_here(const struct mime_parser *p,
				  enum mime_finding_kind kind)
{
	bool guess = p->part_virtual && kind != MIME_PART_OUTSIDE;

	if (guess && (rows[kind].grade == MIME_ODD || kind == MIME_LIMIT_VIEWS))
		return MIME_NOTE;
	return rows[kind].grade;
}

void mime_tell(struct mime_parser *p, enum mime_finding_kind kind)
{
	enum mime_grade grade = grade_here(p, kind);
	struct mime_finding f = { kind, grade, p->part ? p->part : p->outer_part,
				  p->budget->fed };

	if (p->budget->told[grade][kind] == TOLD_MAX)
		return;
	p->budget->told[grade][kind]++;
	if (p->visitor->finding)
		p->visitor->finding(p->ctx, &f);
}

unsigned mime_parser_findings(const struct mime_parser *p, enum mime_grade grade)
{
	unsigned n = 0;

	for (size_t i = 0; i < MIME_FINDING_COUNT; i++)
		n += p->budget->told[grade][i] > 0;
	return n;
}

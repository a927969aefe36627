#include "inspect/member.h"

#include <stdlib.h>

static const uint64_t hash_start = UINT64_C(14695981039346656037); /* FNV-1a */
static const uint64_t hash_prime = UINT64_C(1099511628211);

struct row {
	uint64_t hash; /* of the name, blanks and dots at the end of each folder left out
			*/
	uint64_t kind; /* MEMBER_FILE or MEMBER_FOLDER */
};

static bool separator(char c)
{
	return c == '/' || c == '\\';
}

static bool absolute(struct str name)
{
	return (name.n && separator(name.p[0])) ||
	       (name.n > 1 && ch_alpha(name.p[0]) && name.p[1] == ':');
}

bool member_leads_away(struct str name)
{
	size_t from = 0;

	if (absolute(name))
		return true;
	for (size_t i = 0; i <= name.n; i++) {
		if (i < name.n && !separator(name.p[i]) && name.p[i] != ':')
			continue;
		if (str_eq(str_trim(str_sub(name, from, i - from)), STR("..")))
			return true;
		from = i + 1;
	}
	return false;
}

bool member_link_leads_away(struct str name, struct str target)
{
	struct str part;
	size_t depth = 0;

	if (absolute(target))
		return true;
	while (str_split(&name, '/', &part))
		depth += name.n && part.n && !str_eq(part, STR("."));
	while (str_split(&target, '/', &part)) {
		if (str_eq(part, STR("..")) && depth-- == 0)
			return true;
		depth += part.n && part.p[0] != '.';
	}
	return false;
}

static void row_add(struct members *m, uint64_t hash, uint64_t kind)
{
	struct row row = { hash, kind };

	buf_add_bytes(&m->rows, &row, sizeof(row));
}

void member_add(struct members *m, struct scan *s, const struct object *o,
		struct str name, bool folder)
{
	uint64_t hash = hash_start, kept = hash_start;
	size_t folders = 0;

	if (member_leads_away(name))
		scan_tell(s, o, INSPECT_NAME_PATH, 0, name);
	name = str_sub(name, 0, SCAN_NAME_MAX);
	while (name.n && separator(name.p[name.n - 1]))
		name.n--;
	/* What systems drop from the end of a name is hashed only if more follows. */
	for (size_t i = 0; i < name.n; i++) {
		bool slash = separator(name.p[i]);

		if (slash && folders++ < MEMBER_FOLDERS_MAX)
			row_add(m, kept, MEMBER_FOLDER);
		hash = ((slash ? kept : hash) ^
			(unsigned char)(slash ? '/' : name.p[i])) *
		       hash_prime;
		if (slash || (name.p[i] != ' ' && name.p[i] != '.'))
			kept = hash;
	}
	if (name.n)
		row_add(m, kept, folder ? MEMBER_FOLDER : MEMBER_FILE);
}

static int row_cmp(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->kind < y->kind ? -1 : x->kind > y->kind;
}

void members_tell(struct members *m, struct scan *s, const struct object *o)
{
	struct row *rows = (struct row *)(void *)m->rows.p;
	size_t n = m->rows.n / sizeof(*rows);

	if (m->rows.err)
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
	if (n)
		qsort(rows, n, sizeof(*rows), row_cmp);
	for (size_t i = 1; i < n; i++) {
		const struct row *a = &rows[i - 1], *b = &rows[i];

		if (a->hash != b->hash || a->kind == MEMBER_FOLDER)
			continue;
		/* CVE-2023-38831: a click on the file runs what is in the folder. */
		if (b->kind == MEMBER_FOLDER)
			scan_tell(s, o, INSPECT_ARCHIVE_FOLDER, 0, STR_NONE);
		else
			scan_tell(s, o, INSPECT_ARCHIVE_TWICE, 0, STR_NONE);
	}
}

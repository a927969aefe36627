#include "route/files.h"

static bool blank_or_comment(struct str line)
{
	struct str t = str_trim(line);

	return t.n == 0 || t.p[0] == '#';
}

static bool continues(struct str rest)
{
	return rest.n && (rest.p[0] == ' ' || rest.p[0] == '\t');
}

bool route_lines_next(struct route_lines *l, struct arena *a, struct str *line,
		      uint32_t *line_no)
{
	struct str head, more;

	do {
		if (!str_split(&l->rest, '\n', &head))
			return false;
		*line_no = l->line_no++;
	} while (blank_or_comment(head));
	*line = str_trim(head);
	while (continues(l->rest)) {
		if (!str_split(&l->rest, '\n', &more))
			break;
		l->line_no++;
		if (!blank_or_comment(more))
			*line = arena_printf(a, "%.*s %.*s", STR_ARG(*line),
					     STR_ARG(str_trim(more)));
	}
	return true;
}

/* Position of c outside of double quotes, or -1. */
static ptrdiff_t find_unquoted(struct str s, char c)
{
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && quoted)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == c && !quoted)
			return (ptrdiff_t)i;
	}
	return -1;
}

bool route_alias_split(struct str line, struct str *name, struct str *targets)
{
	ptrdiff_t colon = find_unquoted(line, ':');

	if (colon < 0)
		return false;
	*name = str_trim(str_sub(line, 0, (size_t)colon));
	if (name->n > 2 && name->p[0] == '"' && name->p[name->n - 1] == '"')
		*name = str_sub(*name, 1, name->n - 2);
	*targets = str_trim(str_skip(line, (size_t)colon + 1));
	return name->n > 0;
}

bool route_alias_target(struct str *targets, struct str *target)
{
	while (targets->n) {
		ptrdiff_t comma = find_unquoted(*targets, ',');
		size_t n = comma < 0 ? targets->n : (size_t)comma;

		*target = str_trim(str_sub(*targets, 0, n));
		*targets = str_skip(*targets, n + 1);
		if (target->n)
			return true;
	}
	return false;
}

bool route_user_line(struct str line, struct str *name)
{
	if (blank_or_comment(line))
		return false;
	str_split(&line, ':', name);
	*name = str_trim(*name);
	return name->n > 0;
}

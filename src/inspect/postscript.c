/*
 * PostScript, EPS with or without a binary header, and printer jobs around it. Read as
 * one program from its first byte to its last, whatever the comments say about its parts:
 * interpreters do the same.
 */
#include "base/mem.h"
#include "inspect/ps.h"
#include "inspect/readers.h"

enum { EPS_HEADER_BYTES = 30, PJL_LINE_MAX = 256 };

static bool is(const struct object *o)
{
	return type_in(&o->types, TYPE_POSTSCRIPT) ||
	       type_in(&o->types, TYPE_EPS_BINARY) || type_in(&o->types, TYPE_PJL) ||
	       page_claims(o, "application/postscript application/eps application/x-eps "
			      "image/eps image/x-eps application/vnd.hp-pcl") ||
	       (page_named(o, ".ps .eps .epsf .epsi .prn .pjl") &&
		!type_in(&o->types, TYPE_PDF));
}

static uint32_t le32(struct str s, size_t at)
{
	const unsigned char *p = (const unsigned char *)s.p + at;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The program; the pictures beside it are objects. EPSF 3.0, DOS header. */
static struct str read_eps_header(struct page *p, struct str in)
{
	static const struct {
		size_t at;
		struct str name;
	} previews[] = { { 12, STR_INIT("preview.wmf") },
			 { 20, STR_INIT("preview.tif") } };
	size_t from, n;

	if (in.n < EPS_HEADER_BYTES) {
		page_tell(p, INSPECT_PS_EPS_HEADER, 0, STR_NONE);
		return in;
	}
	for (size_t i = 0; i < COUNT_OF(previews); i++)
		page_child_slice(p, previews[i].name,
				 str_sub(in, le32(in, previews[i].at),
					 le32(in, previews[i].at + 4)));
	from = le32(in, 4);
	n = le32(in, 8);
	if (from > in.n || n > in.n - from ||
	    !str_starts(str_skip(in, from), STR("%!"))) {
		page_tell(p, INSPECT_PS_EPS_HEADER, 4, str_sub(in, from, 16));
		return from < in.n ? str_skip(in, from) : in;
	}
	return str_sub(in, from, n);
}

static void look_at_command(struct page *p, size_t at, struct str line)
{
	static const struct {
		struct str command;
		enum inspect_finding_kind kind;
	} rows[] = {
		{ STR_INIT("FS"), INSPECT_PJL_FILES },
		{ STR_INIT("DMCMD"), INSPECT_PJL_FILES },
		{ STR_INIT("DMINFO"), INSPECT_PJL_FILES },
		{ STR_INIT("UPGRADE"), INSPECT_PJL_FILES },
		{ STR_INIT("SERVICEMODE"), INSPECT_PJL_FILES },
		{ STR_INIT("DEFAULT"), INSPECT_PJL_SETTINGS },
		{ STR_INIT("INITIALIZE"), INSPECT_PJL_SETTINGS },
		{ STR_INIT("RESET"), INSPECT_PJL_SETTINGS },
		{ STR_INIT("OPMSG"), INSPECT_PJL_SETTINGS },
		{ STR_INIT("STMSG"), INSPECT_PJL_SETTINGS },
		{ STR_INIT("RDYMSG"), INSPECT_PJL_SETTINGS },
		{ STR_INIT("JOB PASSWORD"), INSPECT_PJL_SETTINGS },
	};

	page_tell(p, INSPECT_PJL, at, line);
	line = str_trim(str_skip(line, 4));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (str_starts_nocase(line, rows[i].command))
			page_tell(p, rows[i].kind, at, line);
}

/* Anywhere: a job may end in the middle and commands follow. */
static void look_at_commands(struct page *p, struct str in)
{
	size_t at = 0;

	for (;;) {
		const char *found = memmem(in.p + at, in.n - at, "@PJL", 4);
		struct str line;

		if (!found)
			return;
		at = (size_t)(found - in.p);
		line = str_sub(in, at, PJL_LINE_MAX);
		for (size_t i = 0; i < line.n; i++)
			if (line.p[i] == '\n' || line.p[i] == '\r')
				line.n = i;
		look_at_command(p, at, line);
		at += 4;
	}
}

static void read_postscript(struct scan *s, const struct object *o)
{
	struct ps *ps = mem_alloc(sizeof(*ps));
	struct str in = o->content;

	if (!ps) {
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
		return;
	}
	ps->page = (struct page){ .s = s, .o = o };
	page_tell(&ps->page, INSPECT_PS, 0, str_sub(o->content, 0, 20));
	if (type_in(&o->types, TYPE_EPS_BINARY))
		in = read_eps_header(&ps->page, in);
	look_at_commands(&ps->page, o->content);
	if (scan_work(s, o, o->content.n))
		ps_run(ps, in);
	/* What lies behind it, for those who do not know the header. */
	if (in.n < o->content.n)
		ps_run(ps, str_skip(o->content, (size_t)(in.p + in.n - o->content.p)));
	ps_look_raw(ps, o->content);
	mem_free(ps);
}

const struct reader reader_postscript = { "postscript", is, read_postscript };

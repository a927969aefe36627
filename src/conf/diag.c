#include "conf/diag.h"

#include "base/escape.h"

static void add(struct conf_diags *d, const struct conf_diag *from)
{
	struct conf_diag *diag;
	size_t *count = from->warning ? &d->warnings : &d->faults;

	if (++*count > CONF_DIAGS_MAX)
		return;
	diag = arena_alloc(d->arena, sizeof(*diag));
	if (!diag)
		return; /* still counted, so the text is refused all the same */
	*diag = *from;
	/* Places share the name of their file; it must not end with the text that was
	 * read. */
	if (d->last && str_eq(d->last->pos.file, from->pos.file))
		diag->pos.file = d->last->pos.file;
	else
		diag->pos.file = arena_str(d->arena, from->pos.file);
	diag->fault = arena_str(d->arena, from->fault);
	diag->rule = arena_str(d->arena, from->rule);
	diag->remedy = arena_str(d->arena, from->remedy);
	if (d->last)
		d->last->next = diag;
	else
		d->first = diag;
	d->last = diag;
}

void conf_fault(struct conf_diags *d, struct conf_pos pos, struct str fault,
		struct str rule, struct str remedy)
{
	add(d, &(struct conf_diag){
		       .pos = pos, .fault = fault, .rule = rule, .remedy = remedy });
}

void conf_warn(struct conf_diags *d, struct conf_pos pos, struct str fault,
	       struct str rule, struct str remedy)
{
	add(d, &(struct conf_diag){ .pos = pos,
				    .fault = fault,
				    .rule = rule,
				    .remedy = remedy,
				    .warning = true });
}

static void text_place(const struct conf_pos *pos, struct buf *out)
{
	escape_add(out, ESCAPE_PLAIN, pos->file);
	if (pos->line) {
		buf_add_c(out, ':');
		buf_add_u64(out, pos->line);
		buf_add_c(out, ':');
		buf_add_u64(out, pos->column);
	}
	if (pos->file.n || pos->line)
		buf_add(out, STR(": "));
}

static void text_line(const char *lead, struct str s, struct buf *out)
{
	if (s.n == 0)
		return;
	buf_add(out, str_from(lead));
	escape_add(out, ESCAPE_PLAIN, s);
	buf_add_c(out, '\n');
}

void conf_diags_text(const struct conf_diags *d, struct buf *out)
{
	size_t shown = 0, all = d->faults + d->warnings;

	for (const struct conf_diag *i = d->first; i; i = i->next, shown++) {
		text_place(&i->pos, out);
		text_line(i->warning ? "warning: " : "", i->fault, out);
		text_line("    rule: ", i->rule, out);
		text_line("    remedy: ", i->remedy, out);
	}
	if (all > shown)
		buf_printf(out, "%zu more not shown\n", all - shown);
}

static void json_text(const char *name, struct str s, struct buf *out)
{
	buf_add(out, STR(",\""));
	buf_add(out, str_from(name));
	buf_add(out, STR("\":\""));
	escape_add(out, ESCAPE_JSON, s);
	buf_add_c(out, '"');
}

void conf_diags_json(const struct conf_diags *d, struct buf *out)
{
	buf_add_c(out, '[');
	for (const struct conf_diag *i = d->first; i; i = i->next) {
		buf_add(out, i == d->first ? STR("\n{\"line\":") : STR(",\n{\"line\":"));
		buf_add_u64(out, i->pos.line);
		buf_add(out, STR(",\"column\":"));
		buf_add_u64(out, i->pos.column);
		json_text("file", i->pos.file, out);
		json_text("level", i->warning ? STR("warning") : STR("fault"), out);
		json_text("fault", i->fault, out);
		json_text("rule", i->rule, out);
		json_text("remedy", i->remedy, out);
		buf_add_c(out, '}');
	}
	buf_add(out, d->first ? STR("\n]\n") : STR("]\n"));
}

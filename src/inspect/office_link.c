/* What a document loads from elsewhere, and what each kind of place means. */
#include "inspect/office.h"

/* What is told for a target on the web, on another machine of the network, on this one.
 */
struct meaning {
	enum inspect_finding_kind web, unc, local;
	bool local_told;
};

static void look(struct scan *s, const struct object *o, struct str url, uint64_t offset,
		 const struct meaning *m)
{
	enum office_target target = office_target(url);

	if (target == TARGET_WEB)
		scan_tell(s, o, m->web, offset, url);
	if (target == TARGET_UNC)
		scan_tell(s, o, m->unc, offset, url);
	if (target == TARGET_LOCAL && m->local_told)
		scan_tell(s, o, m->local, offset, url);
	if (target == TARGET_ATTACK)
		scan_tell(s, o, INSPECT_OFFICE_SCHEME, offset, url);
}

void office_template(struct scan *s, const struct object *o, struct str url,
		     uint64_t offset)
{
	static const struct meaning m = { INSPECT_REMOTE_TEMPLATE,
					  INSPECT_REMOTE_TEMPLATE, INSPECT_REMOTE_LINK,
					  false };

	look(s, o, url, offset, &m);
}

void office_object(struct scan *s, const struct object *o, struct str url,
		   uint64_t offset)
{
	static const struct meaning m = { INSPECT_REMOTE_OBJECT, INSPECT_REMOTE_OBJECT,
					  INSPECT_REMOTE_LINK, true };

	look(s, o, url, offset, &m);
}

void office_part(struct scan *s, const struct object *o, struct str url, uint64_t offset)
{
	static const struct meaning m = { INSPECT_REMOTE_PART, INSPECT_REMOTE_PART,
					  INSPECT_REMOTE_LINK, true };

	look(s, o, url, offset, &m);
}

void office_image(struct scan *s, const struct object *o, struct str url, uint64_t offset)
{
	static const struct meaning m = { INSPECT_REMOTE_IMAGE, INSPECT_UNC_LINK,
					  INSPECT_REMOTE_LINK, false };

	look(s, o, url, offset, &m);
}

void office_link(struct scan *s, const struct object *o, struct str url, uint64_t offset)
{
	static const struct meaning m = { INSPECT_REMOTE_LINK, INSPECT_REMOTE_LINK,
					  INSPECT_REMOTE_LINK, true };

	look(s, o, url, offset, &m);
}

/* The next word of an instruction, with or without quotes. */
static bool next_word(struct str *rest, struct str *word)
{
	*rest = str_trim(*rest);
	if (rest->n && rest->p[0] == '"') {
		*rest = str_skip(*rest, 1);
		return str_split(rest, '"', word);
	}
	return str_word(rest, word);
}

void office_hyperlink(struct scan *s, const struct object *o, struct str url,
		      uint64_t offset)
{
	if (office_target(url) == TARGET_ATTACK)
		scan_tell(s, o, INSPECT_OFFICE_SCHEME, offset, url);
	if (office_target(url) == TARGET_UNC)
		scan_tell(s, o, INSPECT_REMOTE_LINK, offset, url);
}

void office_field(struct scan *s, const struct object *o, struct str text,
		  uint64_t offset)
{
	static const struct {
		struct str name;
		void (*look)(struct scan *s, const struct object *o, struct str url,
			     uint64_t offset);
	} rows[] = {
		{ STR_INIT("includepicture"), office_image },
		{ STR_INIT("import"), office_image },
		{ STR_INIT("includetext"), office_part },
		{ STR_INIT("include"), office_part },
		{ STR_INIT("link"), office_object },
		{ STR_INIT("hyperlink"), office_hyperlink },
	};
	struct str rest = text, name, word;

	while (rest.n && (rest.p[0] == '"' || rest.p[0] == '\\' || rest.p[0] == ' '))
		rest = str_skip(rest, 1);
	if (!str_word(&rest, &name))
		return;
	while (name.n && name.p[name.n - 1] == '"')
		name.n--;
	if (str_eq_nocase(name, STR("dde")) || str_eq_nocase(name, STR("ddeauto"))) {
		scan_tell(s, o, INSPECT_DDE, offset, text);
		if (office_starts_program(rest))
			scan_tell(s, o, INSPECT_DDE_EXECUTION, offset, text);
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct str words = rest;

		while (str_eq_nocase(name, rows[i].name) && next_word(&words, &word))
			rows[i].look(s, o, word, offset);
	}
}

#include "record/explain.h"

struct said {
	struct str verb;
	unsigned code;
	struct str text[2]; /* by enum record_lang */
};

static const struct said verbs[] = {
#define VERB(name, en, de) \
	{ .verb = STR_INIT(name), .text = { STR_INIT(en), STR_INIT(de) } },
#define REPLY(verb, code, en, de)
#define WORD(id, en, de)
#include "record/explain.def"
#undef VERB
#undef REPLY
};

static const struct said replies[] = {
#define VERB(verb, en, de)
#define REPLY(name, number, en, de) \
	{ .verb = STR_INIT(name), \
	  .code = number, \
	  .text = { STR_INIT(en), STR_INIT(de) } },
#include "record/explain.def"
#undef REPLY
#undef WORD
};

static const struct said words[] = {
#define REPLY(verb, code, en, de)
#define WORD(id, en, de) [WORD_##id] = { .text = { STR_INIT(en), STR_INIT(de) } },
#include "record/explain.def"
#undef VERB
#undef REPLY
#undef WORD
};

struct str explain_verb(struct str verb, enum record_lang lang)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (str_eq_nocase(verbs[i].verb, verb))
			return verbs[i].text[lang];
	return STR("");
}

struct str explain_reply(struct str verb, unsigned code, enum record_lang lang)
{
	for (size_t i = 0; i < COUNT_OF(replies); i++) {
		const struct said *s = &replies[i];

		if (s->code != code && s->code != code / 100)
			continue;
		if (s->verb.n == 0 || str_eq_nocase(s->verb, verb))
			return s->text[lang];
	}
	return STR("");
}

struct str explain_word(enum explain_word word, enum record_lang lang)
{
	return words[word].text[lang];
}

struct str explain_kind(enum note_kind kind, enum record_lang lang)
{
	static const enum explain_word word[] = {
#define NOTE(id, letter, text) [NOTE_##id] = WORD_##id,
#include "log/notes.def"
#undef NOTE
	};

	return explain_word(word[kind], lang);
}

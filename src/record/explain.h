/* The words of an explained dialogue; the table is explain.def. Internal to record/. */
#ifndef RECORD_EXPLAIN_H
#define RECORD_EXPLAIN_H

#include "base/str.h"
#include "log/transcript.h"
#include "record/render.h"

enum explain_word {
#define VERB(verb, en, de)
#define REPLY(verb, code, en, de)
#define WORD(id, en, de) WORD_##id,
#include "record/explain.def"
#undef VERB
#undef REPLY
#undef WORD
};

/* Empty when nothing is known. */
struct str explain_verb(struct str verb, enum record_lang lang);
struct str explain_reply(struct str verb, unsigned code, enum record_lang lang);
struct str explain_word(enum explain_word word, enum record_lang lang);
struct str explain_kind(enum note_kind kind, enum record_lang lang);

#endif

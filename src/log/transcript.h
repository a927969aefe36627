/*
 * The transcript: what happened in one conversation, as bounded records. The log line,
 * the explain page, traces and golden files of tests are views of it. Library functions
 * note() here and return an error; they do not log.
 */
#ifndef LOG_TRANSCRIPT_H
#define LOG_TRANSCRIPT_H

#include "base/buf.h"

/* Kinds, their one-letter tag and meaning: log/notes.def. */
enum note_kind {
#define NOTE(id, letter, text) NOTE_##id,
#include "log/notes.def"
#undef NOTE
	NOTE_KIND_COUNT
};

enum { TRANSCRIPT_BYTES_MAX = 16384, TRANSCRIPT_TEXT_MAX = 1024 };

struct transcript {
	struct buf data;  /* encoded records: what transcript_next reads */
	int64_t start_us; /* wall time of the first record */
	int64_t last_us;
	uint64_t dropped; /* wire lines left out when it was full; verdicts are kept
			     longest */
};

struct note {
	enum note_kind kind;
	int64_t at_us; /* wall time */
	struct str text;
};

/* {0} is valid. text is cut at TRANSCRIPT_TEXT_MAX; never fails, drops instead. */
void transcript_note(struct transcript *t, enum note_kind kind, int64_t wall_us,
		     struct str text);
void transcript_notef(struct transcript *t, enum note_kind kind, int64_t wall_us,
		      const char *fmt, ...) PRINTF(4, 5);
void transcript_clear(struct transcript *t); /* keeps memory */
void transcript_done(struct transcript *t);

/* Walk encoded records. data is advanced; *at_us carries the time, set it to start_us
 * first. False at the end or at the first malformed record. ret->text is borrowed
 * from the records, or a constant (log/phrases.def). */
bool transcript_next(struct str *data, int64_t *at_us, struct note *ret);

#endif

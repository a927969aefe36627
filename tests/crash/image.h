/*
 * What power cuts leave of a recording, made quickly: the flushed state is kept up to
 * date from event to event, a cut adds some of what was not flushed. The result is a disk
 * for recovery, which may change it; the next cut begins anew.
 *
 * The rules: a file's writes and truncations before its last sync are there, of later
 * ones any part may be; the same for the names of a directory. A write is torn at
 * sectors of 512 bytes.
 */
#ifndef CRASH_IMAGE_H
#define CRASH_IMAGE_H

#include "spool/disk_mem.h"

enum image_kind {
	IMAGE_FLUSHED,    /* nothing that was not flushed */
	IMAGE_EVERYTHING, /* all of it: the process died, the machine did not */
	IMAGE_SECTORS,    /* any sectors of any writes, any of the changes of names */
	IMAGE_WRITES,     /* any of the writes, each whole or not at all: out of order */
	IMAGE_PREFIX, /* writes and changes of names in order up to one, which is torn */
	IMAGE_STALE,  /* as SECTORS, but what is missing shows bytes of another file */
	IMAGE_KINDS
};

struct image;

/* The recording is borrowed and no longer written to. NULL without memory. */
MUST_USE struct image *image_new(const struct disk_mem *recording);
void image_free(struct image *im);

/* Segments with records went one at a time, the directory flushed after each? */
bool image_unlinks_flushed(const struct image *im);

/* The next event has happened. False: there is none. */
bool image_step(struct image *im);
size_t image_at(const struct image *im); /* events so far */

/* Was the last event a flush? Is anything not flushed? */
bool image_flush_was_last(const struct image *im);
bool image_unflushed(const struct image *im);

/* The disk after a power cut now; good until the next cut or step. */
struct disk *image_cut(struct image *im, enum image_kind how, uint64_t seed);

/* From now on so many changes of names and sizes are carried out, then no more are, as
 * if the power failed again; -1: all. */
void image_changes_max(struct image *im, long n);
long image_changes(const struct image *im); /* since the cut */

/* Bytes of a file of the cut, by its name; NULL: there is none. */
const char *image_bytes(struct image *im, const char *name, size_t *n);

#endif

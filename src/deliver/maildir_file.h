/*
 * One message file in one Maildir, step by step. These calls block: they are for pool
 * threads and for the local process. The way of the Maildir specification: written to
 * tmp/, flushed, moved to new/ without overwriting, the move flushed.
 *
 * Nothing below the mailbox's parent directory is followed if it is a symbolic link, and
 * nothing outside the mailbox is touched.
 */
#ifndef DELIVER_MAILDIR_FILE_H
#define DELIVER_MAILDIR_FILE_H

#include <sys/types.h>

#include "base/str.h"

enum {
	MAILDIR_PATH_MAX = 2048,
	MAILDIR_LEAF_MAX = 255,
	MAILDIR_NAME_MAX = 220, /* of the file, without ",S=…" */
};

/* An open mailbox. */
struct maildir_box {
	int parent, self, tmp, dst; /* directories; -1: not open */
	bool made;                  /* some of it was missing and was made */
	dev_t dev;                  /* the file system it is on */
};

struct maildir_file {
	struct maildir_box *box; /* borrowed */
	int fd;                  /* -1: none */
	bool moved;
	uint64_t bytes;                     /* written so far */
	char name[MAILDIR_NAME_MAX + 1];    /* in tmp/ */
	char stored[MAILDIR_NAME_MAX + 32]; /* in new/, once moved: with its size */
};

/* "/var/mail/shop.net/guest": parent directory and last component. 0; -EBADMSG not
 * absolute,
 * "..", too long … */
MUST_USE int maildir_path_split(struct str path, struct str *parent, struct str *leaf);

/*
 * Open the mailbox, made (0700) where it is missing under an existing parent.
 * 0; -ENOENT no parent; -ELOOP, -ENOTDIR: something in it is a link or no directory; -E….
 * On failure nothing is open.
 */
MUST_USE int maildir_box_open(struct str parent, struct str leaf,
			      struct maildir_box *ret);
void maildir_box_close(struct maildir_box *b);

/* A new file in tmp/. host is for its name. 0; -E…. */
MUST_USE int maildir_file_create(struct maildir_box *b, struct str host,
				 struct maildir_file *ret);
/* Append; either part may be empty. 0; -ENOSPC; -EDQUOT; -E…. */
MUST_USE int maildir_file_write(struct maildir_file *f, struct str head,
				struct str content);
MUST_USE int maildir_file_sync(struct maildir_file *f);
MUST_USE int maildir_file_move(struct maildir_file *f); /* tmp/ to new/ */
void maildir_file_unmove(struct maildir_file *f); /* the move could not be flushed */
void maildir_file_close(struct maildir_file *f);  /* removes what was not moved */

/* Flush moves into this mailbox, and the mailbox itself if it was just made. */
MUST_USE int maildir_box_sync(struct maildir_box *b);

/*
 * CRLF to LF in place, as every Maildir reader expects; returns the bytes that remain.
 * A CR that ends one block and an LF that begins the next belong together: the caller
 * keeps one byte free before p, and *held is carried from block to block (false at the
 * start). When it was held and proved bare, *back is set and p[-1] is a CR that belongs
 * to the text.
 */
size_t maildir_lf(char *p, size_t n, bool *held, bool *back);

#endif

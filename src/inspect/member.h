/*
 * The names of an archive's members, whatever its format: which lead out of the folder
 * they are unpacked in, and which meet.
 */
#ifndef INSPECT_MEMBER_H
#define INSPECT_MEMBER_H

#include "inspect/scan.h"

enum {
	MEMBER_FOLDERS_MAX = 32, /* of one name that are looked at */
	MEMBER_FILE = 1,
	MEMBER_FOLDER = 2,
};

/* All names of one archive. {0} is empty; buf_done(&m.rows) ends it. */
struct members {
	struct buf rows;
};

/* Absolute, with a drive, or with a folder "..", by the rules of any system. */
bool member_leads_away(struct str name);

/* The target of a link by this name. A way up that stays inside does not lead away. */
bool member_link_leads_away(struct str name, struct str target);

/* Tells at once what one name shows, and keeps it. A folder's name may end in a slash. */
void member_add(struct members *m, struct scan *s, const struct object *o,
		struct str name, bool folder);

/* When all names are there: same names, and folders named as files. */
void members_tell(struct members *m, struct scan *s, const struct object *o);

#endif

/* What archive.c and archive_look.c share. */
#ifndef INSPECT_ARCHIVE_INNER_H
#define INSPECT_ARCHIVE_INNER_H

#include "inspect/member.h"

enum { ARCHIVE_WINDOW_MAX_MIB = 64 }; /* what a decoder may keep of what it has made */

/*
 * archive_look.c: headers that are read here and not by libarchive, which has no bounds
 * for memory, and gives up where something is encrypted.
 */

/* The first bytes are those of a weak mark only: is the rest of the header one, too? */
bool archive_likely(enum file_type type, struct str bytes);

/* A tar without a mark (Unix V7): by the checksum of its first header. */
bool archive_is_old_tar(struct str bytes);

/*
 * Of xz and Zstandard what stands before the last end, where libarchive gives up when
 * something else follows; all of the others.
 */
struct str archive_packed_part(enum file_type type, struct str bytes);

/* Would a decoder have to keep more than ARCHIVE_WINDOW_MAX_MIB? */
bool archive_window_too_big(enum file_type type, struct str bytes);

/* By a name such as x.part2.rar, x.7z.001, x.z01. */
bool archive_is_volume_name(struct str name);

/* Tells volumes, locks and names of RAR 5, RAR 4, 7z and CAB. True: names are encrypted.
 */
bool archive_headers_look(struct scan *s, const struct object *o, enum file_type type,
			  struct str bytes);

/* seven.c: the header of 7z, packed or not, and what its coders ask for. */
struct str seven_header(struct str bytes);
bool seven_too_big(struct str bytes);

#endif

/* The streams of compound files that documents are made of, each read by its own file. */
#ifndef INSPECT_OLE_H
#define INSPECT_OLE_H

#include "inspect/cfb.h"

/* Workbooks, BIFF5 and BIFF8: sheets of Excel 4 macros, names that run, encryption. */
void biff_read(struct scan *s, const struct object *o, struct str stream);

/* "WordDocument": encryption, and fields in the text of either width. */
void word_read(struct scan *s, const struct object *o, struct str stream);

/* "PowerPoint Document": the compound files in it, its macros are one of them. */
void powerpoint_read(struct scan *s, const struct object *o, struct str stream);

/* "\1Ole10Native": a packed file. `sized`: it begins with its length. */
void package_read(struct scan *s, const struct object *o, struct str stream, bool sized);

/* Monikers: where a linked object is loaded from. `links`: it says that it is linked. */
void moniker_read(struct scan *s, const struct object *o, struct str stream);

/* What a class of objects is known for. Bytes as they stand in a file. */
void class_look(struct scan *s, const struct object *o, const unsigned char *id);

/* The same by the name of the class: "Equation.3". */
void class_name_look(struct scan *s, const struct object *o, struct str name,
		     uint64_t offset);

/* An Outlook message; the names of the attachment that was looked at last. */
struct msg {
	struct cfb *cfb;
	uint32_t storage;
	struct buf name, name2;
};

bool msg_is(const struct cfb *c);
/* True: the stream belongs to the message. */
bool msg_stream(struct msg *m, const struct cfb_entry *e, struct str content);
void msg_done(struct msg *m);

/* Inflate a zlib stream; added to `ret`. False: broken, or the budget is used up. */
bool office_inflate(struct scan *s, const struct object *o, struct str in,
		    struct buf *ret);

#endif

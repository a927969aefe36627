/*
 * VBA projects in compound files (MS-OVBA). The mere presence is told; the sources are
 * decompressed, searched for words and given on as objects of their own; and where there
 * is compiled code without its source, that is told as well.
 */
#ifndef INSPECT_VBA_H
#define INSPECT_VBA_H

#include "base/arena.h"
#include "inspect/cfb.h"

enum {
	VBA_MODULES_MAX = 512,
	VBA_SOURCE_MAX_MIB = 16, /* of all sources of a document */
	VBA_HIDDEN_MAX = 16, /* sources looked for in one stream, beside the named one */
};

/* Kinds of words in a source. */
enum vba_word {
	VBA_AUTO = 1 << 0,    /* a procedure that runs by itself */
	VBA_EXECUTE = 1 << 1, /* starts, loads or writes a program */
	VBA_CODE = 1 << 2,    /* there is any code at all */
};

struct vba_module {
	struct str name, stream; /* UTF-8 or raw */
	uint32_t storage;        /* index of the entry */
	uint32_t offset;         /* of the source in the stream */
	bool seen;
};

struct vba {
	struct scan *scan;
	const struct object *o;
	struct cfb *cfb;
	struct arena arena;
	struct vba_module *modules;
	size_t module_count;
	unsigned source_words, compiled_words;
	size_t source_bytes; /* so far */
	bool present, broken, stomped;
};

/* Reads the projects' directories. Before any other stream is read. */
void vba_begin(struct vba *v, struct cfb *c);

/* Any stream, once. True: it belongs to a project, nobody else needs to look at it. */
bool vba_stream(struct vba *v, const struct cfb_entry *e, struct str content);

/* True: vba_begin has read it. */
bool vba_is_directory(const struct cfb *c, const struct cfb_entry *e);

void vba_end(struct vba *v); /* tells, and frees */

/*
 * MS-OVBA 2.4.1: a CompressedContainer. What could be decompressed is added to `ret`.
 * False: it is broken, or the budget is used up.
 */
bool vba_decompress(struct scan *s, const struct object *o, struct str in,
		    struct buf *ret);

/* The words of a text, enum vba_word. */
unsigned vba_words(struct str text);

#endif

/* One PostScript program: what its words would do. postscript.c finds the programs. */
#ifndef INSPECT_PS_H
#define INSPECT_PS_H

#include "inspect/lex.h"
#include "inspect/unfilter.h"

enum {
	PS_LAYERS_MAX = 4,   /* programs within one another */
	PS_RECENT_MAX = 4,   /* tokens that are remembered */
	PS_CHAIN_MAX = 8,    /* filters on one another */
	PS_KEEP_MAX = 63,    /* bytes of a token that are remembered */
	PS_LAYER_FACTOR = 8, /* bytes decoded and read again, for each byte there is */
};

struct ps_recent {
	enum lex_kind kind;
	size_t n; /* may be more than is kept */
	char text[PS_KEEP_MAX];
};

/* A program inside: the one below goes on when it has ended. */
struct ps_layer {
	struct lex lex;
	struct made bytes;
	struct ps_recent recent[PS_RECENT_MAX]; /* the newest first */
	struct lex_token source;                /* the last string */
	enum filter chain[PS_CHAIN_MAX];
	size_t chain_n, chain_age;
	bool chain_of_file; /* else of `source` */
};

struct ps {
	struct page page;
	struct made scratch; /* a string, decoded */
	struct ps_layer layers[PS_LAYERS_MAX];
	size_t depth;     /* layers in use */
	uint64_t left;    /* bytes that may still be read for further layers */
	size_t pipe_seen; /* characters of %pipe%, strings put together */
	size_t name_age;  /* tokens since cvn made a name; 0: none */
};

void ps_run(struct ps *ps, struct str program);

/* Names of operators where no operator should stand. After all has been read. */
void ps_look_raw(struct ps *ps, struct str content);

#endif

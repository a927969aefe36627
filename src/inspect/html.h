/*
 * HTML and SVG, as browsers and mail programs read them: without errors. html.c is the
 * reader and has the tags, html_tag.c what a tag does, html_script.c scripts and files
 * that are written into a page.
 */
#ifndef INSPECT_HTML_H
#define INSPECT_HTML_H

#include "inspect/page.h"

enum {
	HTML_VALUE_MAX = 1024,   /* bytes of an attribute, decoded */
	HTML_TEXT_MAX = 128,     /* of a link's text */
	HTML_CHILDREN_MAX = 400, /* files found inside one page */
	HTML_RUN_LEAST = 96,     /* base64 shorter than that is no file */
};

/* Attributes that say something together; raw, the first of each counts. */
enum html_attribute {
	HTML_OTHER_ATTRIBUTE,
	HTML_HREF,
	HTML_TYPE,
	HTML_HTTP_EQUIV,
	HTML_CONTENT,
	HTML_ACTION,
	HTML_ATTRIBUTE_COUNT
};

struct html_tag {
	struct str name; /* as written, without the slash */
	size_t at;
	bool end;
	struct str has[HTML_ATTRIBUTE_COUNT];
};

struct html {
	struct page page;
	struct str in;
	size_t at;
	size_t no_end[2]; /* from here on there is no such quote: " and ' */
	bool no_comment_end, no_script_end;
	bool in_link;
	struct str href; /* of the link that is open, raw */
	char text[HTML_TEXT_MAX];
	size_t text_n;
	size_t children;
};

void html_attribute(struct html *h, struct html_tag *tag, struct str name,
		    struct str value);
void html_tag(struct html *h, struct html_tag *tag);
void html_text(struct html *h, struct str text);
void html_link_end(struct html *h);

void html_script(struct html *h, size_t at, struct str code);
void html_style(struct html *h, size_t at, struct str css);
/* One URL, of an attribute or a style. `loads`: without a click. */
void html_url(struct html *h, size_t at, struct str url, bool loads);

/* Files in base64 or hex, anywhere. */
void html_runs(struct html *h);

/* &#…; and the named ones that hide URLs. Returns the length. */
size_t html_decode(struct str raw, char *ret, size_t room);

/* The bytes become an object, if there are not too many already. */
void html_child(struct html *h, struct str name, struct made *m);

#endif

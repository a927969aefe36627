/*
 * Just enough XML to see what a part of a document says: elements with their attributes,
 * and the text before each. Nothing is checked, nothing is expanded but the predefined
 * entities and numbers.
 */
#ifndef INSPECT_XML_H
#define INSPECT_XML_H

#include "base/buf.h"

enum { XML_VALUE_MAX = 4096 }; /* bytes of an attribute's value that are decoded */

struct xml {
	struct str rest;
};

struct xml_element {
	struct str text;       /* before it, as it stands */
	struct str name;       /* without its prefix */
	struct str attributes; /* as they stand */
	bool closes;           /* </name> */
	bool declares;         /* <!DOCTYPE …> and its like; the name is "DOCTYPE" */
};

/* False: there are no more. */
bool xml_next(struct xml *x, struct xml_element *e);

/* The value of an attribute, its prefix left out, decoded into ret. False: none. */
bool xml_attribute(const struct xml_element *e, struct str name, struct buf *ret);

/* Text with entities, added decoded. */
void xml_decode(struct str text, struct buf *ret);

#endif

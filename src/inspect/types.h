/*
 * What a file is, by its content. Not the one right answer, but all of them: a file may
 * be two things at once, and each program opens the one it knows. Own table, of the types
 * that matter here; the names that systems give meaning to as well.
 */
#ifndef INSPECT_TYPES_H
#define INSPECT_TYPES_H

#include "base/str.h"
#include "inspect/finding.h"

enum file_type {
#define TYPE(name, id, class) TYPE_##name,
#include "inspect/types.def"
#undef TYPE
	TYPE_COUNT
};

struct type_set {
	uint64_t bits[2]; /* 1 << enum file_type */
};

static inline bool type_in(const struct type_set *set, enum file_type type)
{
	return set->bits[type / 64] >> type % 64 & 1;
}

static inline void type_add(struct type_set *set, enum file_type type)
{
	set->bits[type / 64] |= UINT64_C(1) << type % 64;
}

struct str type_id(enum file_type type); /* "zip", "pe" … */
enum inspect_class type_class(enum file_type type);

/* All types that the bytes have at once. */
struct type_set types_of(struct str content);

/* Of an extension, lower case, without the dot; CLASS_NONE: means nothing to a system. */
enum inspect_class extension_class(struct str extension);

#endif

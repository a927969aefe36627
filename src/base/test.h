/* What every unit test includes: cmocka, and comparing str. Included by *_test.c only. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_str(have, want) assert_str_at((have), (want), __FILE__, __LINE__)

static inline void assert_str_at(struct str have, struct str want, const char *file,
				 int line)
{
	if (str_eq(have, want))
		return;
	print_error("have \"%.*s\"\nwant \"%.*s\"\n", STR_ARG(have), STR_ARG(want));
	_fail(file, line);
}

#endif

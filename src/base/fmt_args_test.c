/*
 * Several arguments in a row, each found behind the one before. Has its own main and no
 * library, so that tools/test_aarch64 can build it for the other processor: there a
 * va_list is a struct, and steps through a copy of it are lost.
 */
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"

int main(void)
{
	static const char want[] = "abc -5 word 1234567890123 z 002a 9 -7 end";
	char text[100];
	size_t n = fmt_text(text, sizeof(text), "%.*s %d %s %llu %c %04x %zu %ld %.*s", 3,
			    "abcdef", -5, "word", 1234567890123ULL, 'z', 0x2au, (size_t)9,
			    -7L, 3, "endless");

	if (n == strlen(want) && strcmp(text, want) == 0)
		return 0;
	(void)fprintf(stderr, "%s\n%s\n", want, text);
	return 1;
}

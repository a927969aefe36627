#include "mime/charsets.h"

#include <iconv.h>

#include "base/def.h"

void mime_charsets_load(void)
{
	static const char *const names[] = {
		"ISO-8859-2",   "ISO-8859-3",   "ISO-8859-4",   "ISO-8859-5",
		"ISO-8859-6",   "ISO-8859-7",   "ISO-8859-8",   "ISO-8859-9",
		"ISO-8859-10",  "ISO-8859-13",  "ISO-8859-14",  "ISO-8859-16",
		"WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1253", "WINDOWS-1254",
		"WINDOWS-1255", "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258",
		"KOI8-R",       "KOI8-U",       "IBM437",       "IBM850",
		"IBM866",       "MACINTOSH",    "UTF-7",        "UTF-16",
		"UTF-32",       "ISO-2022-JP",  "ISO-2022-KR",  "SHIFT_JIS",
		"EUC-JP",       "EUC-KR",       "EUC-TW",       "GB2312",
		"GBK",          "GB18030",      "BIG5",         "BIG5-HKSCS",
		"TIS-620",      "WINDOWS-874",  "ISO-2022-CN",  "HZ",
		"CP949",        "CP932",        "TCVN",         "ARMSCII-8",
		"GEORGIAN-PS",  "VISCII",
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		(void)iconv_open("UTF-8",
				 names[i]); /* never closed: so it stays loaded */
}

#include "inspect/office.h"
#include "inspect/ole.h"

enum {
	RECORD_FORMULA = 0x0006,
	RECORD_EOF = 0x000a,
	RECORD_NAME = 0x0018,
	RECORD_FILEPASS = 0x002f,
	RECORD_SHEET = 0x0085,
	RECORD_SUPBOOK = 0x01ae,
	RECORD_BOF = 0x0809,
	SHEET_MACRO = 1,
	NAME_BUILTIN = 0x20,
	NAME_AUTO_OPEN = 1,
	NAME_AUTO_CLOSE = 2,
	FUNCTION_REGISTER = 149,
	FUNCTION_CALL = 150,
	FUNCTION_EXEC = 110,
	ARGUMENTS_MAX = 30,
};

struct biff {
	struct scan *s;
	const struct object *o;
	bool macros, automatic, executes, old;
};

/* MS-XLS 2.4.28: its place, its state, its type, its name. */
static void sheet_look(struct biff *b, struct str data, uint64_t offset)
{
	unsigned state = data.n > 5 ? (unsigned char)data.p[4] : 0;
	unsigned type = data.n > 5 ? (unsigned char)data.p[5] : 0;

	if (type != SHEET_MACRO)
		return;
	b->macros = true;
	scan_tell(b->s, b->o, INSPECT_XLM, offset, str_skip(data, b->old ? 7 : 8));
	if (state & 3)
		scan_tell(b->s, b->o, INSPECT_XLM_HIDDEN, offset,
			  str_skip(data, b->old ? 7 : 8));
}

/* MS-XLS 2.4.150. Built-in names are one character; others may spell it out. */
static void name_look(struct biff *b, struct str data)
{
	unsigned flags = le16_at(data, 0);
	size_t n = data.n > 3 ? (unsigned char)data.p[3] : 0;
	struct str name = str_skip(data, b->old ? 14 : 15);
	bool wide = !b->old && data.n > 14 && (data.p[14] & 1);
	char narrow[255];

	n = n > name.n ? name.n : n;
	for (size_t i = 0; i < n; i++)
		narrow[i] = wide ? (i * 2 < name.n ? name.p[i * 2] : 0) : name.p[i];
	name = str_of(narrow, n);
	if (flags & NAME_BUILTIN && n > 0)
		b->automatic = b->automatic || narrow[0] == NAME_AUTO_OPEN ||
			       narrow[0] == NAME_AUTO_CLOSE;
	else
		b->automatic = b->automatic ||
			       str_starts_nocase(name, STR("auto_open")) ||
			       str_starts_nocase(name, STR("auto_close")) ||
			       str_starts_nocase(name, STR("auto_activate"));
}

/* Calls of EXEC, CALL and REGISTER: MS-XLS 2.5.198.63, function of so many arguments. */
static bool calls_system(struct str tokens)
{
	for (size_t i = 0; i + 4 <= tokens.n; i++) {
		unsigned token = (unsigned char)tokens.p[i];
		unsigned arguments = (unsigned char)tokens.p[i + 1] & 0x7f;
		unsigned function = le16_at(tokens, i + 2) & 0x7fff;

		if ((token != 0x22 && token != 0x42 && token != 0x62) ||
		    arguments > ARGUMENTS_MAX)
			continue;
		if (function == FUNCTION_EXEC || function == FUNCTION_CALL ||
		    function == FUNCTION_REGISTER)
			return true;
	}
	return false;
}

/* MS-XLS 2.4.271: a link to another program has its name, 3 as mark, and a topic. */
static void supbook_look(struct biff *b, struct str data, uint64_t offset)
{
	struct buf text = { 0 };
	size_t n = le16_at(data, 2);
	struct str path = str_skip(data, 5);

	if (n == 0 || n > 255 || data.n < 6)
		return;
	if (data.p[4] & 1)
		office_utf16(&text, str_sub(path, 0, n * 2));
	else
		buf_add(&text, str_sub(path, 0, n));
	if (str_find(buf_str(&text), 3) > 0) {
		scan_tell(b->s, b->o, INSPECT_DDE_LINK, offset, buf_str(&text));
		if (office_starts_program(buf_str(&text)))
			scan_tell(b->s, b->o, INSPECT_DDE_EXECUTION, offset,
				  buf_str(&text));
	}
	buf_done(&text);
}

static void record_look(struct biff *b, unsigned type, struct str data, uint64_t offset)
{
	switch (type) {
	case RECORD_BOF:
		b->old = le16_at(data, 0) < 0x0600;
		break;
	case RECORD_SHEET:
		sheet_look(b, data, offset);
		break;
	case RECORD_NAME:
		name_look(b, data);
		break;
	case RECORD_FORMULA:
		b->executes = b->executes || calls_system(str_skip(data, 22));
		break;
	case RECORD_SUPBOOK:
		supbook_look(b, data, offset);
		break;
	case RECORD_FILEPASS:
		scan_tell(b->s, b->o, INSPECT_ENCRYPTED_DOCUMENT, offset, STR_NONE);
		break;
	default:
		break;
	}
}

void biff_read(struct scan *s, const struct object *o, struct str stream)
{
	struct biff b = { .s = s, .o = o };
	size_t at = 0;
	unsigned last = 0;

	while (at + 4 <= stream.n) {
		size_t n = le16_at(stream, at + 2);

		/* After the last sheet's end there may be zeroes to the sector's end. */
		if (last == RECORD_EOF && le32_at(stream, at) == 0)
			break;
		last = le16_at(stream, at);
		if (n > stream.n - at - 4)
			scan_tell(s, o, INSPECT_BIFF_BROKEN, at, STR_NONE);
		record_look(&b, last, str_sub(stream, at + 4, n), at);
		at += n + 4;
	}
	if (stream.n && le16_at(stream, 0) != RECORD_BOF)
		scan_tell(s, o, INSPECT_BIFF_BROKEN, 0, STR_NONE);
	if (b.macros && b.automatic)
		scan_tell(s, o, INSPECT_XLM_AUTO, 0, STR_NONE);
	if (b.macros && b.executes)
		scan_tell(s, o, INSPECT_XLM_EXECUTION, 0, STR_NONE);
}

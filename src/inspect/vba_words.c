#include "inspect/vba.h"

/* Names of procedures that Office or a control calls, and what starts programs. Sorted.
 */
static const struct word {
	struct str text;
	unsigned kind;
} words[] = {
	{ STR_INIT("adodb.stream"), VBA_EXECUTE },
	{ STR_INIT("auto_close"), VBA_AUTO },
	{ STR_INIT("auto_open"), VBA_AUTO },
	{ STR_INIT("autoclose"), VBA_AUTO },
	{ STR_INIT("autoexec"), VBA_AUTO },
	{ STR_INIT("autoexit"), VBA_AUTO },
	{ STR_INIT("autonew"), VBA_AUTO },
	{ STR_INIT("autoopen"), VBA_AUTO },
	{ STR_INIT("bitsadmin"), VBA_EXECUTE },
	{ STR_INIT("callwindowproca"), VBA_EXECUTE },
	{ STR_INIT("certutil"), VBA_EXECUTE },
	{ STR_INIT("cmd.exe"), VBA_EXECUTE },
	{ STR_INIT("createprocess"), VBA_EXECUTE },
	{ STR_INIT("createprocessa"), VBA_EXECUTE },
	{ STR_INIT("createprocessw"), VBA_EXECUTE },
	{ STR_INIT("createremotethread"), VBA_EXECUTE },
	{ STR_INIT("createthread"), VBA_EXECUTE },
	{ STR_INIT("cscript"), VBA_EXECUTE },
	{ STR_INIT("document_beforeclose"), VBA_AUTO },
	{ STR_INIT("document_close"), VBA_AUTO },
	{ STR_INIT("document_contentcontrolonenter"), VBA_AUTO },
	{ STR_INIT("document_new"), VBA_AUTO },
	{ STR_INIT("document_open"), VBA_AUTO },
	{ STR_INIT("documentbeforeclose"), VBA_AUTO },
	{ STR_INIT("documentopen"), VBA_AUTO },
	{ STR_INIT("enumdateformatsa"), VBA_EXECUTE },
	{ STR_INIT("enumsystemlanguagegroupsw"), VBA_EXECUTE },
	{ STR_INIT("executeexcel4macro"), VBA_EXECUTE },
	{ STR_INIT("microsoft.xmlhttp"), VBA_EXECUTE },
	{ STR_INIT("msbuild"), VBA_EXECUTE },
	{ STR_INIT("mshta"), VBA_EXECUTE },
	{ STR_INIT("msxml2.serverxmlhttp"), VBA_EXECUTE },
	{ STR_INIT("msxml2.xmlhttp"), VBA_EXECUTE },
	{ STR_INIT("ntallocatevirtualmemory"), VBA_EXECUTE },
	{ STR_INIT("powershell"), VBA_EXECUTE },
	{ STR_INIT("pwsh"), VBA_EXECUTE },
	{ STR_INIT("queueuserapc"), VBA_EXECUTE },
	{ STR_INIT("regsvr32"), VBA_EXECUTE },
	{ STR_INIT("rundll32"), VBA_EXECUTE },
	{ STR_INIT("shell"), VBA_EXECUTE },
	{ STR_INIT("shell.application"), VBA_EXECUTE },
	{ STR_INIT("shell32"), VBA_EXECUTE },
	{ STR_INIT("shellexecute"), VBA_EXECUTE },
	{ STR_INIT("shellexecutea"), VBA_EXECUTE },
	{ STR_INIT("shellexecutew"), VBA_EXECUTE },
	{ STR_INIT("urldownloadtofile"), VBA_EXECUTE },
	{ STR_INIT("urldownloadtofilea"), VBA_EXECUTE },
	{ STR_INIT("urldownloadtofilew"), VBA_EXECUTE },
	{ STR_INIT("virtualalloc"), VBA_EXECUTE },
	{ STR_INIT("virtualallocex"), VBA_EXECUTE },
	{ STR_INIT("winexec"), VBA_EXECUTE },
	{ STR_INIT("winhttp.winhttprequest.5.1"), VBA_EXECUTE },
	{ STR_INIT("winmgmts"), VBA_EXECUTE },
	{ STR_INIT("wmic"), VBA_EXECUTE },
	{ STR_INIT("workbook_activate"), VBA_AUTO },
	{ STR_INIT("workbook_beforeclose"), VBA_AUTO },
	{ STR_INIT("workbook_close"), VBA_AUTO },
	{ STR_INIT("workbook_deactivate"), VBA_AUTO },
	{ STR_INIT("workbook_open"), VBA_AUTO },
	{ STR_INIT("worksheet_activate"), VBA_AUTO },
	{ STR_INIT("wscript"), VBA_EXECUTE },
	{ STR_INIT("wscript.shell"), VBA_EXECUTE },
};

/* Events that a control on the page has by itself when it is shown. */
static const struct str event_ends[] = {
	STR_INIT("_layout"),           STR_INIT("_painted"),
	STR_INIT("_painting"),         STR_INIT("_gotfocus"),
	STR_INIT("_mousehover"),       STR_INIT("_onconnecting"),
	STR_INIT("_downloadcomplete"), STR_INIT("_documentcomplete"),
	STR_INIT("_statechange"),      STR_INIT("_titlechange"),
};

/* What CreateObject makes in honest macros and starts nothing. */
static const struct str harmless_objects[] = {
	STR_INIT("scripting.dictionary"),
	STR_INIT("scripting.filesystemobject"),
	STR_INIT("outlook.application"),
	STR_INIT("excel.application"),
	STR_INIT("word.application"),
	STR_INIT("powerpoint.application"),
	STR_INIT("adodb.connection"),
	STR_INIT("adodb.recordset"),
	STR_INIT("adodb.command"),
	STR_INIT("vbscript.regexp"),
	STR_INIT("access.application"),
	STR_INIT("msxml2.domdocument"),
	STR_INIT("system.collections.arraylist"),
};

enum { TOKEN_MAX = 64 };

static int compare(struct str a, const struct word *w)
{
	return str_cmp(a, w->text);
}

static unsigned kind_of(struct str token)
{
	size_t low = 0, high = COUNT_OF(words);

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = compare(token, &words[mid]);

		if (c == 0)
			return words[mid].kind;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	for (size_t i = 0; i < COUNT_OF(event_ends); i++)
		if (str_ends_nocase(token, event_ends[i]))
			return VBA_AUTO;
	return 0;
}

/* CreateObject( "…" ) of what is not known to be harmless, or of what is computed. */
static bool makes_object(struct str rest)
{
	struct str name;

	rest = str_trim(str_sub(rest, 0, (size_t)TOKEN_MAX * 2));
	if (!rest.n || rest.p[0] != '(')
		return false;
	rest = str_trim(str_skip(rest, 1));
	if (!rest.n || rest.p[0] != '"' || !str_split(&rest, '"', &name) ||
	    !str_split(&rest, '"', &name))
		return true;
	rest = str_trim(rest);
	if (!rest.n || (rest.p[0] != ')' && rest.p[0] != ','))
		return true;
	for (size_t i = 0; i < COUNT_OF(harmless_objects); i++)
		if (str_starts_nocase(name, harmless_objects[i]))
			return false;
	return true;
}

static bool in_word(char c)
{
	return ch_alnum(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* One word, and the same with what follows its dots: "WScript.Shell". */
static unsigned token_kind(struct str text, size_t at, size_t n)
{
	char lower[TOKEN_MAX];
	size_t m = 0, dotted = n;
	struct str rest = str_skip(text, at + n);
	unsigned kind;

	if (n > TOKEN_MAX)
		return 0;
	while (at + dotted < text.n && m < TOKEN_MAX &&
	       (in_word(text.p[at + dotted]) || text.p[at + dotted] == '.'))
		dotted++, m++;
	if (dotted > TOKEN_MAX)
		dotted = n;
	for (size_t i = 0; i < dotted; i++)
		lower[i] = ch_lower(text.p[at + i]);
	kind = kind_of(str_of(lower, n));
	if (dotted > n)
		kind |= kind_of(str_of(lower, dotted));
	if (str_eq(str_of(lower, n), STR("createobject")) ||
	    str_eq(str_of(lower, n), STR("getobject")))
		kind |= makes_object(rest) ? VBA_EXECUTE : 0;
	return kind;
}

unsigned vba_words(struct str text)
{
	unsigned found = 0;

	for (size_t i = 0; i < text.n;) {
		size_t n = 0;

		while (i + n < text.n && in_word(text.p[i + n]))
			n++;
		if (n) {
			found |= token_kind(text, i, n);
			if (str_eq_nocase(str_sub(text, i, n), STR("sub")) ||
			    str_eq_nocase(str_sub(text, i, n), STR("function")) ||
			    str_eq_nocase(str_sub(text, i, n), STR("property")) ||
			    str_eq_nocase(str_sub(text, i, n), STR("declare")))
				found |= VBA_CODE;
		}
		i += n ? n : 1;
	}
	return found;
}

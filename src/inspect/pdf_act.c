#include "inspect/pdf.h"

struct str pdf_text(const struct lex_token *t, char ret[PDF_TEXT_MAX])
{
	size_t n = t->text.n ? lex_string(t, ret, PDF_TEXT_MAX) : 0, k = 0;

	if (n > 1 && (str_starts(str_of(ret, n), STR("\xfe\xff")) ||
		      str_starts(str_of(ret, n), STR("\xff\xfe")))) {
		for (size_t i = 2; i < n; i++)
			if (ret[i])
				ret[k++] = ret[i];
		n = k;
	}
	return str_of(ret, n);
}

void pdf_want(struct pdf *pdf, uint32_t number, enum pdf_want_kind kind,
	      const struct pdf_dict *file)
{
	struct pdf_want *w = &pdf->wants[pdf->want_n];
	char text[PDF_TEXT_MAX];

	for (size_t i = 0; i < pdf->want_n && !file; i++)
		if (pdf->wants[i].number == number && pdf->wants[i].kind == kind)
			return;
	if (pdf->want_n == PDF_WANTS_MAX) {
		pdf_tell(pdf, INSPECT_PDF_LIMIT, 0, STR("references"));
		return;
	}
	*w = (struct pdf_want){ .number = number, .kind = kind };
	if (file) {
		w->name = arena_str(&pdf->names, pdf_text(&file->uf, text));
		w->name2 = arena_str(&pdf->names, pdf_text(&file->f, text));
		if (!w->name.n)
			w->name = w->name2;
	}
	pdf->want_n++;
}

void pdf_js(struct pdf *pdf, size_t at, struct str code)
{
	static const struct {
		struct str text; /* lower case */
		enum inspect_finding_kind kind;
	} rows[] = {
		{ STR_INIT("collab.geticon"), INSPECT_PDF_JS_EXPLOIT },
		{ STR_INIT("collectemailinfo"), INSPECT_PDF_JS_EXPLOIT },
		{ STR_INIT("media.newplayer"), INSPECT_PDF_JS_EXPLOIT },
		{ STR_INIT("customdictionaryopen"), INSPECT_PDF_JS_EXPLOIT },
		{ STR_INIT("nlaunch"), INSPECT_PDF_JS_EXPLOIT },
		{ STR_INIT("printf(\"%45000"), INSPECT_PDF_JS_EXPLOIT },
		{ STR_INIT("rawvalue.replace"), INSPECT_PDF_JS_HIDDEN },
		{ STR_INIT("unescape("), INSPECT_PDF_JS_HIDDEN },
		{ STR_INIT("fromcharcode"), INSPECT_PDF_JS_HIDDEN },
		{ STR_INIT("eval("), INSPECT_PDF_JS_HIDDEN },
		{ STR_INIT("getannots("), INSPECT_PDF_JS_HIDDEN },
		{ STR_INIT("%u9090"), INSPECT_PDF_JS_EXPLOIT },
		{ STR_INIT("%u0c0c"), INSPECT_PDF_JS_EXPLOIT },
	};

	pdf_tell(pdf, INSPECT_PDF_JAVASCRIPT, at, code);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ptrdiff_t found = page_find(code, rows[i].text);

		if (found >= 0)
			pdf_tell(pdf, rows[i].kind, at, str_skip(code, (size_t)found));
	}
	made_add(&pdf->js, code.p, code.n);
	made_c(&pdf->js, '\n');
}

static void js_string(struct pdf *pdf, const struct pdf_dict *d)
{
	struct made m;
	size_t n, k = 0;

	made_begin(&m, &pdf->page);
	if (made_reserve(&m, d->js.text.n)) {
		n = lex_string(&d->js, m.out.p, d->js.text.n);
		for (size_t i = 0; i < n; i++) /* UTF-16 */
			if (m.out.p[i])
				m.out.p[k++] = m.out.p[i];
		m.out.n = k;
		pdf_js(pdf, d->at, buf_str(&m.out));
	}
	made_done(&m);
}

static bool starts_program(struct str target)
{
	static const char words[] = "cmd powershell mshta wscript cscript rundll32 "
				    "regsvr32 /bin/ /usr/ bash certutil";
	static const char ends[] = ".exe .com .bat .cmd .scr .pif .js .jse .vbs .vbe "
				   ".wsf .hta .lnk .msi .ps1 .jar .sh .dll .cpl .url";
	struct str rest = str_from(words), word;

	while (str_word(&rest, &word))
		if (page_find(target, word) >= 0)
			return true;
	rest = str_from(ends);
	while (str_word(&rest, &word))
		if (page_find(target, word) >= 0)
			return true;
	return false;
}

static void launch(struct pdf *pdf, const struct pdf_dict *d)
{
	char text[PDF_TEXT_MAX];
	struct str f = pdf_text(d->f.text.n ? &d->f : &d->uf, text);

	pdf_tell(pdf, INSPECT_PDF_LAUNCH, d->at, f);
	if (starts_program(f) || (d->under == PDF_WIN && d->p.text.n))
		pdf_tell(pdf, INSPECT_PDF_LAUNCH_PROGRAM, d->at, f);
	f = pdf_text(&d->p, text);
	if (d->under == PDF_WIN && starts_program(f))
		pdf_tell(pdf, INSPECT_PDF_LAUNCH_PROGRAM, d->at, f);
}

static void target(struct pdf *pdf, const struct pdf_dict *d, const struct lex_token *t)
{
	char text[PDF_TEXT_MAX];
	struct str s = pdf_text(t, text);

	if (!s.n)
		return;
	if (page_unc(s))
		pdf_tell(pdf, INSPECT_PDF_UNC, d->at, s);
	else if (str_starts_nocase(str_trim(s), STR("file:")))
		pdf_tell(pdf, INSPECT_PDF_FILE_URI, d->at, s);
	if (t != &d->uri)
		return;
	pdf_tell(pdf, INSPECT_PDF_URI, d->at, s);
	if (str_starts_nocase(str_trim(s), STR("javascript:")))
		pdf_js(pdf, d->at, s);
}

static void action(struct pdf *pdf, const struct pdf_dict *d)
{
	static const struct {
		enum pdf_name s;
		enum inspect_finding_kind kind;
	} rows[] = {
		{ PDF_GOTOR, INSPECT_PDF_OTHER_FILE },
		{ PDF_GOTOE, INSPECT_PDF_OTHER_FILE },
		{ PDF_URI, INSPECT_PDF_URI },
		{ PDF_SUBMIT_FORM, INSPECT_PDF_SUBMIT },
		{ PDF_IMPORT_DATA, INSPECT_PDF_IMPORT },
	};
	char text[PDF_TEXT_MAX];
	bool acts = d->s == PDF_LAUNCH || d->s == PDF_JAVASCRIPT || d->js.text.n;

	if (d->s == PDF_LAUNCH || d->under == PDF_WIN || d->under == PDF_UNIX ||
	    d->under == PDF_MAC)
		launch(pdf, d);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].s != d->s)
			continue;
		pdf_tell(pdf, rows[i].kind, d->at,
			 pdf_text(d->f.text.n ? &d->f : &d->uri, text));
		acts = acts || d->s != PDF_URI;
		if (d->s == PDF_URI && d->automatic)
			pdf_tell(pdf, INSPECT_PDF_OPEN_ACTION, d->at,
				 pdf_text(&d->uri, text));
	}
	if (acts && d->automatic)
		pdf_tell(pdf, INSPECT_PDF_OPEN_ACTION, d->at, STR_NONE);
	pdf->js_there = pdf->js_there || d->s == PDF_JAVASCRIPT;
	pdf->acts = pdf->acts || acts;
}

void pdf_act(struct pdf *pdf, struct pdf_dict *d)
{
	action(pdf, d);
	target(pdf, d, &d->f);
	target(pdf, d, &d->uf);
	target(pdf, d, &d->uri);
	if (d->js.text.n)
		js_string(pdf, d);
	for (size_t i = 0; i < COUNT_OF(d->ef); i++)
		if (d->ef[i] && (i == 0 || d->ef[i] != d->ef[0]))
			pdf_want(pdf, d->ef[i], PDF_WANT_FILE, d);
	if (d->subtype == PDF_RICH_MEDIA || d->subtype == PDF_FLASH ||
	    d->subtype == PDF_THREE_D)
		pdf_tell(pdf, INSPECT_PDF_RICH_MEDIA, d->at, STR_NONE);
	if (d->subtype == PDF_PS)
		pdf_tell(pdf, INSPECT_PDF_POSTSCRIPT, d->at, STR_NONE);
	if (d->filter_unknown.n && d->length != SIZE_MAX)
		pdf_tell(pdf, INSPECT_PDF_FILTER, d->at, d->filter_unknown);
	if (d->filter_n > PDF_FILTERS_HONEST)
		pdf_tell(pdf, INSPECT_PDF_FILTER_CHAIN, d->at, STR_NONE);
}

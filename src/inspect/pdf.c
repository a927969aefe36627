#include "inspect/pdf.h"

#include "base/mem.h"
#include "inspect/readers.h"

enum {
	HEADER_LOOK = 1024, /* viewers take a header that begins within them */
	MHT_LOOK = 4096,
	SNIFF_BYTES = 2048, /* of a stream that nothing refers to */
};

static bool is(const struct object *o)
{
	return o->content.n &&
	       (type_in(&o->types, TYPE_PDF) ||
		page_claims(o, "application/pdf application/x-pdf application/vnd.fdf") ||
		page_named(o, ".pdf .fdf"));
}

/* As far as `most`, of the last filter. False: nothing came out. */
static bool decode(struct pdf *pdf, const struct pdf_stream *st, size_t most,
		   struct made *m)
{
	struct str in = str_sub(pdf->page.o->content, st->at, st->n);
	size_t n = st->filter_n < PDF_FILTERS_MAX ? st->filter_n : PDF_FILTERS_MAX, used;
	struct made next;

	made_begin(m, &pdf->page);
	if (n == 0)
		made_add(m, in.p, in.n < most ? in.n : most);
	for (size_t i = 0; i < n; i++) {
		enum filter f = (enum filter)st->filters[i];
		size_t limit = i + 1 == n ? most : SIZE_MAX;

		if (f == FILTER_IMAGE || f == FILTER_UNKNOWN)
			return false;
		made_begin(&next, &pdf->page);
		if (f == FILTER_LZW)
			(void)unfilter_lzw(in, st->params.late, limit, &next);
		else
			(void)unfilter(f, in, limit, &next, &used);
		used = f == FILTER_LZW ? in.n : used;
		made_done(m);
		*m = next;
		if (used > pdf->left) {
			pdf_tell(pdf, INSPECT_PDF_LIMIT, st->at, STR("streams"));
			pdf->left = 0;
			return false;
		}
		pdf->left -= used;
		in = buf_str(&m->out);
	}
	if (st->params.predictor > 1 && m->out.n) {
		made_begin(&next, &pdf->page);
		(void)unfilter_predict(&st->params, buf_str(&m->out), &next);
		made_done(m);
		*m = next;
	}
	return m->out.n > 0;
}

static bool pixels(const struct pdf_stream *st)
{
	size_t n = st->filter_n < PDF_FILTERS_MAX ? st->filter_n : PDF_FILTERS_MAX;

	for (size_t i = 0; i < n; i++)
		if (st->filters[i] == FILTER_IMAGE || st->filters[i] == FILTER_UNKNOWN)
			return true;
	return false;
}

static void give_js(struct pdf *pdf, const struct pdf_stream *st, struct made *m)
{
	size_t k = 0;

	for (size_t i = 0; i < m->out.n; i++) /* UTF-16 */
		if (m->out.p[i])
			m->out.p[k++] = m->out.p[i];
	m->out.n = k;
	pdf_js(pdf, st->at, buf_str(&m->out));
}

/* What nothing refers to is data of pages and fonts, if it does not look like a file. */
static bool looks_like_file(struct str start)
{
	static const enum file_type files[] = {
		TYPE_PE,       TYPE_ELF,     TYPE_MACHO,     TYPE_OLE,
		TYPE_ZIP,      TYPE_RAR,     TYPE_SEVEN_ZIP, TYPE_LNK,
		TYPE_RTF,      TYPE_HTML,    TYPE_PDF,       TYPE_JSCRIPT,
		TYPE_VBSCRIPT, TYPE_SHEBANG, TYPE_BATCH,     TYPE_POWERSHELL,
	};
	struct type_set set = types_of(start);

	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (type_in(&set, files[i]))
			return true;
	return false;
}

/* SIZE_MAX: all of it. 0: nothing. */
static size_t how_much(const struct pdf_stream *st, bool wanted)
{
	if (wanted || st->type == PDF_EMBEDDED_FILE || st->subtype == PDF_PS)
		return SIZE_MAX;
	if (st->type == PDF_XREF || st->type == PDF_OBJSTM || st->subtype == PDF_IMAGE ||
	    pixels(st))
		return 0;
	return SNIFF_BYTES;
}

static void give(struct pdf *pdf, const struct pdf_stream *st, const struct pdf_want *w,
		 struct made *m)
{
	enum pdf_want_kind kind = w ? w->kind : PDF_WANT_NONE;

	if (kind == PDF_WANT_JS) {
		give_js(pdf, st, m);
	} else if (kind == PDF_WANT_XFA) {
		page_child(&pdf->page, STR("xfa"), STR_NONE, m);
	} else if (kind == PDF_WANT_FILE) {
		pdf_tell(pdf, INSPECT_PDF_EMBEDDED, st->at, w->name);
		page_child(&pdf->page, w->name, w->name2, m);
	} else {
		if (st->type == PDF_EMBEDDED_FILE)
			pdf_tell(pdf, INSPECT_PDF_EMBEDDED, st->at, STR_NONE);
		page_child(&pdf->page, STR_NONE, STR_NONE, m);
	}
}

static void read_stream(struct pdf *pdf, const struct pdf_stream *st)
{
	const struct pdf_want *w = NULL;
	struct made m;
	size_t most;
	bool ok;

	for (size_t i = 0; i < pdf->want_n && !w; i++)
		if (pdf->wants[i].number == st->number)
			w = &pdf->wants[i];
	most = how_much(st, w != NULL);
	if (!most || !pdf->left)
		return;
	ok = decode(pdf, st, most, &m);
	if (!ok && st->n && st->filter_n && !pixels(st) && !pdf->encrypted && !m.full &&
	    pdf->left)
		pdf_tell(pdf, INSPECT_PDF_STREAM, st->at, STR_NONE);
	if (ok && most == SNIFF_BYTES && looks_like_file(buf_str(&m.out))) {
		made_done(&m);
		ok = decode(pdf, st, SIZE_MAX, &m);
		most = SIZE_MAX;
	}
	if (ok && most == SIZE_MAX)
		give(pdf, st, w, &m);
	made_done(&m);
}

/* Once, and not what they hold in turn: they hold no streams. ISO 32000 7.5.7. */
static void read_object_streams(struct pdf *pdf)
{
	for (size_t i = 0; i < pdf->stream_n; i++) {
		struct made m;

		if (pdf->streams[i].type != PDF_OBJSTM)
			continue;
		pdf->origin = pdf->streams[i].at;
		if (decode(pdf, &pdf->streams[i], SIZE_MAX, &m))
			pdf_scan(pdf, buf_str(&m.out), true);
		else if (!pdf->encrypted && !m.full)
			pdf_tell(pdf, INSPECT_PDF_STREAM, pdf->streams[i].at, STR_NONE);
		made_done(&m);
	}
	pdf->inside = false;
}

static void look_at_head(struct pdf *pdf, struct str in)
{
	struct str head = str_sub(in, 0, HEADER_LOOK), look = str_sub(in, 0, MHT_LOOK);
	const char *at = memmem(head.p, head.n, "%PDF-", 5);
	struct str before;

	if (!at)
		at = memmem(head.p, head.n, "%FDF-", 5);
	before = at ? str_sub(in, 0, (size_t)(at - in.p)) : head;
	if (str_starts(before, STR("\xef\xbb\xbf")))
		before = str_skip(before, 3);
	if (str_trim(before).n)
		pdf_tell(pdf, INSPECT_PDF_HEADER, before.n, before);
	if (page_find(look, STR("mime-version:")) >= 0 &&
	    page_find(look, STR("multipart/related")) >= 0)
		pdf_tell(pdf, INSPECT_POLYGLOT, 0, STR("mht"));
}

static void read_pdf(struct scan *s, const struct object *o)
{
	struct pdf *pdf = mem_alloc(sizeof(*pdf));

	if (!pdf) {
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
		return;
	}
	pdf->page = (struct page){ .s = s, .o = o };
	pdf->names.bytes_max = PDF_NAMES_KEPT_MAX * KIB;
	pdf->left = (uint64_t)o->content.n * PDF_INPUT_FACTOR;
	made_begin(&pdf->js, &pdf->page);
	look_at_head(pdf, o->content);
	pdf_scan(pdf, o->content, false);
	read_object_streams(pdf);
	for (size_t i = 0; i < pdf->stream_n; i++)
		read_stream(pdf, &pdf->streams[i]);
	if (pdf->open_reference && pdf->acts)
		pdf_tell(pdf, INSPECT_PDF_OPEN_ACTION, 0, STR_NONE);
	if (pdf->js_there)
		pdf_tell(pdf, INSPECT_PDF_JAVASCRIPT, 0, STR_NONE);
	if (!pdf->objects)
		pdf_tell(pdf, INSPECT_PDF_NO_OBJECTS, 0, STR_NONE);
	page_child(&pdf->page, STR("javascript"), STR_NONE, &pdf->js);
	made_done(&pdf->js);
	arena_done(&pdf->names);
	mem_free(pdf->streams);
	mem_free(pdf);
}

const struct reader reader_pdf = { "pdf", is, read_pdf };

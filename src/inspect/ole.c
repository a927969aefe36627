/* Compound files: what the streams are, and who reads them. */
#include "inspect/ole.h"

#include "base/mem.h"
#include "inspect/office.h"
#include "inspect/readers.h"
#include "inspect/vba.h"

struct ole {
	struct scan *s;
	const struct object *o;
	struct cfb cfb;
	struct vba vba;
	struct msg msg;
	bool message;
};

static bool is_ole(const struct object *o)
{
	return type_in(&o->types, TYPE_OLE);
}

static bool named(const struct cfb_entry *e, const char *name)
{
	return str_eq_nocase(cfb_name(e), str_from(name));
}

/* Streams whose bytes are known to be none of the other types. */
static bool plain_stream(const struct cfb_entry *e)
{
	static const char *const names[] = {
		"0Table",       "1Table",    "Data",      "Pictures",
		"\1CompObj",    "\3ObjInfo", "\3EPRINT",  "\2OlePres000",
		"Current User", "PROJECT",   "PROJECTwm",
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (named(e, names[i]))
			return true;
	return str_starts(cfb_name(e), STR("\5"));
}

/* Content of any other kind: an object of its own when it is something at all. */
static void any_stream(struct ole *x, const struct cfb_entry *e, struct child c)
{
	struct type_set types;

	if (plain_stream(e) || !scan_work(x->s, x->o, c.content.n))
		return;
	types = types_of(c.content);
	c.name = cfb_name(e);
	if (types.bits[0] || types.bits[1])
		scan_child(x->s, x->o, &c);
}

static void stream_look(struct ole *x, const struct cfb_entry *e, struct child c)
{
	struct str in = c.content;

	/* A link hides anywhere that a moniker fits. */
	if (str_starts(cfb_name(e), STR("\1")) || str_starts(cfb_name(e), STR("\3")))
		moniker_read(x->s, x->o, in);
	if (vba_stream(&x->vba, e, in))
		return;
	if (named(e, "Workbook") || named(e, "Book")) {
		biff_read(x->s, x->o, in);
	} else if (named(e, "WordDocument")) {
		word_read(x->s, x->o, in);
	} else if (named(e, "PowerPoint Document")) {
		powerpoint_read(x->s, x->o, in);
	} else if (str_starts_nocase(cfb_name(e), STR("\1Ole10Native"))) {
		package_read(x->s, x->o, in, true);
	} else if (named(e, "EncryptedPackage") || named(e, "EncryptionInfo")) {
		scan_tell(x->s, x->o, INSPECT_ENCRYPTED_DOCUMENT, 0, cfb_name(e));
	} else if (named(e, "Equation Native")) {
		scan_tell(x->s, x->o, INSPECT_OLE_CLASS, 0, cfb_name(e));
	} else if (!x->message || !msg_stream(&x->msg, e, in)) {
		any_stream(x, e, c);
	}
}

static void entry_look(struct ole *x, const struct cfb_entry *e)
{
	struct buf content = { 0 };
	bool whole;

	if (e->kind == CFB_ROOT || e->kind == CFB_STORAGE)
		class_look(x->s, x->o, e->class_id);
	if (e->kind != CFB_STREAM || vba_is_directory(&x->cfb, e))
		return;
	whole = cfb_read(&x->cfb, e, &content);
	if (content.err)
		scan_tell(x->s, x->o, INSPECT_MEMORY, 0, STR_NONE);
	stream_look(x, e,
		    (struct child){ .content = buf_str(&content), .truncated = !whole });
	buf_done(&content);
}

static void tell_odd(struct ole *x)
{
	unsigned odd = x->cfb.odd;

	if (odd & (CFB_ODD_HEADER | CFB_ODD_CHAIN | CFB_ODD_LOOP | CFB_ODD_SHARED))
		scan_tell(x->s, x->o, INSPECT_OLE_BROKEN, 0, STR_NONE);
	if (odd & CFB_ODD_ORPHAN)
		scan_tell(x->s, x->o, INSPECT_OLE_ORPHAN, 0, STR_NONE);
	if (odd & CFB_ODD_MANY)
		scan_tell(x->s, x->o, INSPECT_OLE_ENTRIES, 0, STR_NONE);
}

static void read_ole(struct scan *s, const struct object *o)
{
	struct ole *x = mem_alloc(sizeof(*x));
	int e = -ENOMEM;

	if (!x) {
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
		return;
	}
	x->s = s;
	x->o = o;
	e = cfb_open(&x->cfb, s, o);
	if (e == -ENOMEM)
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
	if (e == -EBADMSG)
		x->cfb.odd |= CFB_ODD_HEADER;
	vba_begin(&x->vba, &x->cfb);
	x->msg.cfb = &x->cfb;
	x->message = msg_is(&x->cfb);
	for (size_t i = 0; i < x->cfb.entry_count; i++)
		entry_look(x, &x->cfb.entries[i]);
	vba_end(&x->vba);
	msg_done(&x->msg);
	tell_odd(x);
	cfb_close(&x->cfb);
	mem_free(x);
}

const struct reader reader_ole = { "ole", is_ole, read_ole };

/* Packed files, linked objects, and the classes of objects. */
#include "inspect/office.h"
#include "inspect/ole.h"

enum {
	LINK_MAX = 1024, /* bytes of a link that are looked at */
	PATHS_MAX = 65536,
};

/* Text to the next NUL; advances in. False: there is none. */
static bool take_text(struct str *in, struct str *text)
{
	ptrdiff_t at = str_find(str_sub(*in, 0, PATHS_MAX), 0);

	if (at < 0)
		return false;
	*text = str_sub(*in, 0, (size_t)at);
	*in = str_skip(*in, (size_t)at + 1);
	return true;
}

static struct str base_name(struct str path)
{
	ptrdiff_t slash = str_rfind(path, '/'), back = str_rfind(path, '\\');

	return str_skip(path, (size_t)((slash > back ? slash : back) + 1));
}

/*
 * The layout that the packager writes: flags, label, path, two flags, path again, data;
 * then the three texts again in UTF-16.
 */
static bool package_parse(struct str in, struct child *c)
{
	struct str label, path, temp;
	uint32_t n;

	in = str_skip(in, 2);
	if (!take_text(&in, &label) || !take_text(&in, &path) || in.n < 8)
		return false;
	n = le32_at(in, 4);
	in = str_skip(in, 8);
	if (n > in.n)
		return false;
	temp = str_sub(in, 0, n);
	in = str_skip(in, n);
	if (in.n < 4)
		return false;
	n = le32_at(in, 0);
	c->content = str_sub(in, 4, n);
	c->truncated = c->content.n < n;
	while (temp.n && !temp.p[temp.n - 1])
		temp.n--;
	c->name = base_name(temp.n ? temp : path);
	c->name2 = str_eq(base_name(label), c->name) ? base_name(path) : base_name(label);
	if (str_eq(c->name2, c->name))
		c->name2 = STR_NONE;
	return true;
}

void package_read(struct scan *s, const struct object *o, struct str stream, bool sized)
{
	struct child c = { 0 };

	if (!package_parse(str_skip(stream, sized ? 4 : 0), &c)) {
		/* Other objects have their own content here: it is given on as it is. */
		if (!sized || le16_at(stream, 4) == 2)
			scan_tell(s, o, INSPECT_OLE_PACKAGE_BROKEN, 0, STR_NONE);
		c = (struct child){ .name = STR("native"),
				    .content = str_skip(stream, sized ? 4 : 0) };
		if (c.content.n)
			scan_child(s, o, &c);
		return;
	}
	scan_tell(s, o, INSPECT_OLE_PACKAGE, 0, c.name2.n ? c.name2 : c.name);
	if (c.truncated)
		scan_tell(s, o, INSPECT_OLE_PACKAGE_BROKEN, 0, c.name);
	scan_child(s, o, &c);
}

static void link_tell(struct scan *s, const struct object *o, struct str url, size_t at)
{
	enum office_target target = office_target(url);
	bool remote = target == TARGET_WEB || target == TARGET_UNC ||
		      target == TARGET_ATTACK;

	scan_tell(s, o, remote ? INSPECT_OLE_LINK_REMOTE : INSPECT_OLE_LINK, at, url);
}

/* The text behind a moniker's class: a length, then UTF-16 or 8-bit text. */
static void moniker_text(struct scan *s, const struct object *o, struct str in, size_t at,
			 bool wide)
{
	char bytes[LINK_MAX * 3];
	struct buf url = BUF_OVER(bytes);
	struct str raw = str_at(in, 4, le32_at(in, 0));

	url.bytes_max = sizeof(bytes);
	raw = str_sub(raw, 0, LINK_MAX);
	if (wide)
		office_utf16(&url, raw);
	else
		buf_add(&url, raw);
	while (url.n && !url.p[url.n - 1])
		url.n--;
	link_tell(s, o, buf_str(&url), at);
	buf_done(&url);
}

void moniker_read(struct scan *s, const struct object *o, struct str stream)
{
	static const struct str url = STR_INIT(
		"\xe0\xc9\xea\x79\xf9\xba\xce\x11\x8c\x82\x00\xaa\x00\x4b\xa9\x0b");
	static const struct str file = STR_INIT("\x03\x03\x00\x00\x00\x00\x00\x00"
						"\xc0\x00\x00\x00\x00\x00\x00\x46");
	static const struct str others[] = {
		/* script and SOAP monikers */
		STR_INIT("\xd3\x8b\x29\x06\xaa\x48\xd2\x11"
			 "\x84\x32\x00\x60\x08\xc3\xfb\xfc"),
		STR_INIT("\xd0\xaf\xab\xec\xcb\x7f\xd2\x11"
			 "\xb9\x64\x00\xc0\x4f\xd8\xd5\xb7"),
	};
	ptrdiff_t at = office_find(stream, 0, url);

	if (at >= 0)
		moniker_text(s, o, str_skip(stream, (size_t)at + url.n), (size_t)at,
			     true);
	at = office_find(stream, 0, file);
	/* MS-OSHARED 2.3.7.8: a count of levels before the length of the path. */
	if (at >= 0)
		moniker_text(s, o, str_skip(stream, (size_t)at + file.n + 2), (size_t)at,
			     false);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if ((at = office_find(stream, 0, others[i])) >= 0)
			scan_tell(s, o, INSPECT_OLE_LINK_REMOTE, (uint64_t)at,
				  STR("moniker of a script"));
}

static const struct class_row {
	unsigned char id[CFB_CLASS_BYTES];
	struct str name;
	enum inspect_finding_kind kind;
} classes[] = {
	{ "\x02\xce\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46",
	  STR_INIT("Equation.3"), INSPECT_OLE_CLASS },
	{ "\x03\xce\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46",
	  STR_INIT("Equation.2"), INSPECT_OLE_CLASS },
	{ "\x84\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46",
	  STR_INIT("msi"), INSPECT_EXECUTABLE },
	{ "\x86\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46",
	  STR_INIT("msp"), INSPECT_EXECUTABLE },
	{ "\x82\x10\x0c\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46",
	  STR_INIT("mst"), INSPECT_EXECUTABLE },
	{ "\x0c\x00\x03\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46",
	  STR_INIT("Package"), INSPECT_OLE_PACKAGE },
	{ "\x00\x03\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46",
	  STR_INIT("OLE2Link"), INSPECT_OLE_LINK },
	{ "\x20\x69\x33\x25\xf9\x03\xcf\x11\x8f\xd0\x00\xaa\x00\x68\x6f\x13",
	  STR_INIT("htmlfile"), INSPECT_OLE_CLASS },
	{ "\xc3\x2a\xb2\xea\xc1\x30\xcf\x11\xa7\xeb\x00\x00\xc0\x5b\xae\x0b",
	  STR_INIT("Shell.Explorer"), INSPECT_OLE_CLASS },
	{ "\x6e\xdb\x7c\xd2\x6d\xae\xcf\x11\x96\xb8\x44\x45\x53\x54\x00\x00",
	  STR_INIT("ShockwaveFlash"), INSPECT_ACTIVEX },
	{ "\x4b\xf0\xd1\xbd\x8b\x85\xd1\x11\xb1\x6a\x00\xc0\xf0\x28\x36\x28",
	  STR_INIT("MSComctlLib.ListViewCtrl"), INSPECT_OLE_CLASS },
	{ "\x96\x65\xfb\x1e\x7c\x85\xd1\x11\xb1\x6a\x00\xc0\xf0\x28\x36\x28",
	  STR_INIT("MSComctlLib.TabStrip"), INSPECT_OLE_CLASS },
	{ "\xab\x29\xdd\xc6\x50\x6e\x41\x4c\xab\x27\x10\xd4\x9c\x1b\xb6\x2c",
	  STR_INIT("otkloadr.WRLoader"), INSPECT_OLE_CLASS },
};

void class_look(struct scan *s, const struct object *o, const unsigned char *id)
{
	for (size_t i = 0; i < COUNT_OF(classes); i++)
		if (memcmp(id, classes[i].id, CFB_CLASS_BYTES) == 0)
			scan_tell(s, o, classes[i].kind, 0, classes[i].name);
}

void class_name_look(struct scan *s, const struct object *o, struct str name,
		     uint64_t offset)
{
	for (size_t i = 0; i < COUNT_OF(classes); i++)
		if (classes[i].kind != INSPECT_EXECUTABLE &&
		    str_starts_nocase(name, classes[i].name))
			scan_tell(s, o, classes[i].kind, offset, name);
	if (str_starts_nocase(name, STR("Equation")))
		scan_tell(s, o, INSPECT_OLE_CLASS, offset, name);
}

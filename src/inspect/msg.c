/* Outlook messages in compound files (MS-OXMSG): attachments, and links that act. */
#include "inspect/office.h"
#include "inspect/ole.h"

enum {
	TAG_ATTACHMENT = 0x37010102,
	TAG_HTML = 0x10130102,
	TAG_HTML_TEXT = 0x1013001f,
	TAG_HTML_NARROW = 0x1013001e,
	TAG_NAMED = 0x80000000, /* and above: of named properties */
	TYPE_MASK = 0xffff,
	TYPE_TEXT = 0x001f,
	TYPE_NARROW = 0x001e,
};

bool msg_is(const struct cfb *c)
{
	for (size_t i = 0; i < c->entry_count; i++)
		if (str_starts_nocase(cfb_name(&c->entries[i]),
				      STR("__properties_version1")) ||
		    str_starts_nocase(cfb_name(&c->entries[i]), STR("__substg1.0_")))
			return true;
	return false;
}

/* "__substg1.0_37010102": the property's tag in hex. */
static bool tag_of(struct str name, uint32_t *tag)
{
	const struct str start = STR("__substg1.0_");

	if (!str_starts_nocase(name, start) || name.n < start.n + 8)
		return false;
	*tag = 0;
	for (size_t i = 0; i < 8; i++) {
		int digit = ch_hex_value(name.p[start.n + i]);

		if (digit < 0)
			return false;
		*tag = *tag << 4 | (uint32_t)digit;
	}
	return true;
}

/* A text property beside the attachment, of either width. */
static bool text_of(struct cfb *c, uint32_t storage, const char *const names[2],
		    struct buf *ret)
{
	for (size_t i = 0; i < 2; i++) {
		const struct cfb_entry *e = cfb_find(c, storage, str_from(names[i]));
		struct buf raw = { 0 };

		if (!e)
			continue;
		/* A name only: what is longer than any name is read in its own turn. */
		if (e->size <= SCAN_NAME_MAX * 2)
			cfb_read(c, e, &raw);
		if (i == 0)
			office_utf16(ret, buf_str(&raw));
		else
			buf_add(ret, buf_str(&raw));
		buf_done(&raw);
		if (ret->n)
			return true;
	}
	return false;
}

/* The names are those of the storage, however many contents it claims to have. */
static void names_read(struct msg *m, uint32_t storage)
{
	static const char *const longs[] = { "__substg1.0_3707001F",
					     "__substg1.0_3707001E" };
	static const char *const shorts[] = { "__substg1.0_3704001F",
					      "__substg1.0_3704001E" };
	static const char *const shown[] = { "__substg1.0_3001001F",
					     "__substg1.0_3001001E" };

	if (m->storage == storage && storage)
		return;
	m->storage = storage;
	buf_clear(&m->name);
	buf_clear(&m->name2);
	text_of(m->cfb, storage, longs, &m->name);
	text_of(m->cfb, storage, m->name.n ? shown : shorts, &m->name2);
	if (!m->name.n)
		buf_add(&m->name, m->name2.n ? buf_str(&m->name2) : STR("attachment"));
	if (str_eq(buf_str(&m->name), buf_str(&m->name2)))
		buf_clear(&m->name2);
}

static void attachment_look(struct msg *m, const struct cfb_entry *e, struct str content)
{
	names_read(m, e->parent);
	scan_child(m->cfb->scan, m->cfb->o,
		   &(struct child){
			   .name = buf_str(&m->name),
			   .name2 = buf_str(&m->name2),
			   .content = content,
		   });
}

void msg_done(struct msg *m)
{
	buf_done(&m->name);
	buf_done(&m->name2);
}

/* CVE-2023-23397: a sound for a reminder that is fetched from another machine. */
static void unc_look(struct cfb *c, struct str content, bool wide)
{
	char bytes[SCAN_EXCERPT_MAX * 3];
	struct buf text = BUF_OVER(bytes);

	text.bytes_max = sizeof(bytes);
	content = str_sub(content, 0, SCAN_EXCERPT_MAX);
	if (wide)
		office_utf16(&text, content);
	else
		buf_add(&text, content);
	if (office_target(buf_str(&text)) == TARGET_UNC)
		scan_tell(c->scan, c->o, INSPECT_MSG_UNC, 0, buf_str(&text));
	buf_done(&text);
}

bool msg_stream(struct msg *m, const struct cfb_entry *e, struct str content)
{
	struct cfb *c = m->cfb;
	uint32_t tag;

	if (!tag_of(cfb_name(e), &tag))
		return str_starts_nocase(cfb_name(e), STR("__properties_version1"));
	if (tag == TAG_ATTACHMENT) {
		attachment_look(m, e, content);
	} else if (tag == TAG_HTML || tag == TAG_HTML_NARROW || tag == TAG_HTML_TEXT) {
		scan_child(
			c->scan, c->o,
			&(struct child){ .name = STR("body.html"), .content = content });
	} else if (tag >= TAG_NAMED &&
		   ((tag & TYPE_MASK) == TYPE_TEXT || (tag & TYPE_MASK) == TYPE_NARROW)) {
		unc_look(c, content, (tag & TYPE_MASK) == TYPE_TEXT);
	}
	return true;
}

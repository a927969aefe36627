/* "ActiveMime": a compound file, packed, as Office puts macros into MHT and flat XML. */
#include "inspect/office.h"
#include "inspect/ole.h"
#include "inspect/readers.h"

static bool is_activemime(const struct object *o)
{
	return str_starts(o->content, STR("ActiveMime"));
}

static void read_activemime(struct scan *s, const struct object *o)
{
	/* Where the packed bytes begin: the header says it, or the usual places. */
	const size_t places[] = { le16_at(o->content, 0x2e) + (size_t)0x2e, 0x32, 0x22a };
	struct buf plain = { 0 };
	bool whole = false;

	for (size_t i = 0; i < COUNT_OF(places) && !plain.n; i++)
		whole = office_inflate(s, o, str_skip(o->content, places[i]), &plain);
	if (!whole)
		scan_tell(s, o, INSPECT_OLE_BROKEN, 0, STR_NONE);
	if (plain.n)
		scan_child(s, o,
			   &(struct child){ .name = STR("ole"),
					    .content = buf_str(&plain),
					    .truncated = !whole });
	buf_done(&plain);
}

const struct reader reader_activemime = { "activemime", is_activemime, read_activemime };

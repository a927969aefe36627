#include "mime/tnef.h"

enum state { SIGNATURE, HEAD, NAME, DATA, OTHER, SUM, BROKEN };

enum {
	TAG_ATTACH_DATA = 0x6800F,  /* attAttachData */
	TAG_ATTACH_TITLE = 0x18010, /* attAttachTitle */
	TAG_ATTACH_REND = 0x69002,  /* attAttachRenddata: a new attachment */
	TAG_ATTACH_PROPS = 0x69005, /* attAttachment: MAPI properties */
	SIGNATURE_BYTES = 6,        /* and a key */
	HEAD_BYTES = 9,
	SUM_BYTES = 2,
};

bool mime_tnef_magic(struct str start)
{
	return start.n >= 4 && memcmp(start.p, "\x78\x9F\x3E\x22", 4) == 0;
}

static void broken(struct mime_tnef *t)
{
	if (!t->told)
		t->out->broken(t->ctx);
	t->told = true;
	t->state = BROKEN;
}

static void close_attachment(struct mime_tnef *t)
{
	if (t->open)
		t->out->end(t->ctx);
	t->open = false;
}

static void open_attachment(struct mime_tnef *t)
{
	if (!t->open)
		t->out->begin(t->ctx, STR_NONE);
	t->open = true;
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static void attribute(struct mime_tnef *t)
{
	if (t->head[0] != 1 && t->head[0] != 2) {
		broken(t);
		return;
	}
	t->tag = le32(t->head + 1);
	t->left = le32(t->head + 5);
	t->name_n = 0;
	t->state = OTHER;
	if (t->tag == TAG_ATTACH_REND)
		close_attachment(t);
	if (t->tag == TAG_ATTACH_TITLE)
		t->state = NAME;
	if (t->tag == TAG_ATTACH_DATA || t->tag == TAG_ATTACH_PROPS) {
		open_attachment(t);
		t->state = DATA;
	}
}

static void attribute_end(struct mime_tnef *t)
{
	if (t->state == NAME) {
		open_attachment(t);
		while (t->name_n && !t->name[t->name_n - 1])
			t->name_n--;
		t->out->name(t->ctx, str_of(t->name, t->name_n));
	}
	t->state = SUM;
	t->n = 0;
}

static void data(struct mime_tnef *t, struct str *in)
{
	struct str part = str_sub(*in, 0, t->left);

	if (t->state == NAME) {
		for (size_t i = 0; i < part.n && t->name_n < TNEF_NAME_MAX; i++)
			t->name[t->name_n++] = part.p[i];
	} else if (t->state == DATA && part.n) {
		t->out->bytes(t->ctx, part);
	}
	t->left -= (uint32_t)part.n;
	*in = str_skip(*in, part.n);
	if (t->left == 0)
		attribute_end(t);
}

static void fixed(struct mime_tnef *t, char c, uint8_t bytes)
{
	t->head[t->n++] = (uint8_t)c;
	if (t->n < bytes)
		return;
	t->n = 0;
	if (t->state == SIGNATURE && !mime_tnef_magic(str_of(t->head, SIGNATURE_BYTES)))
		broken(t);
	else if (t->state == HEAD)
		attribute(t);
	else
		t->state = HEAD;
	if ((t->state == NAME || t->state == DATA || t->state == OTHER) && t->left == 0)
		attribute_end(t);
}

void mime_tnef_feed(struct mime_tnef *t, struct str in)
{
	while (in.n && t->state != BROKEN) {
		uint8_t bytes = t->state == SIGNATURE ? SIGNATURE_BYTES
				: t->state == HEAD    ? HEAD_BYTES
						      : SUM_BYTES;

		if (t->state == NAME || t->state == DATA || t->state == OTHER) {
			data(t, &in);
			continue;
		}
		fixed(t, in.p[0], bytes);
		in = str_skip(in, 1);
	}
}

void mime_tnef_finish(struct mime_tnef *t)
{
	if (t->state != HEAD || t->n)
		broken(t);
	close_attachment(t);
}

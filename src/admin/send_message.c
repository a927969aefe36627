#include "admin/send_message.h"

#include "base/rand.h"
#include "base/time.h"
#include "base/utf8.h"
#include "mime/header.h"

/* Each LF that no CR stands before gets one. */
static void crlf_add(struct buf *out, struct str bytes)
{
	while (bytes.n) {
		ptrdiff_t at = str_find(bytes, '\n');
		struct str line = at < 0 ? bytes : str_sub(bytes, 0, (size_t)at);

		buf_add(out, line);
		if (at < 0)
			return;
		if (!out->n || out->p[out->n - 1] != '\r')
			buf_add_c(out, '\r');
		buf_add_c(out, '\n');
		bytes = str_skip(bytes, (size_t)at + 1);
	}
}

int send_message_read(FILE *in, struct buf *ret)
{
	char block[2048];
	size_t n;

	ret->bytes_max = SEND_BYTES_MAX;
	while ((n = fread(block, 1, sizeof(block), in)) > 0 && !ret->err)
		crlf_add(ret, str_of(block, n));
	if (ret->n && ret->p[ret->n - 1] != '\n')
		crlf_add(ret, STR("\n"));
	if (ferror(in))
		return -EIO;
	return ret->err == -EMSGSIZE ? -EFBIG : ret->err;
}

void send_message_complete(struct str from, struct str hostname, int64_t now_us,
			   struct buf *message)
{
	struct mime_header_watch watch = { 0 };
	struct buf head = { 0 };
	struct buf body = *message;
	char date[TIME_TEXT_MAX];

	mime_header_feed(&watch, buf_str(message));
	if (!watch.has_from)
		buf_printf(&head, "From: <%.*s>\r\n", STR_ARG(from));
	if (!watch.has_date)
		buf_printf(&head, "Date: %s\r\n", time_mail(now_us, date).p);
	if (!watch.has_message_id)
		buf_printf(&head, "Message-ID: <%016llx@%.*s>\r\n",
			   (unsigned long long)rand_u64(), STR_ARG(hostname));
	if (!watch.ended && !watch.fields) /* a text without any header */
		buf_add(&head, STR("\r\n"));
	buf_add(&head, buf_str(&body));
	head.err = head.err ? head.err : body.err;
	buf_done(&body);
	*message = head;
}

bool send_message_8bit(struct str message)
{
	return !utf8_ascii(message);
}

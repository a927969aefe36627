#include "load_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { LINE_BYTES = 78 };

static int text(struct str *ret, const char *before, const char *word, const char *after)
{
	size_t n = strlen(before) + strlen(word) + strlen(after);
	char *p = mem_alloc(n + 1);

	if (!p)
		return -ENOMEM;
	(void)snprintf(p, n + 1, "%s%s%s", before, word, after);
	*ret = str_of(p, n);
	return 0;
}

static int join(struct str *ret, struct str a, struct str b)
{
	char *p = mem_alloc(a.n + b.n + 1);

	if (!p)
		return -ENOMEM;
	memcpy(p, a.p, a.n);
	memcpy(p + a.n, b.p, b.n);
	*ret = str_of(p, a.n + b.n);
	return 0;
}

/* Header, lines of equal length, dot. */
static int make_body(struct str *ret, struct str head, size_t bytes)
{
	size_t n = bytes > head.n + LINE_BYTES ? bytes : head.n + LINE_BYTES;
	char *p = mem_alloc(n + 3);

	if (!p)
		return -ENOMEM;
	memcpy(p, head.p, head.n);
	memset(p + head.n, 'x', n - head.n);
	for (size_t at = head.n + LINE_BYTES; at < n - 3; at += LINE_BYTES)
		memcpy(p + at - 2, "\r\n", 2);
	memcpy(p + n - 2, "\r\n.\r\n", 5);
	*ret = str_of(p, n + 3);
	return 0;
}

int load_texts_make(struct load_texts *ret, const char *sender, const char *recipient,
		    size_t bytes)
{
	struct load_texts t = { .data = STR("DATA\r\n"), .quit = STR("QUIT\r\n") };

	if (text(&t.mail, "MAIL FROM:<", sender, ">\r\n") < 0 ||
	    text(&t.rcpt, "RCPT TO:<", recipient, ">\r\n") < 0 ||
	    text(&t.head, "From: <", sender,
		 ">\r\nSubject: a load of mail\r\nMIME-Version: 1.0\r\n"
		 "Content-Type: text/plain\r\n\r\n") < 0 ||
	    join(&t.mail_rcpt, t.mail, t.rcpt) < 0 ||
	    join(&t.group, t.mail_rcpt, t.data) < 0 ||
	    make_body(&t.body, t.head, bytes) < 0 ||
	    join(&t.body_group, t.body, t.group) < 0 ||
	    join(&t.body_quit, t.body, t.quit) < 0)
		return -ENOMEM;
	*ret = t;
	return 0;
}

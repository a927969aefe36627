/* Honest mail of all common shapes raises no finding of suspicion. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "mime/tree.h"

#define HEAD \
	"Received: from a by b; Tue, 24 Nov 2026 05:06:07 +0000\nFrom: A B " \
	"<a@example.org>\n" \
	"To: b@example.org\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nMIME-Version: 1.0\n"
#define LINE \
	"VGhpcyBpcyBhbiBhdHRhY2htZW50IHRoYXQgaGFzIG1vcmUgdGhhbiBvbmUgbGluZSBvZiBiYXNl\n"

static const char *const mails[] = {
	"From: a@b\nSubject: x\n\nhello\n",
	"DKIM-Signature: v=1; h=From:To:\n Content-Type:Content-Transfer-Encoding:\n"
	" Content-Type: x; b=abc\nFrom: a@b\nContent-Type: text/plain\n\nhello\n",
	"From a@b Tue Nov 24 05:06:07 2026\nFrom: a@b\n\nhello\n",
	HEAD
	"Content-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: 8bit\n\n"
	"Gr\xc3\xbc\xc3\x9f"
	"e\n-- \nA B\n-----\n--foo\n",
	HEAD "Content-Type: text/plain; charset=us-ascii (plain text)\n\nhello\n",
	HEAD "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: "
	     "quoted-printable\n\n<a href=3D\"x\">=20\nfoo=\nbar</a>=FC\n",
	HEAD "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n"
	     "Content-Transfer-Encoding: base64\n\n" LINE LINE "bGluZQ==\n",
	HEAD "Content-Type: multipart/mixed;\n "
	     "boundary=\"----=_NextPart_000_0012_01D2.ABC\"\n\n"
	     "This is a multi-part message in MIME format.\n\n"
	     "------=_NextPart_000_0012_01D2.ABC\n"
	     "Content-Type: multipart/alternative;\n\tboundary=\"----=_NextPart_001\"\n\n"
	     "------=_NextPart_001\nContent-Type: text/plain\n\nhello\n\n"
	     "------=_NextPart_001\nContent-Type: text/html\n"
	     "Content-Transfer-Encoding: quoted-printable\n\n<p>hello=\n</p>\n\n"
	     "------=_NextPart_001--\n\n------=_NextPart_000_0012_01D2.ABC\n"
	     "Content-Type: application/pdf;\n\tname=\"a b.pdf\"\n"
	     "Content-Transfer-Encoding: base64\nContent-Disposition: attachment;\n"
	     "\tfilename=\"a b.pdf\"\n\n" LINE LINE "eA==\n\n"
	     "------=_NextPart_000_0012_01D2.ABC--\n\n",
	HEAD "Content-Type: multipart/signed; micalg=\"pgp-sha512\";\n"
	     "\tprotocol=\"application/pgp-signature\"; "
	     "boundary=\"nextPart4\"\n\n--nextPart4\n"
	     "Content-Type: text/plain; charset=\"us-ascii\"\n\nhello\n--nextPart4\n"
	     "Content-Type: application/pgp-signature; name=\"signature.asc\"\n"
	     "Content-Description: This is a digitally signed message part.\n\n"
	     "-----BEGIN PGP "
	     "SIGNATURE-----\n\niQIzBAABCgAdFiEEabcdefghijklmnopqrstuvwxyz012345"
	     "6789FAmVkAAAACgkQ\n=abcd\n-----END PGP SIGNATURE-----\n\n--nextPart4--\n",
	HEAD
	"Content-Type: multipart/related; type=\"text/html\"; boundary=xyz\n\n--xyz\n"
	"Content-Type: text/html\n\n<img src=cid:1>\n--xyz\nContent-Type: image/png\n"
	"Content-ID: <1>\nContent-Transfer-Encoding: BASE64\n"
	"Content-Disposition: inline; filename*=utf-8''gr%C3%BC.png\n\n" LINE
	"\n--xyz--\n",
	HEAD
	"Content-Type: multipart/mixed; boundary=Apple-Mail-1--12345\n\n"
	"--Apple-Mail-1--12345\nContent-Type: text/plain;\n\tcharset=us-ascii\n\nx\n"
	"--Apple-Mail-1--12345\nContent-Disposition: attachment;\n"
	"\tfilename*0*=utf-8''very%20long%20name%20of%20a;\n\tfilename*1*=%20file.pdf\n"
	"Content-Type: "
	"application/pdf;\n\tname=\"=?utf-8?Q?very_long_name_of_a_file.pdf?=\"\n"
	"Content-Transfer-Encoding: base64\n\n" LINE LINE "\n--Apple-Mail-1--12345--\n",
	HEAD
	"Content-Type: multipart/report; report-type=delivery-status; "
	"boundary=\"r/1\"\n\n"
	"--r/1\n\nCould not be delivered.\n\n--r/1\nContent-Type: "
	"message/delivery-status\n\n"
	"Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; b\nAction: failed\n\n--r/1\n"
	"Content-Type: message/rfc822\n\nReceived: x\nFrom: a@b\nSubject: y\n"
	"Content-Type: multipart/alternative; boundary=inner\n\n--inner\n\nx\n--inner--\n"
	"\n--r/1--\n",
	HEAD "Content-Type: message/rfc822\nContent-Disposition: attachment\n\nFrom: "
	     "x@y\n\nhi\n",
	HEAD "Content-Type: multipart/digest; boundary=d\n\n--d\n\nFrom: x\n\nhi\n--d\n\n"
	     "From: y\n\nhi\n--d--\n",
	HEAD "Content-Type: multipart/alternative; boundary=\"b1_abc\"\n"
	     "Content-Transfer-Encoding: 8bit\n\n--b1_abc\nContent-Type: text/plain; "
	     "charset=utf-8\n"
	     "\nx\n\n--b1_abc\nContent-Type: text/html; "
	     "charset=utf-8\n\n<p>x</p>\n\n--b1_abc--\n",
	HEAD
	"Content-Type: text/calendar; method=REQUEST; charset=UTF-8; component=VEVENT\n"
	"Content-Transfer-Encoding: base64\n\n" LINE "\n",
	HEAD
	"Content-type: text/plain; charset=utf-8;\n\nFwd:\n> Content-Type: text/plain\n",
	HEAD "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
	     "base64\n\n" LINE
	     "QQ==\n_______________________________\nlist mailing list\n",
	HEAD
	"Content-Type: application/pgp-encrypted\nContent-Type-Not: x\n\nVersion: 1\n",
	HEAD "\n-----BEGIN CERTIFICATE-----\n" LINE LINE "-----END CERTIFICATE-----\n",
	HEAD "Content-Type: text/plain; name=\"=?iso-8859-1?Q?=FCber.txt?=\"\n"
	     "Content-Disposition: attachment; "
	     "filename=\"=?iso-8859-1?Q?=FCber.txt?=\"\n\nx\n",
};

static bool plain(const struct tree *t, const char *what)
{
	unsigned n = tree_findings(t, MIME_ODD) + tree_findings(t, MIME_LIMIT);

	for (size_t i = 0; n && i < MIME_FINDING_COUNT; i++)
		if (t->graded[MIME_ODD][i] || t->graded[MIME_LIMIT][i])
			print_message(
				"%s: %.*s\n", what,
				STR_ARG(mime_finding_id((enum mime_finding_kind)i)));
	return n == 0;
}

static void test_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(mails); i++)
		for (unsigned crlf = 0; crlf < 2; crlf++) {
			CLEANUP(buf_done) struct buf mail = { 0 };
			struct tree *t = tree_new();

			for (const char *c = mails[i]; *c; c++) {
				if (crlf && *c == '\n')
					buf_add_c(&mail, '\r');
				buf_add_c(&mail, *c);
			}
			assert_true(tree_read(t, buf_str(&mail), 0));
			assert_true(plain(t, mails[i]));
			tree_free(t);
		}
}

static bool read_at(int dir, const char *name, struct buf *ret)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add_bytes(ret, chunk, (size_t)n);
	close(fd);
	return n == 0;
}

/* Reports of real programs; a few of them are broken, or use UTF-7. */
static void published_reports(void **state)
{
	const char *folder = getenv("POSTERN_VECTORS");
	char path[4096];
	unsigned count = 0, odd = 0;
	struct dirent *entry;
	DIR *d;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/dsn/sisimai", folder ? folder : "");
	d = folder ? opendir(path) : NULL;
	if (!d) {
		print_message("POSTERN_VECTORS has no dsn/sisimai: skipped\n");
		skip();
	}
	while ((entry = readdir(d))) {
		CLEANUP(buf_done) struct buf mail = { 0 };
		struct tree *t;

		if (!str_ends_nocase(str_from(entry->d_name), STR(".eml")) ||
		    !read_at(dirfd(d), entry->d_name, &mail))
			continue;
		t = tree_new();
		t->count_only = true;
		assert_true(tree_read(t, buf_str(&mail), 0));
		count++;
		odd += !t->found[MIME_CHARSET_ODD] && !plain(t, entry->d_name);
		tree_free(t);
	}
	closedir(d);
	print_message("%u of %u odd\n", odd, count);
	assert_true(odd * 20 <= count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(published_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

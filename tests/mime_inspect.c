/*
 * mime_inspect FILE… – what the parser sees in messages: parts, names, views, findings.
 * mime_inspect -q PAYLOAD FILE… – one line for each: is the payload in a view, is it
 * alone there, which findings. With "" as PAYLOAD bytes are counted, not kept. Exit 0.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "mime/tree.h"

static bool read_file(const char *path, struct buf *ret)
{
	char chunk[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add_bytes(ret, chunk, (size_t)n);
	close(fd);
	return !ret->err && n == 0;
}

static void show(const struct tree *t)
{
	static const char *const decoders[MIME_DECODER_COUNT] = { "identity", "base64",
								  "qp",       "uuencode",
								  "yenc",     "binhex",
								  "tnef",     "charset" };

	printf("%.*s", STR_ARG(buf_str(&t->text)));
	for (size_t i = 0; i < t->view_count; i++) {
		const struct tree_view *v = &t->views[i];

		printf("view %u of %u %s %s %zu bytes %016llx", v->id, v->part,
		       decoders[v->decoder], v->rule, v->bytes.n,
		       (unsigned long long)hash_str(buf_str(&v->bytes)));
		printf(v->same_as ? " same as %u\n" : "\n", v->same_as);
	}
}

static void show_findings(const struct tree *t, const char *separator)
{
	static const char *const grades[] = { "note", "odd", "limit" };

	for (size_t i = 0; i < MIME_FINDING_COUNT; i++) {
		enum mime_finding_kind kind = (enum mime_finding_kind)i;

		for (size_t g = 0; g <= MIME_LIMIT; g++)
			if (t->graded[g][i])
				printf("%s:%.*s%s", grades[g],
				       STR_ARG(mime_finding_id(kind)), separator);
	}
}

int main(int argc, char **argv)
{
	bool brief = argc > 2 && strcmp(argv[1], "-q") == 0;

	for (int i = brief ? 3 : 1; i < argc; i++) {
		CLEANUP(buf_done) struct buf message = { 0 };
		struct tree *t = tree_new();

		if (t)
			t->count_only = brief && !argv[2][0];
		if (!t || !read_file(argv[i], &message) ||
		    !tree_read(t, buf_str(&message), 0)) {
			(void)fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 1;
		}
		if (brief) {
			struct str payload = str_from(argv[2]);

			printf("%s %llu bytes %zu parts %s%s ", argv[i],
			       (unsigned long long)t->bytes, t->part_count,
			       tree_has(t, payload, false) ? "found" : "-",
			       tree_has(t, payload, true) ? " alone" : "");
			show_findings(t, " ");
			printf("\n");
		} else {
			printf("%s\n", argv[i]);
			show(t);
			show_findings(t, "\n");
		}
		tree_free(t);
	}
	return 0;
}

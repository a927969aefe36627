/*
 * mime/parse.h: all cuts tell the same parts, views and findings; no more is given out
 * than the budget of work allows.
 */
#include "fuzz.h"
#include "mime/tree.h"

enum { WORK_BASE = 40 * 1024 * 1024, WORK_PER_BYTE = 100 };

/*
 * Views may come in another order when two readings of the same bytes run: a sum. If
 * there are more than the tree keeps, which of them it keeps hangs on that order.
 */
static uint64_t summary(const struct tree *t)
{
	size_t views = t->view_count < TREE_VIEWS_MAX ? t->view_count : 0;
	uint64_t sum = t->part_count * 3 + t->view_count;

	for (size_t i = 0; i < views; i++)
		sum += hash_str(buf_str(&t->views[i].bytes)) *
			       (t->views[i].decoder + 1u) +
		       hash_str(str_from(t->views[i].rule));
	for (size_t i = 0; i < MIME_FINDING_COUNT; i++)
		sum += t->found[i] ? hash_u64(i) : 0;
	return sum;
}

static struct tree *read_cut(struct str in, uint32_t seed)
{
	struct tree *t = tree_new();
	struct mime_parser *p = t ? mime_parser_new(&tree_visitor, t) : NULL;

	assert(p);
	while (in.n) {
		struct str window = str_sub(in, 0, seed ? fuzz_cut(&seed) : in.n);

		mime_parser_feed(p, window);
		in = str_skip(in, window.n);
	}
	mime_parser_finish(p);
	mime_parser_free(p);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_of(data, size);
	struct tree *t = read_cut(in, 0);
	uint64_t want = summary(t);

	assert(t->bytes <= WORK_BASE + size * WORK_PER_BYTE);
	for (size_t i = 0; i < t->view_count; i++)
		assert(t->views[i].ended);
	tree_free(t);
	for (uint32_t seed = 1; seed < 3; seed++) {
		t = read_cut(in, seed);
		assert(summary(t) == want);
		tree_free(t);
	}
	return 0;
}

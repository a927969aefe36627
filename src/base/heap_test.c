#include "base/heap.h"
#include "base/rand.h"
#include "base/test.h"

enum { NODES = 200 };

static int64_t least(const struct heap_node *node)
{
	int64_t min = INT64_MAX;

	for (size_t i = 0; i < NODES; i++)
		if (node[i].linked && node[i].key < min)
			min = node[i].key;
	return min;
}

/* Random inserts and removals; the least key is compared with a plain search each time.
 */
static void test_against_a_search(void **state)
{
	struct heap_node node[NODES] = { 0 };
	struct heap heap = { 0 };
	size_t n = 0;

	(void)state;
	rand_seed(42);
	for (int i = 0; i < 40000; i++) {
		struct heap_node *it = &node[rand_below(NODES)];

		if (rand_below(16) == 0 && heap_min(&heap))
			it = heap_min(&heap);
		if (it->linked) {
			heap_remove(&heap, it);
			n--;
		} else {
			heap_insert(&heap, it, (int64_t)rand_below(50) - 25);
			n++;
		}
		assert_int_equal(heap.n, n);
		if (n)
			assert_int_equal(heap_min(&heap)->key, least(node));
		else
			assert_null(heap_min(&heap));
	}
	rand_seed(0);
}

static void test_sorted(void **state)
{
	static struct heap_node node[10000];
	struct heap heap = { 0 };
	int64_t before = INT64_MIN;

	(void)state;
	rand_seed(7);
	for (size_t i = 0; i < COUNT_OF(node); i++)
		heap_insert(&heap, &node[i], (int64_t)rand_u64());
	while (heap_min(&heap)) {
		struct heap_node *min = heap_min(&heap);

		assert_true(min->key >= before);
		before = min->key;
		heap_remove(&heap, min);
		assert_false(min->linked);
	}
	assert_int_equal(heap.n, 0);
	rand_seed(0);
}

static void test_remove_unlinked(void **state)
{
	struct heap heap = { 0 };
	struct heap_node node = { 0 };

	(void)state;
	heap_remove(&heap, &node);
	assert_int_equal(heap.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_search),
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_remove_unlinked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

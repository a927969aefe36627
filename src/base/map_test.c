#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"

struct item {
	struct map_node node;
	uint64_t key;
	bool in, seen;
};

enum { ITEMS = 500, HASHES = 60 }; /* collisions on purpose */

static struct item *find(const struct map *m, uint64_t key)
{
	struct map_node *at = map_first(m, key % HASHES);

	for (; at; at = map_next(at)) {
		struct item *it = CONTAINER_OF(at, struct item, node);

		if (it->key == key)
			return it;
	}
	return NULL;
}

static void check(const struct map *m, struct item *items, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < ITEMS; i++)
		items[i].seen = false;
	for (struct map_node *at = map_each(m, NULL); at; at = map_each(m, at)) {
		struct item *it = CONTAINER_OF(at, struct item, node);

		assert_true(it->in && !it->seen);
		it->seen = true;
		count++;
	}
	assert_int_equal(count, n);
	assert_int_equal(m->n, n);
	for (size_t i = 0; i < ITEMS; i++)
		assert_ptr_equal(find(m, i), items[i].in ? &items[i] : NULL);
}

static void churn(struct map *m, int rounds)
{
	static struct item items[ITEMS];
	size_t n = 0;

	memset(items, 0, sizeof(items));
	for (int i = 0; i < rounds; i++) {
		struct item *it = &items[rand_below(ITEMS)];

		it->key = (uint64_t)(it - items);
		if (it->in)
			map_remove(m, &it->node);
		else
			map_insert(m, &it->node, it->key % HASHES);
		it->in = !it->in;
		n += it->in ? 1 : (size_t)-1;
		if (i % 97 == 0)
			check(m, items, n);
	}
	check(m, items, n);
	map_done(m);
}

static void test_random(void **state)
{
	struct map m = { 0 };

	(void)state;
	rand_seed(3);
	churn(&m, 5000);
	rand_seed(0);
}

/* Without memory the chains get longer, nothing is lost. */
static void test_without_memory(void **state)
{
	struct map m = { 0 };

	(void)state;
	rand_seed(4);
	mem_fail_on(0, 1000000);
	churn(&m, 2000);
	assert_true(mem_fail_off() > 0);
	mem_fail_on(2, 1000000);
	churn(&m, 2000);
	assert_true(mem_fail_off() > 0);
	rand_seed(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

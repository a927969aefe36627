#include "base/list.h"
#include "base/test.h"

struct item {
	struct list link;
	int v;
};

static int sum(struct list *head)
{
	int all = 0;

	LIST_EACH(it, head)
		all = all * 10 + LIST_ITEM(it, struct item, link)->v;
	return all;
}

static void test_order(void **state)
{
	struct item a = { .v = 1 }, b = { .v = 2 }, c = { .v = 3 };
	struct list head, other;

	(void)state;
	list_init(&head);
	list_init(&other);
	assert_true(list_empty(&head));
	assert_null(list_pop_front(&head));
	list_push_back(&head, &b.link);
	list_push_back(&head, &c.link);
	list_push_front(&head, &a.link);
	assert_int_equal(sum(&head), 123);
	assert_true(list_linked(&b.link));
	list_remove(&b.link);
	list_remove(&b.link);
	assert_false(list_linked(&b.link));
	assert_int_equal(sum(&head), 13);
	list_insert_before(&c.link, &b.link);
	assert_int_equal(sum(&head), 123);
	list_splice(&other, &head);
	assert_true(list_empty(&head));
	assert_int_equal(sum(&other), 123);
	list_splice(&other, &head);
	assert_ptr_equal(list_pop_front(&other), &a.link);
	assert_false(list_linked(&a.link));
	assert_int_equal(sum(&other), 23);
}

static void test_remove_while_walking(void **state)
{
	struct item items[5];
	struct list head;

	(void)state;
	list_init(&head);
	for (int i = 0; i < 5; i++) {
		items[i] = (struct item){ .v = i };
		list_push_back(&head, &items[i].link);
	}
	LIST_EACH(it, &head)
		if (LIST_ITEM(it, struct item, link)->v % 2 == 0)
			list_remove(it);
	assert_int_equal(sum(&head), 13);
}

static void test_a_zeroed_head_is_empty(void **state)
{
	struct list head = { 0 };

	(void)state;
	assert_true(list_empty(&head));
	assert_null(list_pop_front(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_remove_while_walking),
		cmocka_unit_test(test_a_zeroed_head_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

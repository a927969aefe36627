#include "app/local_ask.h"

#include <unistd.h>

struct request {
	struct post post; /* there and back */
	struct list node;
	struct local_ask *ask;
	struct loop *from;
	struct waiter answered;
	struct wire wire;
	int result;
};

void local_ask_init(struct local_ask *a, struct loop *home, int master_sock)
{
	*a = (struct local_ask){ .home = home, .master_sock = master_sock };
	list_init(&a->open);
}

static void back_home(struct post *p)
{
	co_wake(&CONTAINER_OF(p, struct request, post)->answered);
}

static void finish(struct request *r, int result)
{
	list_remove(&r->node);
	r->result = result;
	r->post.fn = back_home;
	loop_post(r->from, &r->post);
}

static void pass_on(struct post *p)
{
	struct request *r = CONTAINER_OF(p, struct request, post);
	struct local_ask *a = r->ask;
	int e;

	r->wire.key = ++a->next_key;
	list_push_back(&a->open, &r->node);
	e = a->closed ? -ECONNRESET : wire_send(a->master_sock, &r->wire, -1);
	if (e < 0)
		finish(r, e);
}

CO int local_ask(void *local_ask, struct str owner)
{
	struct local_ask *a = local_ask;
	struct request r = { .ask = a,
			     .from = loop_self(),
			     .wire = { .kind = WIRE_LOCAL } };
	int e = str_to_cstr(owner, r.wire.text, sizeof(r.wire.text));

	if (e < 0)
		return e;
	r.post.fn = pass_on;
	loop_post(a->home, &r.post);
	co_wait_shielded(&r.answered, "local process");
	return r.result;
}

void local_ask_answer(struct local_ask *a, uint64_t key, int fd)
{
	LIST_EACH(n, &a->open) {
		struct request *r = LIST_ITEM(n, struct request, node);

		if (r->wire.key == key) {
			finish(r, fd >= 0 ? fd : -EPERM);
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

void local_ask_close(struct local_ask *a)
{
	a->closed = true;
	LIST_EACH(n, &a->open) {
		finish(LIST_ITEM(n, struct request, node), -ECONNRESET);
	}
}

#include "app/local_ask.h"

#include <unistd.h>

#define LOCAL_ASK_WAIT_US (30 * USEC_PER_SEC)

/* Lives on the asker's stack until both posts are back. */
struct request {
	struct post post;     /* there and back */
	struct post withdraw; /* likewise, when it took too long */
	struct list node;
	struct local_ask *ask;
	struct loop *from;
	struct waiter news;
	struct wire wire;
	int result;
	bool open;                /* in ask->open; touched on loop 0 only */
	bool answered, withdrawn; /* touched on the asker's loop only */
};

void local_ask_init(struct local_ask *a, struct loop *home, int master_sock)
{
	*a = (struct local_ask){ .home = home, .master_sock = master_sock };
	list_init(&a->open);
}

static void back_home(struct post *p)
{
	struct request *r = CONTAINER_OF(p, struct request, post);

	r->answered = true;
	co_wake(&r->news);
}

static void withdraw_back(struct post *p)
{
	struct request *r = CONTAINER_OF(p, struct request, withdraw);

	r->withdrawn = true;
	co_wake(&r->news);
}

static void finish(struct request *r, int result)
{
	list_remove(&r->node);
	r->open = false;
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
	r->open = true;
	list_push_back(&a->open, &r->node);
	e = a->closed ? -ECONNRESET : wire_send(a->master_sock, &r->wire, -1);
	if (e < 0)
		finish(r, e);
}

static void withdraw(struct post *p)
{
	struct request *r = CONTAINER_OF(p, struct request, withdraw);

	if (r->open)
		finish(r, -ETIMEDOUT);
	r->withdraw.fn = withdraw_back;
	loop_post(r->from, &r->withdraw);
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
	if (co_wait(&r.news, loop_now_us() + LOCAL_ASK_WAIT_US, "local process") == 0)
		return r.result;
	r.withdraw.fn = withdraw;
	loop_post(a->home, &r.withdraw);
	while (!r.answered || !r.withdrawn)
		co_wait_shielded(&r.news, "local process");
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

/*
 * One loop of the worker with what runs on it, and the orders that it takes. Orders come
 * from loop 0 by loop_post and are carried out one after the other by the loop's own
 * coroutine, so nothing here is shared between threads but the order itself.
 */
#ifndef APP_CREW_H
#define APP_CREW_H

#include <pthread.h>
#include <stdatomic.h>

#include "app/config.h"
#include "deliver/local.h"
#include "queue/queue.h"
#include "record/record.h"
#include "server/server.h"

enum order_kind { ORDER_LISTEN, ORDER_UNLISTEN, ORDER_CONFIGURE, ORDER_STOP };

struct crew;

struct order {
	struct post post; /* on its way to the loop */
	struct list node; /* in the loop's list */
	struct crew *crew;
	enum order_kind kind;
	int fd; /* LISTEN: taken over */
	uint64_t key;
	char service[64];
	struct app_config *config;     /* CONFIGURE: a reference */
	void (*done)(struct order *o); /* on the crew's thread, when carried out */
	void *ctx;
	int result; /* 0 or -errno */
};

struct crew {
	unsigned shard;
	struct loop *loop;
	pthread_t thread;
	struct app_config *config;
	struct pool *pool;
	struct spool *spool;
	struct record *record;
	struct peers *peers;
	struct inspection *inspection;
	const struct deliver_local *local;
	const atomic_bool *hurry; /* drain for seconds, not as configured */
	struct server *server;
	struct queue *queue;
	struct deliver *deliver;
	struct group group; /* the queue */
	struct list orders;
	struct waiter orders_came;
};

/* The first coroutine of the loop: builds, serves, takes orders until ORDER_STOP, ends.
 */
CO void crew_run(void *crew);

/* From any thread; the order belongs to the crew until done() is called. */
void crew_order(struct crew *c, struct order *o);

#endif

#include "policy/peers.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

struct peer {
	struct map_node node;
	struct addr net; /* the /64 of an IPv6 address: one client, many addresses */
	uint64_t connections;
};

struct peers {
	pthread_mutex_t lock;
	struct map by_address;
	uint64_t total;
};

struct peers *peers_new(void)
{
	struct peers *p = mem_alloc(sizeof(*p));

	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void peers_free(struct peers *p)
{
	if (!p)
		return;
	assert(p->total == 0);
	map_done(&p->by_address);
	pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

static struct addr network(const struct addr *a)
{
	struct addr net = *a;

	if (net.ss.ss_family == AF_INET6)
		memset((char *)&net.ss + offsetof(struct sockaddr_in6, sin6_addr) + 8, 0,
		       8);
	return net;
}

static struct peer *find(struct peers *p, const struct addr *net)
{
	struct map_node *n = map_first(&p->by_address, addr_ip_hash(net));

	for (; n; n = map_next(n)) {
		struct peer *peer = CONTAINER_OF(n, struct peer, node);

		if (addr_same_ip(&peer->net, net))
			return peer;
	}
	return NULL;
}

static int enter(struct peers *p, const struct addr *net, struct peers_limits limits)
{
	struct peer *peer = find(p, net);

	if (limits.total_max && p->total >= limits.total_max)
		return -EAGAIN;
	if (peer && limits.per_address_max && peer->connections >= limits.per_address_max)
		return -EUSERS;
	if (!peer) {
		peer = mem_alloc(sizeof(*peer));
		if (!peer)
			return -ENOMEM;
		peer->net = *net;
		map_insert(&p->by_address, &peer->node, addr_ip_hash(net));
	}
	peer->connections++;
	p->total++;
	return 0;
}

int peers_enter(struct peers *p, const struct addr *a, struct peers_limits limits)
{
	struct addr net = network(a);
	int e;

	pthread_mutex_lock(&p->lock);
	e = enter(p, &net, limits);
	pthread_mutex_unlock(&p->lock);
	return e;
}

void peers_leave(struct peers *p, const struct addr *a)
{
	struct addr net = network(a);
	struct peer *peer;

	pthread_mutex_lock(&p->lock);
	peer = find(p, &net);
	assert(peer && peer->connections > 0);
	p->total--;
	if (--peer->connections == 0) {
		map_remove(&p->by_address, &peer->node);
		mem_free(peer);
	}
	pthread_mutex_unlock(&p->lock);
}

uint64_t peers_total(struct peers *p)
{
	uint64_t total;

	pthread_mutex_lock(&p->lock);
	total = p->total;
	pthread_mutex_unlock(&p->lock);
	return total;
}

#include "base/rand.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

static _Thread_local uint64_t seeded; /* splitmix64 state of a test; 0: real randomness */

static uint64_t seeded_next(void)
{
	uint64_t z = (seeded += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static void kernel_bytes(void *p, size_t n)
{
	char *at = p;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0) {
			assert(errno == EINTR); /* ENOSYS: no kernel that we run on */
			continue;
		}
		at += got;
		n -= (size_t)got;
	}
}

void rand_bytes(void *p, size_t n)
{
	char *at = p;

	if (!seeded) {
		kernel_bytes(p, n);
		return;
	}
	while (n) {
		uint64_t v = seeded_next();
		size_t step = n < sizeof(v) ? n : sizeof(v);

		memcpy(at, &v, step);
		at += step;
		n -= step;
	}
}

/* One system call serves 32 numbers. */
uint64_t rand_u64(void)
{
	static _Thread_local uint64_t stock[32];
	static _Thread_local size_t left;

	if (seeded)
		return seeded_next();
	if (left == 0) {
		kernel_bytes(stock, sizeof(stock));
		left = COUNT_OF(stock);
	}
	return stock[--left];
}

uint64_t rand_below(uint64_t n)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;

	do
		v = rand_u64();
	while (v >= limit);
	return v % n;
}

static uint8_t key[16];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void key_draw(void)
{
	kernel_bytes(key, sizeof(key));
}

void rand_process_key(uint8_t ret[16])
{
	pthread_once(&key_once, key_draw);
	memcpy(ret, key, sizeof(key));
}

void rand_seed(uint64_t seed)
{
	seeded = seed;
}

/*
 * The switch itself. Has its own main and no library, so that tools/test_aarch64 can
 * build it for the other processor and run it under an emulator.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rt/co_switch.h"
#include "rt/memcheck.h"

enum { STACK_BYTES = 512 * 1024 };

#define CHECK(what) \
	do { \
		if (!(what)) { \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
			exit(1); \
		} \
	} while (0)

struct flow {
	struct co_context context, *back;
	char *stack;
	int turns, arg;
	unsigned valgrind_id;
	bool ended;
};

static struct co_context main_context;

static void flow_start(struct flow *f, void (*fn)(void *))
{
	f->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(f->stack != MAP_FAILED);
	f->valgrind_id = VALGRIND_STACK_REGISTER(f->stack, f->stack + STACK_BYTES);
	co_context_init(&f->context, f->stack, STACK_BYTES, fn, f);
	f->context.fiber = co_fiber_new();
}

static void flow_done(struct flow *f)
{
	CHECK(f->ended);
	co_fiber_free(f->context.fiber);
	VALGRIND_STACK_DEREGISTER(f->valgrind_id);
	munmap(f->stack, STACK_BYTES);
}

/* Keeps its sums in as many registers as there are, across every switch. */
static __attribute__((noinline)) uint64_t churn(struct flow *f)
{
	uint64_t s[8];
	double d[4] = { 1.5, 2.5, 3.5, 4.5 };

	for (size_t i = 0; i < COUNT_OF(s); i++)
		s[i] = (uint64_t)f->arg + i;
	for (int turn = 0; turn < f->turns; turn++) {
		for (size_t i = 0; i < COUNT_OF(s); i++)
			s[i] = s[i] * 6364136223846793005U + 1442695040888963407U;
		for (size_t i = 0; i < COUNT_OF(d); i++)
			d[i] = d[i] * 1.0001 + f->arg;
		if (f->back)
			co_switch(&f->context, f->back);
	}
	for (size_t i = 0; i < COUNT_OF(s); i++)
		s[0] ^= s[i] << i;
	for (size_t i = 0; i < COUNT_OF(d); i++)
		s[0] += (uint64_t)d[i];
	return s[0];
}

static uint64_t sums[4];

static void churn_main(void *arg)
{
	struct flow *f = arg;

	co_arrive(&main_context);
	sums[f->arg] = churn(f);
	f->ended = true;
	co_leave(&f->context, f->back);
}

static void registers_survive(void)
{
	struct flow f[4] = { 0 };

	for (int i = 0; i < 4; i++) {
		f[i] = (struct flow){ .back = &main_context, .turns = 1000, .arg = i };
		flow_start(&f[i], churn_main);
	}
	for (int turn = 0; turn <= 1000; turn++)
		for (int i = 0; i < 4; i++)
			co_switch(&main_context, &f[i].context);
	for (int i = 0; i < 4; i++) {
		struct flow alone = { .turns = 1000, .arg = i };

		CHECK(sums[i] == churn(&alone));
		flow_done(&f[i]);
	}
}

/* A variable that needs 16 bytes gets them at the first frame and deeper ones. */
static __attribute__((noinline)) void aligned_at(int depth)
{
	_Alignas(16) volatile char block[32];
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

	memset((char *)(uintptr_t)block, depth, sizeof(block));
	CHECK((uintptr_t)block % 16 == 0);
	CHECK(frame % 16 == 0);
	if (depth)
		aligned_at(depth - 1);
	CHECK(block[31] == depth);
}

static void aligned_main(void *arg)
{
	struct flow *f = arg;

	co_arrive(&main_context);
	/* Both calling conventions keep the frame address at a multiple of 16. */
	CHECK((uintptr_t)__builtin_frame_address(0) % 16 == 0);
	aligned_at(20);
	f->ended = true;
	co_leave(&f->context, &main_context);
}

static void frames_are_aligned(void)
{
	struct flow f = { 0 };

	flow_start(&f, aligned_main);
	co_switch(&main_context, &f.context);
	flow_done(&f);
}

/* The rounding mode of every floating point unit: 0 to nearest … 3; -1: they differ. */
#if defined(__x86_64__)
static int rounding_get(void)
{
	uint32_t mxcsr;
	uint16_t x87;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(x87));
	return (mxcsr >> 13 & 3) == (x87 >> 10 & 3U) ? (int)(mxcsr >> 13 & 3) : -1;
}

static void rounding_set(unsigned mode)
{
	uint32_t mxcsr;
	uint16_t x87;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(x87));
	mxcsr = (mxcsr & ~(3U << 13)) | mode << 13;
	x87 = (uint16_t)((x87 & ~(3U << 10)) | mode << 10);
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fldcw %0" : : "m"(x87));
}
#else
static int rounding_get(void)
{
	uint64_t fpcr;

	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	return (int)(fpcr >> 22 & 3);
}

static void rounding_set(unsigned mode)
{
	__asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode << 22));
}
#endif

/* The control words belong to the flow that set them. */
static void rounding_main(void *arg)
{
	struct flow *f = arg;

	co_arrive(&main_context);
	CHECK(rounding_get() == 0);
	rounding_set(1);
	co_switch(&f->context, &main_context);
	CHECK(rounding_get() == 1);
	f->ended = true;
	co_leave(&f->context, &main_context);
}

static void control_words_are_kept(void)
{
	struct flow f = { 0 };

	flow_start(&f, rounding_main);
	co_switch(&main_context, &f.context);
	CHECK(rounding_get() == 0);
	rounding_set(2);
	co_switch(&main_context, &f.context);
	CHECK(rounding_get() == 2);
	rounding_set(0);
	flow_done(&f);
}

/* From one flow straight to another, not by way of the thread. */
static struct flow ring[3];

static void ring_main(void *arg)
{
	struct flow *f = arg;

	co_arrive(f == &ring[0] ? &main_context : &f[-1].context);
	while (f->turns--)
		co_switch(&f->context, &ring[(f - ring + 1) % 3].context);
	f->ended = true;
	co_leave(&f->context,
		 f == &ring[2] ? &main_context : &ring[f - ring + 1].context);
}

static void flows_pass_to_each_other(void)
{
	for (int i = 0; i < 3; i++) {
		ring[i] = (struct flow){ .turns = 50 };
		flow_start(&ring[i], ring_main);
	}
	co_switch(&main_context, &ring[0].context);
	for (int i = 0; i < 3; i++)
		flow_done(&ring[i]);
}

int main(void)
{
	co_context_thread(&main_context);
	registers_survive();
	frames_are_aligned();
	control_words_are_kept();
	flows_pass_to_each_other();
	(void)printf("switch: ok\n");
	return 0;
}

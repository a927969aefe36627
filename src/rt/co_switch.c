#include "rt/co_switch.h"

#include <string.h>

#if RT_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

/* Save the callee-saved registers on this stack, *save = sp, sp = to, load them there. */
void co_switch_raw(void **save, void *to);

/* The outermost frame: calls its first callee-saved register with the second. */
void co_first(void);

#if defined(__x86_64__)

/*
 * The end is pop and an indirect jump, not ret: the return predictor would miss each
 * time. The order of the saved words is known to co_context_init and tools/gdb/co.py.
 */
__asm__(".text\n"
	".p2align 4\n"
	".globl co_switch_raw\n"
	".hidden co_switch_raw\n"
	".type co_switch_raw, @function\n"
	"co_switch_raw:\n"
	"	.cfi_startproc\n"
	"	pushq %rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbp, 0\n"
	"	pushq %rbx\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbx, 0\n"
	"	pushq %r12\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r12, 0\n"
	"	pushq %r13\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r13, 0\n"
	"	pushq %r14\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r14, 0\n"
	"	pushq %r15\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %r15, 0\n"
	"	subq $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	ldmxcsr (%rsp)\n"
	"	fldcw 4(%rsp)\n"
	"	addq $8, %rsp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %r15\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r15\n"
	"	popq %r14\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r14\n"
	"	popq %r13\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r13\n"
	"	popq %r12\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %r12\n"
	"	popq %rbx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %rbx\n"
	"	popq %rbp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_restore %rbp\n"
	"	popq %rcx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_register %rip, %rcx\n"
	"	jmpq *%rcx\n"
	"	.cfi_endproc\n"
	".size co_switch_raw, .-co_switch_raw\n"
	".p2align 4\n"
	".globl co_first\n"
	".hidden co_first\n"
	".type co_first, @function\n"
	"co_first:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined %rip\n"
	"	xorl %ebp, %ebp\n"
	"	movq %r12, %rdi\n"
	"	callq *%rbx\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".size co_first, .-co_first\n"
	".previous\n");

struct saved {
	uint32_t mxcsr;
	uint32_t x87;
	uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

static void saved_fill(struct saved *s, void (*fn)(void *), void *arg)
{
	uint16_t x87;

	__asm__ volatile("stmxcsr %0" : "=m"(s->mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(x87));
	s->x87 = x87;
	s->rbx = (uint64_t)(uintptr_t)fn;
	s->r12 = (uint64_t)(uintptr_t)arg;
	s->rip = (uint64_t)(uintptr_t)co_first;
}

#elif defined(__aarch64__)

#ifdef __ARM_FEATURE_BTI_DEFAULT
#define JUMP_BACK "	ret\n" /* a jump elsewhere than to a landing pad would trap */
#define LANDING "	hint #38\n" /* bti jc */
#else
#define JUMP_BACK "	br x30\n"
#define LANDING ""
#endif

__asm__(".text\n"
	".p2align 4\n"
	".globl co_switch_raw\n"
	".hidden co_switch_raw\n"
	".type co_switch_raw, %function\n"
	"co_switch_raw:\n"
	"	.cfi_startproc\n" LANDING "	sub sp, sp, #176\n"
	"	.cfi_adjust_cfa_offset 176\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	.cfi_rel_offset x19, 0\n"
	"	.cfi_rel_offset x20, 8\n"
	"	.cfi_rel_offset x21, 16\n"
	"	.cfi_rel_offset x22, 24\n"
	"	.cfi_rel_offset x23, 32\n"
	"	.cfi_rel_offset x24, 40\n"
	"	.cfi_rel_offset x25, 48\n"
	"	.cfi_rel_offset x26, 56\n"
	"	.cfi_rel_offset x27, 64\n"
	"	.cfi_rel_offset x28, 72\n"
	"	.cfi_rel_offset x29, 80\n"
	"	.cfi_rel_offset x30, 88\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mrs x9, fpcr\n"
	"	str x9, [sp, #160]\n"
	"	mov x10, sp\n"
	"	str x10, [x0]\n"
	"	mov sp, x1\n"
	"	ldr x10, [sp, #160]\n"
	"	cmp x9, x10\n"
	"	b.eq 1f\n"
	"	msr fpcr, x10\n"
	"1:\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	add sp, sp, #176\n"
	"	.cfi_def_cfa_offset 0\n"
	"	.cfi_restore x19\n"
	"	.cfi_restore x20\n"
	"	.cfi_restore x21\n"
	"	.cfi_restore x22\n"
	"	.cfi_restore x23\n"
	"	.cfi_restore x24\n"
	"	.cfi_restore x25\n"
	"	.cfi_restore x26\n"
	"	.cfi_restore x27\n"
	"	.cfi_restore x28\n"
	"	.cfi_restore x29\n"
	"	.cfi_restore x30\n" JUMP_BACK "	.cfi_endproc\n"
	".size co_switch_raw, .-co_switch_raw\n"
	".p2align 4\n"
	".globl co_first\n"
	".hidden co_first\n"
	".type co_first, %function\n"
	"co_first:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined x30\n" LANDING "	mov x29, xzr\n"
	"	mov x30, xzr\n"
	"	mov x0, x20\n"
	"	blr x19\n"
	"	brk #1\n"
	"	.cfi_endproc\n"
	".size co_first, .-co_first\n"
	".previous\n");

struct saved {
	uint64_t x19_x28[10], x29, x30;
	uint64_t d8_d15[8];
	uint64_t fpcr, unused;
};

static void saved_fill(struct saved *s, void (*fn)(void *), void *arg)
{
	__asm__ volatile("mrs %0, fpcr" : "=r"(s->fpcr));
	s->x19_x28[0] = (uint64_t)(uintptr_t)fn;
	s->x19_x28[1] = (uint64_t)(uintptr_t)arg;
	s->x30 = (uint64_t)(uintptr_t)co_first;
}

#else
#error "no stack switch for this processor: see src/rt/README.md"
#endif

#if RT_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#define NO_TSAN __attribute__((no_sanitize("thread")))
#else
#define NO_TSAN
#endif

void co_context_init(struct co_context *c, void *lo, size_t n, void (*fn)(void *),
		     void *arg)
{
	struct saved *s = (struct saved *)(void *)((char *)lo + n - sizeof(*s));

	assert(((uintptr_t)lo | n) % 16 == 0);
	memset(s, 0, sizeof(*s));
	saved_fill(s, fn, arg);
	c->sp = s;
	c->stack_lo = lo;
	c->stack_n = n;
	c->fake_stack = NULL;
}

void co_context_thread(struct co_context *c)
{
	*c = (struct co_context){ 0 };
#if RT_TSAN
	c->fiber = __tsan_get_current_fiber();
#endif
}

/* Never inlined: a caller may keep no thread-local address or register across it. */
__attribute__((noinline)) NO_TSAN void co_switch(struct co_context *from,
						 struct co_context *to)
{
#if RT_ASAN
	__sanitizer_start_switch_fiber(&from->fake_stack, to->stack_lo, to->stack_n);
#endif
#if RT_TSAN
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	co_switch_raw(&from->sp, to->sp);
#if RT_ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

void co_arrive(struct co_context *from)
{
#if RT_ASAN
	__sanitizer_finish_switch_fiber(NULL, &from->stack_lo, &from->stack_n);
#else
	(void)from;
#endif
}

NO_TSAN void co_leave(struct co_context *from, struct co_context *to)
{
#if RT_ASAN
	__sanitizer_start_switch_fiber(NULL, to->stack_lo, to->stack_n);
#endif
#if RT_TSAN
	__tsan_switch_to_fiber(to->fiber, 0);
#endif
	co_switch_raw(&from->sp, to->sp);
	__builtin_trap();
}

void *co_fiber_new(void)
{
#if RT_TSAN
	return __tsan_create_fiber(0);
#else
	return NULL;
#endif
}

void co_fiber_free(void *fiber)
{
#if RT_TSAN
	if (fiber)
		__tsan_destroy_fiber(fiber);
#else
	(void)fiber;
#endif
}

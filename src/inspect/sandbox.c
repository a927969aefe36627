#include "inspect/sandbox.h"

#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* What a single thread needs that computes, and what the sanitizers' reports need. */
static const int calls[] = {
	SCMP_SYS(read),          SCMP_SYS(write),
	SCMP_SYS(readv),         SCMP_SYS(writev),
	SCMP_SYS(recvfrom),      SCMP_SYS(sendto),
	SCMP_SYS(poll),          SCMP_SYS(ppoll),
	SCMP_SYS(close),         SCMP_SYS(brk),
	SCMP_SYS(mmap),          SCMP_SYS(munmap),
	SCMP_SYS(mremap),        SCMP_SYS(madvise),
	SCMP_SYS(mprotect),      SCMP_SYS(futex),
	SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),  SCMP_SYS(sigaltstack),
	SCMP_SYS(getrandom),     SCMP_SYS(gettid),
	SCMP_SYS(getpid),        SCMP_SYS(sched_yield),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),     SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),          SCMP_SYS(exit_group),
	SCMP_SYS(fstat),         SCMP_SYS(newfstatat),
	SCMP_SYS(lseek),         SCMP_SYS(getrusage),
	SCMP_SYS(prctl),
};

static int limit(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit r = { most, most };

	return setrlimit(what, &r) < 0 ? -errno : 0;
}

static int limits(void)
{
	int rc = limit(RLIMIT_CORE, 0);

	rc = rc ? rc : limit(RLIMIT_FSIZE, 0);
	rc = rc ? rc : limit(RLIMIT_NPROC, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	rc = rc ? rc : limit(RLIMIT_AS, SANDBOX_MEMORY_MIB * (rlim_t)MIB);
#endif
	return rc ? rc : limit(RLIMIT_NOFILE, 1); /* what poll() may be asked about */
}

static int filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; i < COUNT_OF(calls) && !rc; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	rc = rc ? rc : seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}

int sandbox_enter(void)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	rc = limits();
	return rc ? rc : filter();
}

/*
 * Where hostile bytes are read: a process that can compute, use memory up to a bound, and
 * talk over the descriptors that it has; nothing else.
 */
#ifndef INSPECT_SANDBOX_H
#define INSPECT_SANDBOX_H

#include "base/def.h"

enum { SANDBOX_MEMORY_MIB = 1024 };

/*
 * For good, for this thread, which must be the only one. No new file, socket, process or
 * right; memory up to SANDBOX_MEMORY_MIB (not under AddressSanitizer, which takes
 * terabytes of addresses). A forbidden call fails with EPERM. 0 or -errno: then the
 * caller must end.
 */
MUST_USE int sandbox_enter(void);

#endif

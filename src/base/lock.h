/*
 * A mutex for sections of a few instructions, shared with threads that run at the same
 * time: it looks again for a moment before it puts the thread to sleep, which costs more
 * than the section does.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>

#include "base/def.h"

#define LOCK_SHORT PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP

static inline void lock_short_init(pthread_mutex_t *lock)
{
	*lock = (pthread_mutex_t)LOCK_SHORT;
}

#endif

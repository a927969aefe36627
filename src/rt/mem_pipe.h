/* A pair of connected ends in memory, for tests: what one writes the other reads. */
#ifndef RT_MEM_PIPE_H
#define RT_MEM_PIPE_H

#include "rt/stream.h"

struct mem_pipe;

/* bytes_max: how much one direction holds before the writer waits. NULL: no memory. */
MUST_USE struct mem_pipe *mem_pipe_new(size_t bytes_max);
void mem_pipe_free(struct mem_pipe *p); /* both ends closed, nobody waits */

/* Bind a stream to end 0 or 1. Closing one end is the end of file for the other. */
void mem_pipe_stream(struct mem_pipe *p, int end, struct stream *ret);

/* Let reads of this end return at most n bytes each (0: no limit): tests of split
 * segments. */
void mem_pipe_chop(struct mem_pipe *p, int end, size_t n);

#endif

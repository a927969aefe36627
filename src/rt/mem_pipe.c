#include "rt/mem_pipe.h"

#include <string.h>

#include "base/mem.h"

/* One direction: a ring of bytes. */
struct flow {
	char *bytes;
	size_t at, n;
	struct waiter reader, writer;
	bool ended;  /* the writer closed */
	bool broken; /* the reader closed */
};

struct mem_end {
	struct mem_pipe *pipe;
	struct flow *in, *out;
	size_t chop;
};

struct mem_pipe {
	struct mem_end end[2];
	struct flow flow[2];
	size_t bytes_max;
};

struct mem_pipe *mem_pipe_new(size_t bytes_max)
{
	struct mem_pipe *p = mem_alloc(sizeof(*p));

	assert(bytes_max);
	if (!p)
		return NULL;
	p->bytes_max = bytes_max;
	for (int i = 0; i < 2; i++) {
		p->flow[i].bytes = mem_alloc(bytes_max);
		p->end[i] = (struct mem_end){ p, &p->flow[i], &p->flow[1 - i], 0 };
	}
	if (!p->flow[0].bytes || !p->flow[1].bytes) {
		mem_pipe_free(p);
		return NULL;
	}
	return p;
}

void mem_pipe_free(struct mem_pipe *p)
{
	if (!p)
		return;
	for (int i = 0; i < 2; i++) {
		assert(!p->flow[i].reader.co && !p->flow[i].writer.co);
		mem_free(p->flow[i].bytes);
	}
	mem_free(p);
}

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void wake_waiting(struct waiter *w)
{
	if (w->co)
		co_wake(w);
}

static CO int end_wait(void *ctx, int64_t deadline_us)
{
	struct mem_end *end = ctx;
	struct flow *f = end->in;
	int e = 0;

	while (f->n == 0 && !f->ended && e == 0)
		e = co_wait(&f->reader, deadline_us, "read (pipe)");
	return e;
}

static CO ptrdiff_t end_read(void *ctx, void *p, size_t n, int64_t deadline_us)
{
	struct mem_end *end = ctx;
	struct flow *f = end->in;
	int e = end_wait(ctx, deadline_us);

	if (e < 0)
		return e;
	n = min_of(min_of(n, f->n), end->pipe->bytes_max - f->at);
	if (end->chop)
		n = min_of(n, end->chop);
	memcpy(p, f->bytes + f->at, n);
	f->at = (f->at + n) % end->pipe->bytes_max;
	f->n -= n;
	wake_waiting(&f->writer);
	return (ptrdiff_t)n;
}

static CO ptrdiff_t end_write(void *ctx, const void *p, size_t n, int64_t deadline_us)
{
	struct mem_end *end = ctx;
	struct flow *f = end->out;
	size_t max = end->pipe->bytes_max, to;
	int e = 0;

	while (f->n == max && !f->broken && e == 0)
		e = co_wait(&f->writer, deadline_us, "write (pipe)");
	if (f->broken)
		return -EPIPE;
	if (e < 0)
		return e;
	to = (f->at + f->n) % max;
	n = min_of(min_of(n, max - f->n), max - to);
	memcpy(f->bytes + to, p, n);
	f->n += n;
	wake_waiting(&f->reader);
	return (ptrdiff_t)n;
}

static void end_close(void *ctx)
{
	struct mem_end *end = ctx;

	end->out->ended = true;
	end->in->broken = true;
	wake_waiting(&end->out->reader);
	wake_waiting(&end->in->writer);
}

static void end_end(void *ctx)
{
	struct mem_end *end = ctx;

	end->out->ended = true;
	wake_waiting(&end->out->reader);
}

void mem_pipe_stream(struct mem_pipe *p, int end, struct stream *ret)
{
	static const struct stream_ops ops = {
		.read = end_read,
		.write = end_write,
		.wait = end_wait,
		.close = end_close,
		.end = end_end,
	};

	stream_init(ret, &ops, &p->end[end]);
}

void mem_pipe_chop(struct mem_pipe *p, int end, size_t n)
{
	p->end[end].chop = n;
}

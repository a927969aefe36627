/*
 * A scripted peer for tests: says and expects exactly what its script tells, over any
 *stream. A script is an array of lines, each with a letter in front:
 *
 *	S text	send the line and CRLF		R text	send these bytes
 *	C text	expect this line		B	read a body up to CRLF.CRLF, keep
 *it N n	read n bytes, keep them		W n	do nothing for n seconds F n
 *send n lines "250-…"		E	expect the end of the connection X	close
 *D	read and drop until the end
 */
#ifndef CLIENT_FAKE_H
#define CLIENT_FAKE_H

#include "base/test.h"
#include "rt/co.h"
#include "rt/stream.h"

struct fake {
	const char *const *script; /* NULL-terminated */
	struct stream stream;
	struct buf body;  /* what B and N kept */
	struct buf wrong; /* the first surprise; empty: none */
	bool ended;       /* the script was played to its end */
};

static inline void fake_wrong(struct fake *f, const char *step, struct str have)
{
	if (f->wrong.n == 0)
		buf_printf(&f->wrong, "step \"%s\": have \"%.*s\"", step, STR_ARG(have));
}

static inline CO bool fake_body(struct fake *f, const char *step)
{
	struct str line;

	for (;;) {
		int e = stream_line(&f->stream, 8192, &line);

		if (e < 0) {
			fake_wrong(f, step, str_from(strerrordesc_np(-e)));
			return false;
		}
		if (str_eq(line, STR(".")))
			return true;
		buf_add(&f->body, line);
		buf_add(&f->body, STR("\r\n"));
	}
}

static inline CO bool fake_bytes(struct fake *f, const char *step, size_t n)
{
	struct str got;

	while (n > 0) {
		int e = stream_peek(&f->stream, &got);

		if (e < 0) {
			fake_wrong(f, step, str_from(strerrordesc_np(-e)));
			return false;
		}
		got = str_sub(got, 0, n);
		buf_add(&f->body, got);
		stream_take(&f->stream, got.n);
		n -= got.n;
	}
	return true;
}

static inline CO bool fake_expect(struct fake *f, const char *step)
{
	struct str line = STR_NONE;
	int e = stream_line(&f->stream, 8192, &line);

	if (e < 0)
		line = str_from(strerrordesc_np(-e));
	if (e == 0 && str_eq(line, str_from(step + 2)))
		return true;
	fake_wrong(f, step, line);
	return false;
}

/* Only the end will do. */
static inline CO bool fake_end(struct fake *f, const char *step)
{
	struct str got;
	int e = stream_peek(&f->stream, &got);

	if (e == -ECONNRESET || e == -EPIPE)
		return true;
	fake_wrong(f, step, e == 0 ? got : str_from(strerrordesc_np(-e)));
	return false;
}

static inline CO void fake_drain(struct fake *f)
{
	struct str got;

	while (stream_peek(&f->stream, &got) == 0)
		stream_take(&f->stream, got.n);
}

static inline CO bool fake_step(struct fake *f, const char *step)
{
	struct str text = str_from(step[1] ? step + 2 : "");
	uint64_t n = 0;

	if (strchr("NWF", step[0]))
		assert_int_equal(str_to_u64(text, UINT32_MAX, &n), 0);
	switch (step[0]) {
	case 'S':
		stream_put(&f->stream, text);
		stream_put(&f->stream, STR("\r\n"));
		return true;
	case 'R':
		stream_put(&f->stream, text);
		return true;
	case 'F':
		for (size_t i = 0; i < n; i++)
			stream_put(&f->stream, STR("250-and another line\r\n"));
		return true;
	case 'C':
		return fake_expect(f, step);
	case 'B':
		return fake_body(f, step);
	case 'N':
		return fake_bytes(f, step, n);
	case 'W':
		return stream_flush(&f->stream) == 0 &&
		       co_sleep(loop_now_us() + (int64_t)n * USEC_PER_SEC) == 0;
	case 'E':
		return fake_end(f, step);
	case 'D':
		fake_drain(f);
		return true;
	default:
		return false; /* X */
	}
}

static inline CO void fake_run(void *arg)
{
	struct fake *f = arg;
	size_t i = 0;
	int flushed;

	while (f->script[i] && fake_step(f, f->script[i]))
		i++;
	f->ended = !f->script[i] || f->script[i][0] == 'X';
	flushed = stream_flush(&f->stream);
	(void)flushed;
	stream_close(&f->stream);
}

static inline void fake_done(struct fake *f)
{
	buf_done(&f->body);
	buf_done(&f->wrong);
}

#endif

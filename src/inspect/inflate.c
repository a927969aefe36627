#include "inspect/inflate.h"

#include <zlib.h>

#include "base/mem.h"

enum { STEP_BYTES = 4096 };

static voidpf zip_alloc(voidpf ctx, uInt n, uInt size)
{
	(void)ctx;
	return mem_alloc((size_t)n * size);
}

static void zip_free(voidpf ctx, voidpf p)
{
	(void)ctx;
	mem_free(p);
}

/* Bytes are asked for in small steps, so that a bomb ends by its ratio. What is used of
 * the input counts, too: it may be used again by another member. */
struct inflated inspect_inflate(struct scan *s, const struct object *o, struct str in,
				int form, struct buf *ret)
{
	unsigned char step[STEP_BYTES];
	uint64_t room = scan_room(s);
	z_stream zs = { .zalloc = zip_alloc, .zfree = zip_free };
	struct inflated done = { 0 };
	int result = Z_OK;

	in = str_sub(in, 0, UINT32_MAX);
	if (inflateInit2(&zs, form) != Z_OK) {
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
		return done;
	}
	/* zlib wants a pointer to what it does not change. */
	memcpy(&zs.next_in, &in.p, sizeof(in.p));
	zs.avail_in = (uInt)in.n;
	while (result == Z_OK && ret->n < room) {
		uInt before = zs.avail_in;
		size_t got;

		zs.next_out = step;
		zs.avail_out = STEP_BYTES;
		result = inflate(&zs, Z_NO_FLUSH);
		got = STEP_BYTES - zs.avail_out;
		if (!scan_work(s, o, got + (before - zs.avail_in)))
			break;
		buf_add_bytes(ret, step, got);
	}
	inflateEnd(&zs);
	if (ret->err)
		scan_tell(s, o, INSPECT_MEMORY, 0, STR_NONE);
	done.used = in.n - zs.avail_in;
	done.whole = result == Z_STREAM_END && !ret->err;
	return done;
}

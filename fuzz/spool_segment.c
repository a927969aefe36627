/*
 * spool/segment.h and recovery: whatever is in a segment, the walk covers it without a
 * hole, and recovery ends; a second one finds nothing that the first did not.
 *
 * The first byte chooses: even: the rest is the file as it is. Odd: the rest is a script
 * of records with good checksums and of raw bytes between them, so that damage meets
 * whole records.
 */
#include <fcntl.h>

#include "base/hash.h"
#include "fuzz.h"
#include "log/log.h"
#include "spool/disk_mem.h"
#include "spool/segment.h"
#include "spool/store.h"

enum { FILE_MAX = 65536, STEPS_MAX = FILE_MAX / RECORD_ALIGN + 2 };

struct file {
	char bytes[FILE_MAX];
	size_t n;
	struct segment_key key;
};

static void file_begin(struct file *f)
{
	struct segment_head head = { .number = 1, .key = "a key for all" };

	f->key = segment_key_of(&head);
	segment_head_encode(&head, f->bytes);
	memcpy(f->bytes + SEGMENT_COPY_AT, f->bytes, SEGMENT_HEAD_BYTES);
	f->n = SEGMENT_RECORDS_AT;
}

/* One whole record: its kind and numbers from the script. */
static void file_record(struct file *f, struct str *in)
{
	static const char types[] = "MMMBSSRE", zeros[256];
	size_t envelope = fuzz_byte(in) % 32, content = fuzz_byte(in);
	struct record r = { .type = (uint8_t)types[fuzz_byte(in) % 8],
			    .flags = fuzz_byte(in) & 1,
			    .lsn = fuzz_byte(in),
			    .id = fuzz_byte(in) % 8,
			    .flushed = (uint32_t)fuzz_byte(in) * 16,
			    .size = content };

	if (fuzz_byte(in) % 4) /* else it is damaged */
		r.content_crc = hash_crc32c(0, str_of(zeros, content));
	envelope = envelope < in->n ? envelope : in->n;
	r.envelope_bytes = (uint32_t)envelope;
	if (f->n + record_bytes(&r) > FILE_MAX)
		return;
	record_encode(&r, f->key, str_sub(*in, 0, envelope), f->bytes + f->n);
	if (envelope)
		memcpy(f->bytes + f->n + RECORD_HEAD_BYTES, in->p, envelope);
	*in = str_skip(*in, envelope);
	f->n += record_bytes(&r);
}

static void file_raw(struct file *f, struct str *in)
{
	size_t n = fuzz_byte(in);

	n = n < in->n ? n : in->n;
	n = n < FILE_MAX - f->n ? n : FILE_MAX - f->n;
	if (n)
		memcpy(f->bytes + f->n, in->p, n);
	*in = str_skip(*in, n);
	f->n += n;
}

static void file_fill(struct file *f, struct str in)
{
	bool script = fuzz_byte(&in) & 1;

	if (!script) {
		f->n = in.n < FILE_MAX ? in.n : FILE_MAX;
		if (f->n)
			memcpy(f->bytes, in.p, f->n);
		return;
	}
	file_begin(f);
	while (in.n && f->n < FILE_MAX)
		if (fuzz_byte(&in) % 4)
			file_record(f, &in);
		else
			file_raw(f, &in);
}

static ptrdiff_t file_read(void *ctx, void *p, size_t n, uint64_t at)
{
	struct file *f = ctx;
	struct str part = str_sub(str_of(f->bytes, f->n), (size_t)at, n);

	if (part.n)
		memcpy(p, part.p, part.n);
	return (ptrdiff_t)part.n;
}

static void check_walk(struct file *f)
{
	struct segment_walk w;
	struct walk_step step = { 0 };
	uint64_t at = SEGMENT_RECORDS_AT;
	size_t steps = 0;
	int rc = segment_walk_begin(&w, file_read, f, f->n);

	while (!rc) {
		rc = segment_walk_next(&w, &step);
		assert(rc == 0 && steps++ < STEPS_MAX);
		if (step.kind == WALK_END)
			break;
		assert(step.at == at && step.bytes > 0);
		at += step.bytes;
		if (step.kind == WALK_RECORD) {
			rc = segment_walk_content(&w, &step);
			assert(rc == 0 || rc == -EBADMSG);
			rc = 0;
		}
	}
	assert(rc || f->n <= SEGMENT_RECORDS_AT || at == f->n);
	segment_walk_done(&w);
}

/* Recover; which of the eight ids that a script can name are there then. */
static unsigned recover(struct disk_mem *m)
{
	struct spool_log_options o = { .shards = 1 };
	struct store *st;
	struct item *it;
	unsigned seen = 0;
	int rc = store_new(disk_mem_disk(m), &o, &st);

	assert(rc == 0);
	rc = store_recover(st);
	assert(rc == 0);
	for (spool_id id = 0; (it = index_after(&st->index, id)); id = it->id)
		seen |= 1U << (it->id % 8);
	store_free(st);
	return seen;
}

static void check_recovery(struct file *f)
{
	struct disk_mem *m = disk_mem_new();
	struct disk *d = disk_mem_disk(m);
	unsigned once;
	int file = d->ops->open(d, "log/0000000001.seg", DISK_CREATE);

	assert(file >= 0 && disk_write_all(d, file, str_of(f->bytes, f->n), 0) == 0);
	d->ops->close(d, file);
	once = recover(m);
	assert((recover(m) & ~once) == 0);
	disk_mem_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file f;
	static bool quiet;

	if (!quiet) /* damage is told in lines */
		quiet = log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_LOGFMT,
				 LOG_ERROR) == 0;
	memset(&f, 0, sizeof(f));
	file_fill(&f, str_of(data, size));
	check_walk(&f);
	check_recovery(&f);
	return 0;
}

/* For tests: agents with a fake spool that holds one message, and a directory to write
 * to. */
#ifndef DELIVER_RIG_H
#define DELIVER_RIG_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"
#include "conf/schema.h"
#include "deliver/inner.h"

struct rig {
	struct spool spool; /* first: the fake is found from it */
	struct str content;
	struct envelope envelope;
	struct envelope_rcpt rcpts[4];
	struct deliver_settings settings;
	struct deliver *d;
	struct pool *threads;
	struct arena arena;
	struct transcript note;
	char dir[64];
	void (*test)(struct rig *r);
	void *extra;
};

static inline CO ptrdiff_t rig_read(struct spool *spool, spool_id id, uint64_t at,
				    void *p, size_t n)
{
	struct rig *r = CONTAINER_OF(spool, struct rig, spool);
	struct str s = str_sub(str_skip(r->content, (size_t)at), 0, n);

	(void)id;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (ptrdiff_t)s.n;
}

static inline struct str rig_path(struct rig *r, const char *below)
{
	return arena_printf(&r->arena, "%s/%s", r->dir, below);
}

/* Deliver to the first n recipients. */
static inline CO void rig_deliver(struct rig *r, const struct route *route, size_t n,
				  struct deliver_result *results)
{
	struct deliver_job job = { .spool = &r->spool,
				   .id = 1,
				   .size = r->content.n,
				   .envelope = &r->envelope,
				   .route = route,
				   .results = results,
				   .count = n,
				   .arena = &r->arena,
				   .note = &r->note };

	for (size_t i = 0; i < n; i++)
		results[i].rcpt = &r->rcpts[i];
	deliver_run(r->d, &job);
}

static inline CO void rig_main(void *arg)
{
	struct rig *r = arg;

	assert_int_equal(deliver_new(&r->settings, r->threads, &r->d), 0);
	r->test(r);
	deliver_free(r->d);
}

static inline int rig_remove(const char *path, const struct stat *st, int type,
			     struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static inline void rig_run(void (*test)(struct rig *r), void *extra)
{
	static const struct spool_ops ops = { .read = rig_read };
	struct loop_options o = { .virtual_clock = true };
	struct loop *l = loop_new(&o);
	struct rig r = { .spool = { &ops }, .test = test, .extra = extra };
	struct conf_diags diags = { .arena = &r.arena };

	r.content = STR("Subject: x\r\n\r\nhello\r\n");
	r.envelope.sender = STR("a@hidden.gov");
	r.envelope.rcpts = r.rcpts;
	r.rcpts[0].to = STR("guest@shop.net");
	r.rcpts[1].to = STR("other@shop.net");
	r.rcpts[2].to = STR("third@shop.net");
	assert_int_equal(conf_read(&deliver_schema, NULL, &r.settings, &r.arena, &diags),
			 0);
	r.settings.hostname = STR("me.example");
	r.threads = pool_new(4);
	snprintf(r.dir, sizeof(r.dir), "/tmp/postern-deliver-XXXXXX");
	assert_non_null(mkdtemp(r.dir));
	assert_int_equal(loop_run(l, rig_main, &r), 0);
	assert_int_equal(nftw(r.dir, rig_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
	pool_free(r.threads);
	arena_done(&r.arena);
	transcript_done(&r.note);
	loop_free(l);
}

/* How many files a directory holds; the name of the last. */
static inline size_t dir_files(struct str path, char last[256])
{
	char at[512];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	assert_int_equal(str_to_cstr(path, at, sizeof(at)), 0);
	dir = opendir(at);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		snprintf(last, 256, "%s", entry->d_name);
	}
	closedir(dir);
	return n;
}

static inline struct str file_text(struct rig *r, struct str dir, const char *name)
{
	struct str path = arena_printf(&r->arena, "%.*s/%s", STR_ARG(dir), name);
	int fd = open(path.p, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *p;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	p = arena_alloc(&r->arena, (size_t)st.st_size + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	close(fd);
	return str_of(p, (size_t)st.st_size);
}

#endif

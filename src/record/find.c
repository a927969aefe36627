#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/entry.h"
#include "record/files.h"
#include "record/record.h"

enum { EPISODES_DEFAULT = 1000 };

struct found {
	struct found *older; /* list, newest first */
	struct episode episode;
};

struct search {
	const struct record_query *q;
	struct arena *arena;
	struct found *newest, **tail;
	size_t n, matched, episodes_max;
	struct buf
		wanted; /* uint64_t: connections whose first episode is still to come */
	uint64_t last_message, last_connection;
	bool received; /* the reception of the message was met */
	int err;
};

/* True: go on with the next older episode. */
typedef bool visit(struct search *s, const struct episode *e);

static uint64_t *wanted_at(struct search *s, size_t i)
{
	return (uint64_t *)(void *)s->wanted.p + i;
}

static bool wanted_take(struct search *s, uint64_t connection)
{
	size_t n = s->wanted.n / sizeof(connection);

	for (size_t i = 0; i < n; i++) {
		if (*wanted_at(s, i) != connection)
			continue;
		*wanted_at(s, i) = *wanted_at(s, n - 1);
		s->wanted.n -= sizeof(connection);
		return true;
	}
	return false;
}

static struct str peer_ip(struct str peer)
{
	ptrdiff_t open = str_find(peer, '['), close = str_find(peer, ']');

	if (open >= 0 && close > open)
		return str_sub(peer, (size_t)open + 1, (size_t)(close - open - 1));
	close = str_rfind(peer, ':');
	return close < 0 ? peer : str_sub(peer, 0, (size_t)close);
}

static struct str bare_path(struct str path)
{
	if (str_starts(path, STR("<")) && str_ends_nocase(path, STR(">")))
		return str_sub(path, 1, path.n - 2);
	return path;
}

static bool has_address(const struct episode *e, struct str address)
{
	struct str rest = e->rcpts, path;

	address = bare_path(address);
	if (str_eq_nocase(bare_path(e->sender), address) ||
	    str_eq_nocase(peer_ip(e->peer), address) || str_eq_nocase(e->peer, address))
		return true;
	while (str_split(&rest, '\n', &path))
		if (str_eq_nocase(bare_path(path), address))
			return true;
	return false;
}

static bool matches(const struct record_query *q, const struct episode *e)
{
	if (q->message)
		return e->message == q->message;
	if (q->connection)
		return e->connection == q->connection;
	return q->address.n && has_address(e, q->address);
}

static struct str keep(struct search *s, struct str text)
{
	struct str copy = arena_str(s->arena, text);

	if (!copy.p)
		s->err = -ENOMEM;
	return copy;
}

static void add(struct search *s, const struct episode *e)
{
	struct found *f = arena_alloc(s->arena, sizeof(*f));

	if (!f) {
		s->err = -ENOMEM;
		return;
	}
	f->episode = *e;
	f->episode.peer = keep(s, e->peer);
	f->episode.sender = keep(s, e->sender);
	f->episode.rcpts = keep(s, e->rcpts);
	f->episode.outcome = keep(s, e->outcome);
	f->episode.notes = keep(s, e->notes);
	*s->tail = f;
	s->tail = &f->older;
	s->n++;
}

/* Nothing older can belong to the answer. */
static bool complete(const struct search *s, const struct episode *e, bool match)
{
	if (s->wanted.n)
		return false;
	if (s->matched >= s->episodes_max)
		return true;
	if (s->q->message)
		return s->received;
	return s->q->connection && match && e->part == 0;
}

static bool collect(struct search *s, const struct episode *e)
{
	bool match = s->matched < s->episodes_max && matches(s->q, e);
	bool first = e->connection && e->part == 0 && wanted_take(s, e->connection);

	if (match || first)
		add(s, e);
	if (match)
		s->matched++;
	if (match && e->kind == EPISODE_RECEIVE)
		s->received = true;
	if (match && e->connection && e->part > 0) {
		(void)wanted_take(s, e->connection); /* once is enough */
		buf_add_bytes(&s->wanted, &e->connection, sizeof(e->connection));
	}
	if (s->wanted.err)
		s->err = s->wanted.err;
	return s->err == 0 && !complete(s, e, match);
}

static bool look_for_last(struct search *s, const struct episode *e)
{
	if (!s->last_connection)
		s->last_connection = e->connection;
	if (e->kind == EPISODE_RECEIVE)
		s->last_message = e->message;
	return s->last_message == 0;
}

/* Entries can only be found forwards: note where they begin, then go back. */
static bool walk_bytes(struct search *s, struct str all, visit *each)
{
	struct buf payloads = { 0 };
	struct str rest = all, payload;
	const struct str *at;
	bool more = true;

	while (entry_next(&rest, &payload))
		buf_add_bytes(&payloads, &payload, sizeof(payload));
	if (payloads.err)
		s->err = payloads.err;
	at = (const struct str *)(void *)payloads.p;
	for (size_t i = payloads.n / sizeof(payload); i-- > 0 && more && s->err == 0;) {
		struct episode e;

		if (entry_read(at[i], &e) == 0)
			more = each(s, &e);
	}
	buf_done(&payloads);
	return more;
}

static bool walk_file(struct search *s, int dir_fd, uint32_t number, visit *each)
{
	char name[FILES_NAME_MAX];
	int fd = openat(dir_fd, files_name(number, name),
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	bool more = true;
	void *p;

	if (fd < 0 && errno == ENOENT)
		return true; /* removed for its age meanwhile */
	if (fd < 0 || fstat(fd, &st) < 0) {
		s->err = -errno;
		if (fd >= 0)
			close(fd);
		return false;
	}
	p = st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
			   : NULL;
	close(fd);
	if (p == MAP_FAILED) {
		s->err = -errno;
		return false;
	}
	if (p) {
		more = walk_bytes(s, str_of(p, (size_t)st.st_size), each);
		munmap(p, (size_t)st.st_size);
	}
	return more;
}

static int walk(struct search *s, int dir_fd, visit *each)
{
	struct files f = { 0 };
	int e = files_list(dir_fd, &f);

	if (e < 0)
		return e;
	for (size_t i = f.n; i-- > 0 && s->err == 0;)
		if (!walk_file(s, dir_fd, f.number[i], each))
			break;
	files_done(&f);
	return s->err;
}

/* The parts of one connection stand together: what the client said after its message,
 * such as QUIT, before the delivery that began meanwhile. */
static void group_parts(struct episode *list, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct episode part = list[i];
		size_t at = i;

		if (part.kind != EPISODE_RECEIVE || !part.connection || !part.part)
			continue;
		while (at > 0 && list[at - 1].connection != part.connection)
			at--;
		if (at == 0)
			continue;
		memmove(&list[at + 1], &list[at], (i - at) * sizeof(part));
		list[at] = part;
	}
}

static int turn_round(struct search *s, struct episode **ret, size_t *n)
{
	struct episode *list = arena_alloc(s->arena, s->n * sizeof(*list));
	size_t i = s->n;

	if (!list)
		return -ENOMEM;
	for (const struct found *f = s->newest; f; f = f->older)
		list[--i] = f->episode;
	group_parts(list, s->n);
	*ret = list;
	*n = s->n;
	return 0;
}

static int search_dir(struct search *s, int dir_fd, struct episode **ret, size_t *n)
{
	struct record_query last = { 0 };
	int e = 0;

	if (s->q->last) {
		e = walk(s, dir_fd, look_for_last);
		last.message = s->last_message;
		last.connection = s->last_message ? 0 : s->last_connection;
		s->q = &last;
	}
	if (e == 0)
		e = walk(s, dir_fd, collect);
	if (e < 0)
		return e;
	return s->n ? turn_round(s, ret, n) : -ENOENT;
}

int record_find(const char *dir, const struct record_query *q, struct arena *a,
		struct episode **ret, size_t *n)
{
	struct search s = { .q = q, .arena = a };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), e;

	if (fd < 0)
		return -errno;
	s.tail = &s.newest;
	s.episodes_max = q->episodes_max ? q->episodes_max : EPISODES_DEFAULT;
	e = search_dir(&s, fd, ret, n);
	buf_done(&s.wanted);
	close(fd);
	return e;
}

#include "log/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fmt.h"
#include "base/lock.h"
#include "base/mem.h"

enum {
	BACKLOG_BYTES = 256 * 1024, /* twice: one fills while the other is written */
	WRITE_BYTES_MAX = 4096,     /* PIPE_BUF: lines of several processes stay whole */
	BATCH_BYTES = 64 * 1024,    /* so much is written at once; */
	BATCH_WAIT_MS = 20,         /* less is gathered for so long */
	CLOSE_WAIT_MS = 2000,       /* for a reader that does not read */
	FLUSH_STEP_MS = 5,
	TAIL_BYTES = 8, /* "…", quote, brace, line end */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	pthread_t thread;
	char *fill, *drain; /* filled by callers under the lock; drain is the thread's */
	size_t fill_n;
	uint64_t lost;
	int fd;
	bool closing, writing; /* writing: the thread is busy with drain */
	bool idle;             /* the thread waits for a first line */
	bool hurry;            /* it does not wait for more of them */
	bool file;             /* takes everything at any time, and each write whole */
	atomic_bool open;
	atomic_int least, format;
	atomic_bool journal;
} the_log = {
	.lock = LOCK_SHORT,
	.filled = PTHREAD_COND_INITIALIZER,
	.fd = STDERR_FILENO,
	.least = LOG_INFO,
};

static void add_bytes(struct log_line *l, struct str s)
{
	assert(l->n + s.n <= sizeof(l->bytes));
	memcpy(l->bytes + l->n, s.p, s.n);
	l->n += s.n;
}

static bool fits(const struct log_line *l, size_t n)
{
	return l->n + n <= sizeof(l->bytes) - TAIL_BYTES;
}

static size_t room(const struct log_line *l)
{
	size_t most = sizeof(l->bytes) - TAIL_BYTES;

	return l->n < most ? most - l->n : 0;
}

static bool as_json(void)
{
	return atomic_load_explicit(&the_log.format, memory_order_relaxed) == LOG_JSON;
}

/* RFC 3339. The calendar is asked once a second and thread. */
static struct str time_text(char ret[32])
{
	static _Thread_local time_t second = -1;
	static _Thread_local char text[32];
	struct timespec now;
	struct tm tm;
	long us;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second) {
		gmtime_r(&now.tv_sec, &tm);
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000000Z", &tm);
		second = now.tv_sec;
	}
	memcpy(ret, text, 27);
	us = now.tv_nsec / 1000;
	for (int i = 25; i >= 20; i--, us /= 10)
		ret[i] = (char)('0' + us % 10);
	return str_of(ret, 27);
}

static struct str level_name(enum log_level level)
{
	static const struct str name[] = { STR_INIT("debug"), STR_INIT("info"),
					   STR_INIT("warn"), STR_INIT("error") };

	return name[level];
}

/* Name and opening of a value; false: no room, the line is full from here on. */
static bool add_key(struct log_line *l, struct str key, struct str open)
{
	if (l->full || !fits(l, key.n + 8)) {
		l->full = true;
		return false;
	}
	if (as_json()) {
		add_bytes(l, l->bytes[l->n - 1] == '{' ? STR("\"") : STR(",\""));
		add_bytes(l, key);
		add_bytes(l, STR("\":"));
	} else {
		if (l->n && l->bytes[l->n - 1] != '>')
			add_bytes(l, STR(" "));
		add_bytes(l, key);
		add_bytes(l, STR("="));
	}
	add_bytes(l, open);
	return true;
}

/* Printable ASCII but blank, quote, equals sign and backslash: as it is in every form. */
static const bool bare_char[256] = {
	['!'] = true,
	['#' ... '<'] = true,
	['>' ... '['] = true,
	[']' ... '~'] = true,
};

/* How many bytes at the front need no escape, blanks aside. */
static size_t bare_bytes(struct str s)
{
	size_t n = 0;

	while (n < s.n && bare_char[(unsigned char)s.p[n]])
		n++;
	return n;
}

static void add_value(struct log_line *l, struct str s)
{
	enum escape_form form = as_json() ? ESCAPE_JSON : ESCAPE_LOGFMT;

	while (s.n) {
		struct str part = str_sub(s, 0, bare_bytes(s));
		char one[ESCAPE_BYTES_MAX];

		if (part.n)
			s = str_skip(s, part.n);
		else
			part = str_of(one, escape_next(form, &s, one));
		if (!fits(l, part.n)) {
			/* A run of plain bytes may be cut, an escape may not. */
			if (part.p != one)
				add_bytes(l, str_sub(part, 0, room(l)));
			add_bytes(l, STR("…"));
			l->full = true;
			return;
		}
		add_bytes(l, part);
	}
}

void log_str(struct log_line *l, const char *key, struct str value)
{
	bool bare = value.n && !as_json() && bare_bytes(value) == value.n;
	struct str quote = bare ? STR("") : STR("\"");

	if (!l->on || !add_key(l, str_from(key), quote))
		return;
	add_value(l, value);
	add_bytes(l, quote);
}

void log_u64(struct log_line *l, const char *key, uint64_t value)
{
	char digits[FMT_U64_BYTES], *at = fmt_u64(value, digits);
	size_t n = (size_t)(digits + sizeof(digits) - at);

	if (!l->on)
		return;
	if (!fits(l, n + strlen(key) + 8))
		l->full = true;
	if (add_key(l, str_from(key), STR("")))
		add_bytes(l, str_of(at, n));
}

void log_begin(struct log_line *l, enum log_level level, const char *event)
{
	static const char priority[] = { '7', '6', '4', '3' };
	char text[32];

	l->n = 0;
	l->full = false;
	l->urgent = level >= LOG_WARN;
	l->on = (int)level >= atomic_load_explicit(&the_log.least, memory_order_relaxed);
	if (!l->on)
		return;
	if (the_log.journal) {
		add_bytes(l, STR("<"));
		add_bytes(l, str_of(&priority[level], 1));
		add_bytes(l, STR(">"));
	}
	if (as_json())
		add_bytes(l, STR("{"));
	if (!the_log.journal && as_json())
		log_str(l, "time", time_text(text));
	else if (!the_log.journal && add_key(l, STR("time"), STR("")))
		add_bytes(l, time_text(text));
	log_str(l, "level", level_name(level));
	log_str(l, "event", str_from(event));
}

void log_errno(struct log_line *l, int err)
{
	int e = err < 0 ? -err : err;
	const char *name = strerrorname_np(e), *text = strerrordesc_np(e);

	if (name)
		log_str(l, "err", str_from(name));
	else
		log_u64(l, "err", (uint64_t)e);
	if (text)
		log_str(l, "reason", str_from(text));
}

/* The longest run of whole lines that one write takes. */
static struct str next_lines(struct str all)
{
	struct str lines = str_sub(all, 0, the_log.file ? all.n : WRITE_BYTES_MAX);
	ptrdiff_t end = lines.n < all.n ? str_rfind(lines, '\n') : -1;

	return end < 0 ? lines : str_sub(lines, 0, (size_t)end + 1);
}

static bool closing(void)
{
	bool yes;

	pthread_mutex_lock(&the_log.lock);
	yes = the_log.closing;
	pthread_mutex_unlock(&the_log.lock);
	return yes;
}

/* Waits as long as it takes, but not once the log is being closed. */
static bool writable(int fd, int *patience_ms)
{
	enum { STEP_MS = 100 };
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (the_log.file)
		return true;
	while (poll(&p, 1, STEP_MS) <= 0) {
		if (!closing())
			continue;
		*patience_ms -= STEP_MS;
		if (*patience_ms <= 0)
			return false;
	}
	return true;
}

static void write_out(struct str s)
{
	int patience_ms = CLOSE_WAIT_MS;

	while (s.n) {
		struct str lines = next_lines(s);
		ssize_t n;

		if (!writable(the_log.fd, &patience_ms))
			return;
		n = write(the_log.fd, lines.p, lines.n);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return; /* nobody reads; there is nobody to tell */
		s = str_skip(s, n > 0 ? (size_t)n : 0);
	}
}

static struct str finish(struct log_line *l)
{
	add_bytes(l, as_json() ? STR("}\n") : STR("\n"));
	return str_of(l->bytes, l->n);
}

static void write_lost(uint64_t lost)
{
	struct log_line l;

	if (lost == 0)
		return;
	log_begin(&l, LOG_ERROR, "log_lost");
	log_u64(&l, "lines", lost);
	write_out(finish(&l));
}

/* A write for each line would wake this thread, and the disk, for each message. */
static void gather(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += BATCH_WAIT_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	while (!the_log.hurry && !the_log.closing && the_log.fill_n < BATCH_BYTES)
		if (pthread_cond_timedwait(&the_log.filled, &the_log.lock, &until) ==
		    ETIMEDOUT)
			break;
	the_log.hurry = false;
}

static void *writer(void *unused)
{
	bool last = false;

	(void)pthread_setname_np(pthread_self(), "log");
	pthread_mutex_lock(&the_log.lock);
	while (!last) {
		uint64_t lost;
		char *full;
		size_t n;

		last = the_log.closing;
		if (the_log.fill_n == 0 && the_log.lost == 0) {
			the_log.idle = true;
			if (!last)
				pthread_cond_wait(&the_log.filled, &the_log.lock);
			the_log.idle = false;
			continue;
		}
		gather();
		full = the_log.fill;
		n = the_log.fill_n;
		lost = the_log.lost;
		the_log.fill = the_log.drain;
		the_log.drain = full;
		the_log.fill_n = 0;
		the_log.lost = 0;
		the_log.writing = true;
		pthread_mutex_unlock(&the_log.lock);
		write_out(str_of(full, n));
		write_lost(lost);
		pthread_mutex_lock(&the_log.lock);
		the_log.writing = false;
		last = false; /* more may have come meanwhile */
	}
	pthread_mutex_unlock(&the_log.lock);
	return unused;
}

void log_end(struct log_line *l)
{
	struct str s;
	bool wake;

	if (!l->on)
		return;
	s = finish(l);
	if (!atomic_load_explicit(&the_log.open, memory_order_acquire)) {
		(void)!write(the_log.fd, s.p, s.n);
		return;
	}
	pthread_mutex_lock(&the_log.lock);
	if (s.n <= BACKLOG_BYTES - the_log.fill_n) {
		memcpy(the_log.fill + the_log.fill_n, s.p, s.n);
		the_log.fill_n += s.n;
	} else {
		the_log.lost++;
	}
	wake = the_log.idle;
	if (!the_log.hurry && (l->urgent || the_log.fill_n >= BATCH_BYTES))
		wake = the_log.hurry = true;
	the_log.idle = false;
	pthread_mutex_unlock(&the_log.lock);
	if (wake)
		pthread_cond_signal(&the_log.filled);
}

/* systemd.exec(5): JOURNAL_STREAM names device and inode of the stream to the journal. */
static bool is_journal(int fd)
{
	struct str have = str_from(getenv("JOURNAL_STREAM")), device;
	struct stat st;
	uint64_t dev, ino;

	if (!str_split(&have, ':', &device) || fstat(fd, &st) < 0)
		return false;
	return str_to_u64(device, UINT64_MAX, &dev) == 0 &&
	       str_to_u64(have, UINT64_MAX, &ino) == 0 && dev == st.st_dev &&
	       ino == st.st_ino;
}

static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* 0 or -errno. The pause of gather() is not to depend on somebody setting the clock. */
static int writer_start(void)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&the_log.filled, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return -pthread_create(&the_log.thread, NULL, writer, NULL);
}

int log_open(int fd, enum log_format format, enum log_level least)
{
	int e;

	assert(!the_log.open);
	the_log.fill = mem_alloc(BACKLOG_BYTES);
	the_log.drain = mem_alloc(BACKLOG_BYTES);
	the_log.fill_n = 0;
	the_log.closing = false;
	e = the_log.fill && the_log.drain ? 0 : -ENOMEM;
	if (e == 0) {
		the_log.fd = fd;
		the_log.file = is_file(fd);
		e = writer_start();
	}
	if (e < 0) {
		the_log.fd = STDERR_FILENO;
		mem_free(the_log.fill);
		mem_free(the_log.drain);
		return e;
	}
	the_log.least = (int)least;
	the_log.format = (int)format;
	the_log.journal = is_journal(fd);
	atomic_store_explicit(&the_log.open, true, memory_order_release);
	return 0;
}

void log_flush(void)
{
	const struct timespec step = { .tv_nsec = FLUSH_STEP_MS * 1000000L };
	bool busy = atomic_load(&the_log.open);

	for (int i = 0; busy && i < CLOSE_WAIT_MS / FLUSH_STEP_MS; i++) {
		pthread_mutex_lock(&the_log.lock);
		busy = the_log.fill_n || the_log.writing;
		the_log.hurry |= the_log.fill_n > 0;
		pthread_cond_signal(&the_log.filled);
		pthread_mutex_unlock(&the_log.lock);
		if (busy)
			nanosleep(&step, NULL);
	}
}

void log_close(void)
{
	if (!the_log.open)
		return;
	atomic_store(&the_log.open, false);
	pthread_mutex_lock(&the_log.lock);
	the_log.closing = true;
	the_log.hurry = false;
	pthread_cond_signal(&the_log.filled);
	pthread_mutex_unlock(&the_log.lock);
	pthread_join(the_log.thread, NULL);
	mem_free(the_log.fill);
	mem_free(the_log.drain);
	the_log.fill = the_log.drain = NULL;
	the_log.fd = STDERR_FILENO;
	the_log.least = LOG_INFO;
	the_log.format = LOG_LOGFMT;
	the_log.journal = the_log.file = the_log.hurry = false;
}

void log_text(enum log_level level, const char *event, int err, const char *fmt, ...)
{
	char text[512];
	struct log_line l;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_begin(&l, level, event);
	log_str(&l, "text", str_from(text));
	if (err)
		log_errno(&l, err);
	log_end(&l);
}

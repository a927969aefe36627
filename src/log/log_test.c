#include "base/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "log/log.h"

struct reader {
	int fds[2];
	pthread_t thread;
	struct buf all;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	char part[4096];
	ssize_t n;

	while ((n = read(r->fds[0], part, sizeof(part))) > 0)
		buf_add_bytes(&r->all, part, (size_t)n);
	return NULL;
}

static void reader_open(struct reader *r, enum log_format format)
{
	*r = (struct reader){ 0 };
	assert_int_equal(pipe(r->fds), 0);
	assert_int_equal(log_open(r->fds[1], format, LOG_INFO), 0);
}

static struct str reader_close(struct reader *r)
{
	assert_int_equal(pthread_create(&r->thread, NULL, read_all, r), 0);
	log_close();
	close(r->fds[1]);
	pthread_join(r->thread, NULL);
	close(r->fds[0]);
	return buf_str(&r->all);
}

/* The time is the only thing that a test cannot know. */
static struct str without_time(struct str line, struct str lead)
{
	assert_true(str_starts(line, lead));
	line = str_skip(line, lead.n);
	for (size_t i = 0; i < 27; i++) {
		char want = "0000-00-00T00:00:00.000000Z"[i];

		assert_true(want == '0' ? ch_digit(line.p[i]) : line.p[i] == want);
	}
	return str_skip(line, 27);
}

static void some_line(enum log_level level)
{
	struct log_line l;

	log_begin(&l, level, "message_stored");
	log_str(&l, "id", STR("1f3a"));
	log_u64(&l, "bytes", UINT64_MAX);
	log_str(&l, "from", STR("a b=\"c\"\r\n\x1b\xff ü"));
	log_str(&l, "empty", STR(""));
	log_errno(&l, -ENOSPC);
	log_end(&l);
}

static void test_logfmt(void **state)
{
	struct reader r;

	(void)state;
	reader_open(&r, LOG_LOGFMT);
	some_line(LOG_DEBUG);
	some_line(LOG_WARN);
	assert_str(
		without_time(reader_close(&r), STR("time=")),
		STR(" level=warn event=message_stored id=1f3a bytes=18446744073709551615 "
		    "from=\"a b=\\\"c\\\"\\r\\n\\u001b\\xff ü\" empty=\"\" err=ENOSPC "
		    "reason=\"No space left on device\"\n"));
	buf_done(&r.all);
}

static void test_json(void **state)
{
	struct reader r;

	(void)state;
	reader_open(&r, LOG_JSON);
	some_line(LOG_INFO);
	assert_str(
		without_time(reader_close(&r), STR("{\"time\":\"")),
		STR("\",\"level\":\"info\",\"event\":\"message_stored\",\"id\":\"1f3a\","
		    "\"bytes\":18446744073709551615,"
		    "\"from\":\"a b=\\\"c\\\"\\r\\n\\u001b\\\\xff ü\",\"empty\":\"\","
		    "\"err\":\"ENOSPC\",\"reason\":\"No space left on device\"}\n"));
	buf_done(&r.all);
}

static void test_journal(void **state)
{
	struct reader r = { 0 };
	struct stat st;
	char stream[64];

	(void)state;
	assert_int_equal(pipe(r.fds), 0);
	assert_int_equal(fstat(r.fds[1], &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_int_equal(log_open(r.fds[1], LOG_LOGFMT, LOG_DEBUG), 0);
	unsetenv("JOURNAL_STREAM");
	log_text(LOG_ERROR, "start", 0, "no %s", "way");
	log_text(LOG_DEBUG, "start", EPERM, "x");
	assert_str(reader_close(&r), STR("<3>level=error event=start text=\"no way\"\n"
					 "<7>level=debug event=start text=x err=EPERM "
					 "reason=\"Operation not permitted\"\n"));
	buf_done(&r.all);
}

static void test_long_lines_are_cut(void **state)
{
	enum log_format format;
	static char text[3000];
	struct reader r;

	(void)state;
	memset(text, '\n', sizeof(text));
	for (format = LOG_LOGFMT; format <= LOG_JSON; format++) {
		struct log_line l;
		struct str s;

		for (size_t len = 380; len < 520; len++) {
			reader_open(&r, format);
			log_begin(&l, LOG_INFO, "x");
			log_str(&l, "a", str_of(text, len));
			log_str(&l, "b", STR("later"));
			log_u64(&l, "c", UINT64_MAX);
			log_end(&l);
			s = reader_close(&r);
			assert_true(s.n <= sizeof(l.bytes));
			assert_int_equal(str_find(s, '\n'), (ptrdiff_t)s.n - 1);
			assert_true(format == LOG_LOGFMT ||
				    str_ends_nocase(s, STR("}\n")));
			if (len > 500)
				assert_true(str_ends_nocase(s, format == LOG_JSON
								       ? STR("…\"}\n")
								       : STR("…\"\n")));
			buf_done(&r.all);
		}
	}
}

/* Plain text is copied in runs; where one does not fit, it is cut. */
static void test_long_plain_text_is_cut(void **state)
{
	static char text[2000];
	struct reader r;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t len = 880; len < 1040; len++) {
		struct log_line l;
		struct str s;

		reader_open(&r, LOG_LOGFMT);
		log_begin(&l, LOG_INFO, "x");
		log_str(&l, "a", str_of(text, len));
		log_str(&l, "b", STR("later"));
		log_end(&l);
		s = reader_close(&r);
		assert_true(s.n <= sizeof(l.bytes));
		if (len < 900)
			assert_true(str_ends_nocase(s, STR("x b=later\n")));
		if (len > 1000) {
			assert_true(str_ends_nocase(s, STR("xxx…\n")));
			assert_true(s.n > sizeof(l.bytes) - 16);
		}
		buf_done(&r.all);
	}
}

static off_t file_bytes(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

/* A file takes any number of bytes at once; an ordinary line waits a moment, no more. */
static void test_into_a_file(void **state)
{
	char name[] = "/tmp/postern-log-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(log_open(fd, LOG_LOGFMT, LOG_INFO), 0);
	some_line(LOG_INFO);
	for (int i = 0; i < 10000 && file_bytes(fd) == 0; i++)
		usleep(1000);
	assert_true(file_bytes(fd) > 0);
	for (int i = 0; i < 1000; i++)
		some_line(LOG_INFO);
	log_flush();
	assert_int_equal(file_bytes(fd) % 1001, 0);
	log_close();
	close(fd);
}

/* Nobody reads: callers go on, whole lines are lost and counted, none is torn. */
static void test_stalled_reader(void **state)
{
	enum { LINES = 20000 };
	size_t whole = 0, lost = 0;
	struct str all, line;
	struct reader r;

	(void)state;
	reader_open(&r, LOG_LOGFMT);
	for (int i = 0; i < LINES; i++) {
		struct log_line l;

		log_begin(&l, LOG_INFO, "tick");
		log_u64(&l, "n", (uint64_t)i);
		log_end(&l);
	}
	all = reader_close(&r);
	while (str_split(&all, '\n', &line) && line.n) {
		struct str rest = without_time(line, STR("time="));
		uint64_t n;

		if (str_starts(rest, STR(" level=info event=tick n="))) {
			whole++;
			continue;
		}
		assert_true(str_starts(rest, STR(" level=error event=log_lost lines=")));
		assert_int_equal(str_to_u64(str_skip(rest, 34), LINES, &n), 0);
		lost += n;
	}
	assert_true(lost > 0);
	assert_int_equal(whole + lost, LINES);
	buf_done(&r.all);
}

static void test_before_open(void **state)
{
	char text[256];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	log_text(LOG_WARN, "early", 0, "x");
	log_text(LOG_DEBUG, "early", 0, "unwanted");
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(fds[1]);
	n = read(fds[0], text, sizeof(text));
	close(fds[0]);
	assert_true(n > 0);
	assert_str(without_time(str_of(text, (size_t)n), STR("time=")),
		   STR(" level=warn event=early text=x\n"));
	log_close();
}

/* Those who end at once say why first. */
static void flush_waits_for_the_writer(void **state)
{
	char bytes[4096];
	int fds[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(log_open(fds[1], LOG_LOGFMT, LOG_INFO), 0);
		log_text(LOG_ERROR, "last_words", 0, "%d", i);
		log_flush();
		n = read(fds[0], bytes, sizeof(bytes));
		assert_true(n > 0 && bytes[n - 1] == '\n');
		log_close();
	}
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logfmt),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_long_plain_text_is_cut),
		cmocka_unit_test(test_into_a_file),
		cmocka_unit_test(test_stalled_reader),
		cmocka_unit_test(test_before_open),
		cmocka_unit_test(flush_waits_for_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

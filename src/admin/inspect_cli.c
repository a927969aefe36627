#include "admin/inspect_cli.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/inspect_print.h"
#include "base/mem.h"
#include "inspect/inspector.h"

enum {
	EXIT_CLEAN,
	EXIT_FINDINGS,
	EXIT_UNREADABLE,
};

enum {
	READ_BYTES = 65536,
	DIRECTORIES_MAX = 64,
	SECONDS_MAX = 60, /* for one file */
};

struct inspect_arguments {
	bool json, table, raw;
};

#define ARGUMENT(field) offsetof(struct inspect_arguments, field)

static const struct option_spec specs[] = {
	{ "json", 0, OPTION_FLAG, ARGUMENT(json), NULL, "print an object for each file" },
	{ "table", 0, OPTION_FLAG, ARGUMENT(table), NULL,
	  "one line for each file; so it is for a directory" },
	{ "raw", 0, OPTION_FLAG, ARGUMENT(raw), NULL,
	  "the files are no messages: look at each as at an attachment" },
};

static const struct option_table table = {
	.usage = "postern inspect [option…] FILE…",
	.about = "Look into message files as the server would: the tree of parts, "
		 "findings.\n"
		 "A directory stands for the files in it; - is standard input.",
	.specs = specs,
	.count = COUNT_OF(specs),
	.notes = "Exit status: 0 nothing found; 1 something worse than a note; 2 a file "
		 "could "
		 "not be read; 64 usage.",
};

struct run {
	const struct cli *cli;
	struct inspect_arguments args;
	struct inspector inspector; /* all files go through one, as long as it lives */
	int code;
	unsigned depth; /* of directories */
};

/* What an error of the inspector means to people; NULL: it is one of the system. */
static const char *trouble(int err)
{
	return err == -EPIPE       ? "the process that read it has died"
	       : err == -ETIMEDOUT ? "the process that read it took too long"
	       : err == -EBADMSG   ? "the process that read it answered nonsense"
				   : NULL;
}

static void unreadable(struct run *r, const char *path, int err)
{
	fputs("postern inspect: ", r->cli->err);
	cli_print(r->cli->err, str_from(path));
	fprintf(r->cli->err, ": %s\n", trouble(err) ? trouble(err) : strerror(-err));
	r->code = EXIT_UNREADABLE;
}

/* The whole file to the inspector. 0 or -errno. */
static int feed(const struct run *r, int fd, int64_t until)
{
	enum inspector_frame frame = r->args.raw ? FRAME_FILE : FRAME_MESSAGE;
	char *chunk = arena_alloc(r->cli->arena, READ_BYTES);
	int rc = chunk ? 0 : -ENOMEM;
	ssize_t n;

	while (!rc && (n = read(fd, chunk, READ_BYTES)) != 0)
		rc = n < 0 ? -errno
			   : inspector_send(&r->inspector, frame,
					    str_of(chunk, (size_t)n), until);
	return rc;
}

static int ask(struct run *r, const char *path, int fd, struct inspect_report *ret)
{
	int64_t until = inspector_now_us() + SECONDS_MAX * USEC_PER_SEC;
	const char *slash = strrchr(path, '/');
	int rc = r->inspector.fd < 0 ? inspector_start(&r->inspector) : 0;

	if (!rc && r->args.raw)
		rc = inspector_send(&r->inspector, FRAME_NAME,
				    str_from(slash ? slash + 1 : path), until);
	rc = rc ? rc : feed(r, fd, until);
	rc = rc ? rc : inspector_send(&r->inspector, FRAME_END, STR_NONE, until);
	return rc ? rc : inspector_answer(&r->inspector, r->cli->arena, until, ret);
}

/* After any error the inspector is another one: what is left of this one is unknown. */
static int inspect_one(struct run *r, const char *path, int fd)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	struct arena_mark mark = arena_mark(r->cli->arena);
	struct inspect_report report;
	int rc = ask(r, path, fd, &report);

	if (rc == 0) {
		if (r->args.json)
			inspect_print_json(&report, str_from(path), &text);
		else if (r->args.table)
			inspect_print_line(&report, str_from(path), &text);
		else
			inspect_print_text(&report, str_from(path), &text);
		(void)fwrite(text.p ? text.p : "", 1, text.n, r->cli->out);
		rc = text.err;
		if (report.worst > INSPECT_NOTE && r->code == EXIT_CLEAN)
			r->code = EXIT_FINDINGS;
	} else {
		inspector_stop(&r->inspector);
	}
	arena_rewind(r->cli->arena, mark);
	return rc;
}

static void inspect_path(struct run *r, const char *path);

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* The bound on directories within one another is DIRECTORIES_MAX. */
static void inspect_directory(struct run *r, const char *path)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, no_dots, alphasort);

	if (n < 0 || r->depth == DIRECTORIES_MAX) {
		unreadable(r, path, n < 0 ? -errno : -ELOOP);
		n = n < 0 ? 0 : n;
	}
	r->args.table = true;
	r->depth++;
	for (int i = 0; i < n; i++) {
		struct arena_mark mark = arena_mark(r->cli->arena);
		struct str child = arena_printf(r->cli->arena, "%s/%s", path,
						names[i]->d_name);

		if (r->depth <= DIRECTORIES_MAX && child.p)
			inspect_path(r, child.p);
		arena_rewind(r->cli->arena, mark);
		mem_free(names[i]);
	}
	r->depth--;
	mem_free(names);
}

static void inspect_path(struct run *r, const char *path)
{
	struct stat st;
	int rc, fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
					    : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0) {
		unreadable(r, path, -errno);
	} else if (S_ISDIR(st.st_mode)) {
		inspect_directory(r, path);
	} else {
		rc = inspect_one(r, path, fd);
		if (rc < 0)
			unreadable(r, path, rc);
	}
	if (fd >= 0)
		(void)close(fd);
}

int inspect_cli(const struct cli *cli)
{
	struct run r = { .cli = cli, .inspector = { .fd = -1 } };
	struct option_list files = { 0 };
	int e = options_parse(&table, cli, &r.args, &files);

	if (e != 0)
		return e == 1 ? EX_OK : e == -ENOMEM ? EX_OSERR : EX_USAGE;
	if (!files.n) {
		fprintf(cli->err, "postern inspect: which file?\nusage: %s\n",
			table.usage);
		return EX_USAGE;
	}
	r.args.table = r.args.table || files.n > 1;
	for (size_t i = 0; i < files.n; i++)
		inspect_path(&r, files.v[i].p);
	inspector_stop(&r.inspector);
	return r.code;
}

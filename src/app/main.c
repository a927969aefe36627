/* The program: one binary, subcommands. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/explain_cli.h"
#include "admin/inspect_cli.h"
#include "admin/options.h"
#include "admin/queue_cli.h"
#include "admin/send_cli.h"
#include "admin/spool_cli.h"
#include "app/config.h"
#include "app/master.h"
#include "inspect/inspector.h"

#define CONFIG_PATH "/etc/postern/postern.conf"

struct serve_options {
	struct str config;
};

struct check_options {
	struct str config;
	bool json, markdown;
};

static const struct option_spec serve_specs[] = {
	{ "config", 'c', OPTION_TEXT, offsetof(struct serve_options, config), "FILE",
	  "configuration file (" CONFIG_PATH ")" },
};
static const struct option_table serve_table = {
	"postern serve [-c FILE]",
	"Receive, keep, deliver and relay mail, in the foreground. Logs to stderr.\n"
	"SIGTERM ends in order, SIGHUP reads the configuration again.",
	serve_specs, COUNT_OF(serve_specs), NULL
};

static const struct option_spec check_specs[] = {
	{ "config", 'c', OPTION_TEXT, offsetof(struct check_options, config), "FILE",
	  "configuration file (" CONFIG_PATH ")" },
	{ "json", 0, OPTION_FLAG, offsetof(struct check_options, json), NULL,
	  "print the faults as JSON" },
	{ "reference", 0, OPTION_FLAG, offsetof(struct check_options, markdown), NULL,
	  "print the reference of all settings (Markdown) instead" },
};
static const struct option_table check_table = {
	"postern check [-c FILE]",
	"Check a configuration: every fault with its place, the rule and the remedy.",
	check_specs, COUNT_OF(check_specs),
	"Exit status: 0 usable, 78 (EX_CONFIG) not usable, 66 (EX_NOINPUT) not readable."
};

/* As many descriptors as the system lets us have; how many these are. */
static uint64_t raise_descriptors(void)
{
	struct rlimit r = { 0 };

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 1024;
	if (r.rlim_cur < r.rlim_max) {
		struct rlimit more = { .rlim_cur = r.rlim_max, .rlim_max = r.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			r = more;
	}
	return r.rlim_cur == RLIM_INFINITY ? 1u << 20 : r.rlim_cur;
}

/* Load, with every fault told on err. 0 or the exit status. */
static int load(const char *path, const struct app_options *o, bool json, FILE *err,
		struct app_config **ret)
{
	CLEANUP(buf_done) struct buf text = { 0 };
	CLEANUP(buf_done) struct buf faults = { 0 };
	struct arena arena = { 0 };
	struct conf_diags diags = { .arena = &arena };
	int e = app_config_read(path, &text);

	if (e < 0) {
		(void)fprintf(err, "postern: %s: %s. Give another file with -c FILE.\n",
			      path, strerror(-e));
		return EX_NOINPUT;
	}
	e = app_config_load(buf_str(&text), str_from(path), o, &diags, ret);
	if (json)
		conf_diags_json(&diags, &faults);
	else
		conf_diags_text(&diags, &faults);
	(void)fwrite(faults.p ? faults.p : "", 1, faults.n, err);
	arena_done(&arena);
	if (e == -ENOMEM)
		(void)fprintf(err, "postern: out of memory\n");
	return e == 0 ? 0 : e == -EBADMSG ? EX_CONFIG : EX_OSERR;
}

/* Relative paths of a configuration are below the place where postern was started. */
static struct str working_directory(char *ret, size_t size)
{
	return getcwd(ret, size) ? str_from(ret) : STR("/");
}

static const char *path_of(const struct cli *cli, struct str given)
{
	struct str copy = arena_str(cli->arena, given);

	return given.n && copy.p ? copy.p : CONFIG_PATH;
}

static int serve(const struct cli *cli)
{
	struct serve_options opt = { 0 };
	struct option_list rest = { 0 };
	char directory[1024];
	struct app_options o = { .descriptors_max = raise_descriptors() };
	struct app_config *c = NULL;
	int e = options_parse(&serve_table, cli, &opt, &rest);

	if (e != 0)
		return e == 1 ? EX_OK : EX_USAGE;
	o.directory = working_directory(directory, sizeof(directory));
	e = load(path_of(cli, opt.config), &o, false, cli->err, &c);
	return e ? e : master_run(path_of(cli, opt.config), c, &o);
}

static int check(const struct cli *cli)
{
	CLEANUP(buf_done) struct buf page = { 0 };
	struct check_options opt = { 0 };
	struct option_list rest = { 0 };
	char directory[1024];
	struct app_options o = { .descriptors_max = raise_descriptors() };
	struct app_config *c = NULL;
	int e = options_parse(&check_table, cli, &opt, &rest);

	if (e != 0)
		return e == 1 ? EX_OK : EX_USAGE;
	if (opt.markdown) {
		conf_schema_markdown(&app_schema, &page);
		(void)fwrite(page.p ? page.p : "", 1, page.n, cli->out);
		return page.err ? EX_OSERR : EX_OK;
	}
	o.directory = working_directory(directory, sizeof(directory));
	e = load(path_of(cli, opt.config), &o, opt.json, cli->out, &c);
	if (e == 0 && !opt.json)
		(void)fprintf(cli->out, "%s: usable\n", path_of(cli, opt.config));
	app_config_drop(c);
	return e;
}

static int inspector(const struct cli *cli)
{
	(void)cli;
	inspector_main();
}

static const struct {
	const char *name, *about;
	int (*run)(const struct cli *cli);
} commands[] = {
	{ "serve", "receive, keep, deliver and relay mail", serve },
	{ "check", "check a configuration file", check },
	{ "explain", "show what happened to a message, and why", explain_cli },
	{ "inspect", "look into message files", inspect_cli },
	{ "inspector", NULL, inspector }, /* the server runs it, people do not */
	{ "queue", "look at the queue and change it", queue_cli },
	{ "send", "send a message, showing the dialogue", send_cli },
	{ "spool", "look into the spool on disk, with or without the server", spool_cli },
};

static void usage(FILE *out)
{
	(void)fprintf(out, "Usage: postern COMMAND [OPTION…]\n\n"
			   "A mail server and mail gate. Commands:\n\n");
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (commands[i].about)
			(void)fprintf(out, "  %-10s %s\n", commands[i].name,
				      commands[i].about);
	(void)fprintf(out,
		      "\npostern COMMAND --help tells more. postern --version tells the "
		      "version.\n");
}

static int run(int argc, char **argv, struct arena *arena)
{
	const char *names[COUNT_OF(commands)], *meant;
	struct cli cli = { argc - 1, argv + 1, stdout, stderr, arena };

	if (argc < 2) {
		usage(stderr);
		return EX_USAGE;
	}
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		names[i] = commands[i].name;
		if (strcmp(argv[1], names[i]) == 0)
			return commands[i].run(&cli);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return EX_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("postern %s\n", POSTERN_VERSION);
		return EX_OK;
	}
	meant = options_suggest(str_from(argv[1]), names, COUNT_OF(commands));
	(void)fprintf(stderr,
		      "postern: no command \"%s\"%s%s%s; postern --help lists them\n",
		      argv[1], meant ? ", did you mean \"" : "", meant ? meant : "",
		      meant ? "\"" : "");
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	struct arena arena = { 0 };
	int status = run(argc, argv, &arena);

	arena_done(&arena);
	return status;
}

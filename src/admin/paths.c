#include "admin/paths.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct conf_key control_keys[] = {
	{ .name = "path",
	  .type = CONF_T_STRING,
	  .offset = offsetof(struct control_settings, path),
	  .help = "unix socket for operators; by default \"control\" beside the spool" },
};

const struct conf_schema control_schema = {
	.name = "control",
	.bytes = sizeof(struct control_settings),
	.keys = control_keys,
	.key_count = COUNT_OF(control_keys),
};

struct str admin_path_beside(struct str spool_path, const char *name, struct arena *a)
{
	ptrdiff_t slash;

	while (spool_path.n > 1 && spool_path.p[spool_path.n - 1] == '/')
		spool_path.n--;
	slash = str_rfind(spool_path, '/');
	if (slash < 0)
		return arena_str(a, str_from(name));
	return arena_printf(a, "%.*s/%s", (int)slash, spool_path.p, name);
}

static int read_all(int fd, size_t n, struct arena *a, struct str *ret)
{
	char *p = arena_alloc(a, n + 1);
	size_t have = 0;
	ssize_t got = 1;

	if (!p)
		return -ENOMEM;
	while (have < n && got > 0) {
		got = read(fd, p + have, n - have);
		if (got < 0)
			return -errno;
		have += (size_t)got;
	}
	*ret = str_of(p, have);
	return 0;
}

static int file_read(const char *path, struct arena *a, struct str *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int e;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		e = -errno;
	else if (st.st_size > CONF_BYTES_MAX)
		e = -EFBIG;
	else
		e = read_all(fd, (size_t)st.st_size, a, ret);
	close(fd);
	return e;
}

/* `name { path = … }`, or name = … for short. */
static struct str path_in(const struct conf_node *root, struct str name)
{
	struct conf_node *node = conf_get(root, name);

	if (node && node->kind == CONF_OBJECT)
		node = conf_get(node, STR("path"));
	if (!node || (node->kind != CONF_WORD && node->kind != CONF_STRING))
		return STR_NONE;
	return node->value;
}

static void take(struct admin_paths *p, const struct conf_node *root, struct arena *a)
{
	struct str spool = path_in(root, STR("spool"));

	if (!p->control.n)
		p->control = path_in(root, STR("control"));
	if (!p->control.n && spool.n)
		p->control = admin_path_beside(spool, "control", a);
	if (!p->record.n)
		p->record = path_in(root, STR("record"));
	if (!p->record.n && spool.n)
		p->record = admin_path_beside(spool, "record", a);
}

static int conf_take(const struct cli *cli, struct admin_paths *p, const char *file)
{
	struct conf_diags diags = { .arena = cli->arena };
	struct conf_node *root;
	struct str text;
	int e;

	e = file_read(file, cli->arena, &text);
	if (!e)
		e = conf_parse(text, str_from(file), cli->arena, &diags, &root);
	if (e == -EBADMSG)
		fprintf(cli->err,
			"postern: %s is not well-formed; \"postern check -c %s\" says "
			"where\n",
			file, file);
	else if (e < 0)
		fprintf(cli->err, "postern: cannot read %s: %s\n", file, strerror(-e));
	else
		take(p, root, cli->arena);
	return e;
}

int admin_paths_find(const struct cli *cli, struct admin_paths *p)
{
	const char *file = ADMIN_CONF_DEFAULT;
	struct str given;

	if (p->control.n && p->record.n)
		return 0;
	if (p->conf.n) {
		given = arena_str(cli->arena, p->conf);
		if (!given.p)
			return -ENOMEM;
		return conf_take(cli, p, given.p);
	}
	if (access(file, F_OK) == 0)
		return conf_take(cli, p, file);
	if (p->control.n || p->record.n)
		return 0;
	fprintf(cli->err,
		"postern: where is the server? There is no %s;\n"
		"name its configuration with -c FILE, or its socket with --control "
		"PATH\n",
		file);
	return -EINVAL;
}

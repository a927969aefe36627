#include "admin/paths.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/tree.h"

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

static bool is_text(const struct conf_node *node)
{
	return node && (node->kind == CONF_WORD || node->kind == CONF_STRING);
}

static void take(struct admin_paths *p, const struct conf_node *root, struct arena *a)
{
	const struct conf_node *control = root ? conf_get(root, STR("control")) : NULL;
	const struct conf_node *spool = root ? conf_get(root, STR("spool")) : NULL;
	struct str spool_path = STR(ADMIN_SPOOL_DEFAULT);

	if (spool && spool->kind == CONF_OBJECT)
		spool = conf_get(spool, STR("path"));
	if (is_text(spool))
		spool_path = spool->value;
	if (!p->spool.n)
		p->spool = spool_path;
	if (!p->control.n)
		p->control = is_text(control) ? control->value
					      : STR(ADMIN_CONTROL_DEFAULT);
	if (!p->record.n)
		p->record = arena_printf(a, "%.*s/record", STR_ARG(spool_path));
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
	struct str given;

	if (p->control.n && p->record.n)
		return 0;
	if (p->conf.n) {
		given = arena_str(cli->arena, p->conf);
		return given.p ? conf_take(cli, p, given.p) : -ENOMEM;
	}
	if (!p->control.n && access(ADMIN_CONF_DEFAULT, F_OK) == 0)
		return conf_take(cli, p, ADMIN_CONF_DEFAULT);
	take(p, NULL, cli->arena);
	return 0;
}

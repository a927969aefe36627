/* Where an accepted address goes, at delivery time. */
#include "route/table.h"

static void fail(struct route *ret, struct smtp_reply reply)
{
	*ret = (struct route){ .agent = ROUTE_FAIL, .key = STR("fail"), .reply = reply };
}

static void choose_maildir(const struct table_domain *d, struct str local,
			   struct arena *a, struct route *ret)
{
	struct str name = table_lower(a, table_without_plus(d, local));

	if (!name.p) {
		fail(ret, smtp_reply_from_errno(-ENOMEM));
		return;
	}
	if (!table_mailbox_name_ok(name)) {
		fail(ret, REPLY(550, 5, 1, 1, "this name cannot be a mailbox here"));
		return;
	}
	*ret = (struct route){ .agent = ROUTE_MAILDIR, .owner = d->s->owner };
	ret->mailbox = arena_printf(a, "%.*s/%.*s", STR_ARG(d->s->mailboxes),
				    STR_ARG(name));
	ret->key = arena_printf(a, "maildir:%.*s", STR_ARG(ret->mailbox));
	if (!ret->mailbox.p || !ret->key.p)
		fail(ret, smtp_reply_from_errno(-ENOMEM));
}

static void choose_local(const struct table_domain *d, struct str local, struct arena *a,
			 struct route *ret)
{
	struct buf raw = { .bytes_max = LOCAL_PART_BYTES_MAX };

	smtp_local_unquote(local, &raw);
	if (raw.err)
		fail(ret, smtp_reply_from_errno(raw.err));
	else if (d->users_listed &&
		 !table_name(&d->users, table_without_plus(d, buf_str(&raw))) &&
		 !str_eq_nocase(buf_str(&raw), STR("postmaster")))
		fail(ret, REPLY(550, 5, 1, 1, "no such user here any more"));
	else if (d->hop.agent == ROUTE_MAILDIR)
		choose_maildir(d, buf_str(&raw), a, ret);
	else
		*ret = d->hop;
	buf_done(&raw);
}

void route_choose(const struct route_table *t, struct str address, struct arena *a,
		  struct route *ret)
{
	const struct table_domain *d;
	struct smtp_path path;

	if (smtp_mailbox_parse(address, true, &path) < 0) {
		fail(ret, REPLY(550, 5, 1, 3, "not an address"));
		return;
	}
	d = table_domain(t, path.domain);
	if (d)
		choose_local(d, path.local, a, ret);
	else if (t->has_via)
		*ret = t->via;
	else
		fail(ret, REPLY(451, 4, 4, 4,
				"no way to this domain: relay.via is not configured"));
}

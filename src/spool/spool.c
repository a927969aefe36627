#include "spool/spool.h"

#include "spool/draft.h"

CO int spool_create(struct spool *s, unsigned shard, struct draft **ret)
{
	return s->ops->create(s, shard, ret);
}

CO int draft_write(struct draft *d, struct str bytes)
{
	return d->spool->ops->write(d, bytes);
}

CO int draft_commit(struct draft **d, const struct envelope *e)
{
	struct draft *mine = *d;

	*d = NULL;
	return mine->spool->ops->commit(mine, e);
}

int draft_pieces(struct draft *d, draft_put_fn *put, void *ctx)
{
	return d->err ? d->err : d->spool->ops->pieces(d, put, ctx);
}

void draft_abandon(struct draft **d)
{
	if (*d)
		(*d)->spool->ops->abandon(*d);
	*d = NULL;
}

uint64_t draft_size(const struct draft *d)
{
	return d->size;
}

spool_id draft_id(const struct draft *d)
{
	return d->id;
}

#include "policy/inspection.h"

#include <pthread.h>

#include "base/escape.h"
#include "base/mem.h"
#include "inspect/inspector.h"
#include "log/log.h"

enum {
	PROGRAMS_MAX = 64, /* inspectors that are kept for the next message */
	EXCERPT_SHOWN = 60,
	FINDINGS_NOTED =
		20, /* of one message: what came of it must find room behind them */
	REPORT_BYTES_MAX = 64 << 20,
};

#define SET(field) offsetof(struct inspection_settings, field)
#define PROGRAM "/proc/self/exe"

static const char *const failures[] = { "defer", "pass", NULL };
static const struct conf_key keys[] = {
	{ .name = "reject",
	  .type = CONF_T_STRINGS,
	  .offset = SET(reject),
	  .help = "Mail that has such findings gets 554: grades (bad, limit, odd, risk), "
		  "classes (executable, macros, encrypted-archive, …) or ids of "
		  "findings; "
		  "postern inspect shows them. Without any, nothing is inspected." },
	{ .name = "on_failure",
	  .type = CONF_T_ENUM,
	  .offset = SET(on_failure),
	  .dflt = "defer",
	  .words = failures,
	  .help = "What happens when an inspector cannot answer: 451, or the mail is "
		  "taken "
		  "as it is." },
	{ .name = "time",
	  .type = CONF_T_TIME,
	  .offset = SET(time_us),
	  .dflt = "30s",
	  .min = 100000,
	  .max = 600000000,
	  .help = "For the inspection of one message; then the inspector is killed." },
};
const struct conf_schema inspection_schema = { "inspect",
					       sizeof(struct inspection_settings), keys,
					       COUNT_OF(keys), NULL };

struct inspection {
	struct pool *pool;
	pthread_mutex_t lock;
	struct inspector idle[PROGRAMS_MAX];
	size_t idle_count;
};

static bool is_word(struct str word)
{
	for (int i = INSPECT_RISK; i < INSPECT_GRADE_COUNT; i++)
		if (str_eq(word, inspect_grade_id((enum inspect_grade)i)))
			return true;
	for (int i = CLASS_NONE + 1; i < CLASS_COUNT; i++)
		if (str_eq(word, inspect_class_id((enum inspect_class)i)))
			return true;
	for (int i = 0; i < INSPECT_FINDING_COUNT; i++)
		if (str_eq(word, inspect_finding_id((enum inspect_finding_kind)i)))
			return true;
	for (int i = 0; i < MIME_FINDING_COUNT; i++)
		if (str_eq(word, mime_finding_id((enum mime_finding_kind)i)))
			return true;
	return false;
}

struct str inspection_unknown(const struct inspection_settings *s)
{
	for (size_t i = 0; i < s->reject.n; i++)
		if (!is_word(s->reject.v[i]))
			return s->reject.v[i];
	return STR_NONE;
}

struct inspection *inspection_new(unsigned threads)
{
	struct inspection *in = mem_alloc(sizeof(*in));

	if (!in)
		return NULL;
	pthread_mutex_init(&in->lock, NULL);
	in->pool = pool_new(threads);
	if (!in->pool) {
		mem_free(in);
		return NULL;
	}
	return in;
}

void inspection_free(struct inspection *in)
{
	if (!in)
		return;
	pool_free(in->pool);
	while (in->idle_count)
		inspector_stop(&in->idle[--in->idle_count]);
	pthread_mutex_destroy(&in->lock);
	mem_free(in);
}

/* What one thread does for one message. */
struct task {
	struct inspection *in;
	const struct inspection_content *content;
	struct inspector program;
	int64_t until_us;
	struct arena *arena;
	struct inspect_report report;
};

static int feed(void *ctx, struct str piece)
{
	struct task *t = ctx;

	return inspector_send(&t->program, FRAME_MESSAGE, piece, t->until_us);
}

static int converse(struct task *t)
{
	int rc = t->content->pieces(t->content->from, feed, t);

	if (!rc)
		rc = inspector_send(&t->program, FRAME_END, STR_NONE, t->until_us);
	return rc ? rc : inspector_answer(&t->program, t->arena, t->until_us, &t->report);
}

/* 1: one that has read mail before; 0: a fresh one; -errno. */
static int take_program(struct task *t)
{
	struct inspection *in = t->in;
	bool found;

	pthread_mutex_lock(&in->lock);
	found = in->idle_count > 0;
	if (found)
		t->program = in->idle[--in->idle_count];
	pthread_mutex_unlock(&in->lock);
	return found ? 1 : inspector_spawn(PROGRAM, &t->program);
}

static void give_program(struct task *t)
{
	struct inspection *in = t->in;

	pthread_mutex_lock(&in->lock);
	if (in->idle_count < PROGRAMS_MAX) {
		in->idle[in->idle_count++] = t->program;
		t->program.fd = -1;
	}
	pthread_mutex_unlock(&in->lock);
	inspector_stop(&t->program);
}

static int task_run(void *arg)
{
	struct task *t = arg;
	int used = take_program(t), rc;

	if (used < 0)
		return used;
	rc = converse(t);
	if (rc == -EPIPE && used) { /* it may have died long before this message came */
		inspector_stop(&t->program);
		rc = inspector_spawn(PROGRAM, &t->program);
		rc = rc ? rc : converse(t);
	}
	if (rc == 0)
		give_program(t);
	else
		inspector_stop(&t->program); /* in whatever state it is */
	return rc;
}

static bool asked_for(const struct inspection_settings *s, struct str id,
		      struct str grade, struct str class)
{
	for (size_t i = 0; i < s->reject.n; i++) {
		struct str word = s->reject.v[i];

		if (str_eq(word, id) || str_eq(word, grade) || str_eq(word, class))
			return true;
	}
	return false;
}

/* One finding, noted; the reply becomes a refusal when it is the first that the rules
 * name. */
struct judging {
	const struct inspection_settings *settings;
	struct transcript *note;
	struct arena *arena;
	struct smtp_reply reply;
	size_t noted, count;
};

struct judged {
	struct str id, grade, class, text, where, excerpt;
};

static void judge(struct judging *j, const struct judged *f)
{
	bool asked = asked_for(j->settings, f->id, f->grade, f->class);
	bool refused = asked && smtp_reply_ok(j->reply); /* by the first of them */
	char shown[EXCERPT_SHOWN * ESCAPE_BYTES_MAX];
	struct buf b = BUF_OVER(shown);

	if (str_eq(f->grade, inspect_grade_id(INSPECT_NOTE)) && !asked)
		return;
	j->count++;
	if (j->noted == FINDINGS_NOTED && !refused)
		return;
	j->noted += !refused;
	escape_add(&b, ESCAPE_PLAIN, str_sub(f->excerpt, 0, EXCERPT_SHOWN));
	transcript_notef(j->note, NOTE_DECISION, loop_wall_us(),
			 "inspect: %.*s %.*s in %.*s: %.*s%s%.*s", STR_ARG(f->grade),
			 STR_ARG(f->id), STR_ARG(f->where), STR_ARG(f->text),
			 b.n ? ": " : "", STR_ARG(buf_str(&b)));
	buf_done(&b);
	if (!refused)
		return;
	j->reply = REPLY(554, 5, 7, 1, "");
	j->reply.text = arena_printf(j->arena,
				     "not taken because of its content: %.*s (%.*s)",
				     STR_ARG(f->text), STR_ARG(f->id));
}

static struct smtp_reply judge_all(struct judging *j, const struct inspect_report *r)
{
	static const enum inspect_grade grades[] = { [MIME_NOTE] = INSPECT_NOTE,
						     [MIME_ODD] = INSPECT_ODD,
						     [MIME_LIMIT] = INSPECT_LIMIT };

	for (size_t i = 0; i < r->finding_count; i++) {
		const struct inspect_finding *f = &r->findings[i];

		judge(j,
		      &(struct judged){
			      .id = inspect_finding_id(f->kind),
			      .grade = inspect_grade_id(inspect_finding_grade(f->kind)),
			      .class = inspect_class_id(inspect_finding_class(f->kind)),
			      .text = inspect_finding_text(f->kind),
			      .where = f->object ? r->objects[f->object - 1].path
						 : STR("the message"),
			      .excerpt = f->excerpt,
		      });
	}
	for (size_t i = 0; i < r->mime_finding_count; i++) {
		const struct mime_finding *f = &r->mime_findings[i];

		judge(j, &(struct judged){
				 .id = mime_finding_id(f->kind),
				 .grade = inspect_grade_id(grades[f->grade]),
				 .text = mime_finding_text(f->kind),
				 .where = STR("the message"),
			 });
	}
	if (j->count > j->noted + 1)
		transcript_notef(j->note, NOTE_DECISION, loop_wall_us(),
				 "inspect: %zu findings in all", j->count);
	return j->reply;
}

CO struct smtp_reply inspection_run(struct inspection *in,
				    const struct inspection_settings *settings,
				    const struct inspection_content *content,
				    struct arena *a, struct transcript *note)
{
	/* The report's, which does not count as the client's envelope. */
	CLEANUP(arena_done) struct arena arena = { .bytes_max = REPORT_BYTES_MAX };
	struct task t = {
		.in = in,
		.content = content,
		.program = { .fd = -1 },
		.until_us = inspector_now_us() + settings->time_us,
		.arena = &arena,
	};
	struct judging j = { .settings = settings,
			     .note = note,
			     .arena = a,
			     .reply = REPLY(250, 2, 0, 0, "") };
	int64_t from_us = loop_now_us();
	int rc = pool_run(in->pool, task_run, &t, "inspection");

	transcript_notef(note, NOTE_WAIT, loop_wall_us(), "inspection: %lld us",
			 (long long)(loop_now_us() - from_us));
	if (rc == 0)
		return judge_all(&j, &t.report);
	log_text(LOG_ERROR, "inspection_failed", rc, "an inspector did not answer");
	transcript_notef(note, NOTE_TROUBLE, loop_wall_us(),
			 "inspection: errno %d, so %s", -rc,
			 failures[settings->on_failure]);
	return settings->on_failure == INSPECTION_PASS
		       ? j.reply
		       : REPLY(451, 4, 3, 0,
			       "the message could not be inspected; try again later");
}

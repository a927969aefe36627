/* What postern send tells: the dialogue, the answers, the exit code. */
#ifndef ADMIN_SEND_REPORT_H
#define ADMIN_SEND_REPORT_H

#include "admin/options.h"
#include "admin/send_run.h"
#include "record/render.h"

struct send_report {
	const struct cli *cli;
	const struct send_run *run;
	bool explain, json;
	enum record_lang lang;
	size_t width;
};

/* Prints; returns the exit code (sysexits.h): the worst of all recipients. */
int send_report(const struct send_report *p);

#endif

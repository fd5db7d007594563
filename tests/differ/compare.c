/* SPDX-License-Identifier: MIT */
/* Two runs beside each other, in a child that may crash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../conformance/port.h"
#include "../conformance/port_proc.h"
#include "differ.h"

static struct {
	const struct program *program;
	const struct setup *how;
	struct verdict *verdict;
	bool paper;
} job;

static struct outcome outcomes[2];

static void compare_fact(const struct fact *f, char *text, size_t size)
{
	snprintf(text, size,
	    "%s of step %d, in step %d: res %lld (%s) err %d (%s) flags 0x%x "
	    "sum %x",
	    pike_opcode_name(f->opcode), f->of, f->step, (long long)f->res,
	    f->res < 0 ? pike_error_name(f->res) : "", f->err,
	    pike_error_name(f->err), f->flags, f->sum);
}

/* The fact of o that ended the op of that step. */
static const struct fact *compare_find(
    const struct outcome *o, int from, int32_t of)
{
	for (int i = from; i < o->count; i++) {
		if (o->facts[i].of == of)
			return &o->facts[i];
	}
	return NULL;
}

/*
 * Whether the first difference is that an op that can only fail said so at
 * once here, and there waited for an event: both are allowed.
 */
static bool compare_late(const int at[2])
{
	for (int k = 0; k < 2; k++) {
		const struct outcome *o = &outcomes[k];
		if (at[k] == o->count)
			continue;
		const struct fact *f = &o->facts[at[k]];
		if (f->res >= 0 || f->err == PIKE_ECANCELED)
			continue;
		const struct fact *g =
		    compare_find(&outcomes[!k], at[!k], f->of);
		if (!g || (g->step >= f->step &&
			      (g->err == PIKE_ECANCELED || g->err == f->err)))
			return true;
	}
	return false;
}

/*
 * What the paper's system says otherwise, as doc/SEMANTICS.md has it, or as the
 * system itself does: which of several errors it sees first, how large its
 * buffers are, that what was never connected
 * has no end to poll, that a reset counts for more than the end before it.
 */
static bool compare_known(const struct fact *f, const struct fact *paper)
{
	static const struct {
		uint16_t opcode;
		int32_t here;
		int32_t paper;
	} known[] = {
	    {PIKE_SETSOCKOPT, PIKE_OK, PIKE_ENOPROTOOPT},
	    {PIKE_GETSOCKOPT, PIKE_OK, PIKE_ENOPROTOOPT},
	    {PIKE_GETSOCKOPT, PIKE_OK, PIKE_OK},
	    {PIKE_SENDMSG, PIKE_OK, PIKE_ENOTSUP},
	    {PIKE_POLL, PIKE_OK, PIKE_ECANCELED},
	};

	if (f->of != paper->of)
		return false;
	if (f->err && paper->err && f->err != PIKE_ECANCELED &&
	    paper->err != PIKE_ECANCELED)
		return true;
	/* The peer's end, and then what came of sending to it all the same:
	 * of the two Windows keeps the last. */
	if (f->res == 0 && (f->flags & PIKE_EOF) &&
	    paper->err == PIKE_ECONNRESET)
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].opcode == f->opcode && known[i].here == f->err &&
		    known[i].paper == paper->err)
			return true;
	}
	return false;
}

static int compare_skip(const struct outcome *o, int at, uint32_t attempt)
{
	while (at < o->count && o->facts[at].attempt <= attempt)
		at++;
	return at;
}

static void compare_differ(struct verdict *v, const int at[2])
{
	char text[2][200] = {"nothing", "nothing"};

	v->bad = true;
	v->step = INT32_MAX;
	for (int k = 0; k < 2; k++) {
		const struct outcome *o = &outcomes[k];
		if (at[k] == o->count)
			continue;
		compare_fact(&o->facts[at[k]], text[k], sizeof(text[k]));
		if (o->facts[at[k]].step < v->step)
			v->step = o->facts[at[k]].step;
	}
	snprintf(v->rule, sizeof(v->rule), RULE_ALIKE);
	snprintf(v->text, sizeof(v->text), "%s 0x%x: %s; %s 0x%x: %s",
	    job.how[0].backend, job.how[0].features_off, text[0],
	    job.how[1].backend, job.how[1].features_off, text[1]);
}

/* What comes late makes what follows on the same thing another story. */
static void compare_facts(struct verdict *v)
{
	const struct outcome *o = outcomes;
	bool strict = getenv("PIKE_DIFFER_STRICT") != NULL;
	int at[2] = {0, 0};

	for (;;) {
		while (at[0] < o[0].count && at[1] < o[1].count &&
		       memcmp(&o[0].facts[at[0]], &o[1].facts[at[1]],
			   sizeof(struct fact)) == 0) {
			at[0]++;
			at[1]++;
		}
		if (at[0] == o[0].count && at[1] == o[1].count)
			return;
		if (strict || at[0] == o[0].count || at[1] == o[1].count)
			break;
		bool known = job.paper && compare_known(&o[0].facts[at[0]],
					      &o[1].facts[at[1]]);
		v->known += known;
		if (!known && !compare_late(at))
			break;
		uint32_t attempt = o[0].facts[at[0]].attempt;
		if (o[1].facts[at[1]].attempt < attempt)
			attempt = o[1].facts[at[1]].attempt;
		for (int k = 0; k < 2; k++)
			at[k] = compare_skip(&o[k], at[k], attempt);
	}
	compare_differ(v, at);
}

void program_compare_paper(const struct program *p, const struct setup how[2],
    FILE *from, struct verdict *v)
{
	memset(v, 0, sizeof(*v));
	job.program = p;
	job.how = how;
	job.verdict = v;
	job.paper = true;
	v->bad = true;
	if (!program_run(p, &how[0], &outcomes[0])) {
		v->step = outcomes[0].step;
		snprintf(v->text, sizeof(v->text), "%s: %s", outcomes[0].rule,
		    outcomes[0].text);
	} else if (!paper_read(from, p, &outcomes[1])) {
		snprintf(v->text, sizeof(v->text), "the paper ends here");
	} else {
		v->bad = false;
		compare_facts(v);
	}
	v->ops = outcomes[0].ops;
}

static int compare_run(void *arg)
{
	struct verdict *v = job.verdict;

	(void)arg;
	for (int k = 0; k < 2; k++) {
		const struct setup *how = &job.how[k];
		snprintf(v->text, sizeof(v->text), "running on %s 0x%x",
		    how->backend, how->features_off);
		bool good = program_run(job.program, how, &outcomes[k]);
		v->ops += outcomes[k].ops;
		if (good)
			continue;
		v->bad = true;
		v->step = outcomes[k].step;
		snprintf(v->rule, sizeof(v->rule), "%s", outcomes[k].rule);
		snprintf(v->text, sizeof(v->text), "%s 0x%x: %s: %s",
		    how->backend, how->features_off, outcomes[k].rule,
		    outcomes[k].text);
		return 0;
	}
	compare_facts(v);
	return 0;
}

void program_compare(
    const struct program *p, const struct setup how[2], struct verdict *v)
{
	static struct verdict *shared;
	const char *fork = getenv("CK_FORK");

	if (!shared)
		shared = port_shared(sizeof(*shared));
	memset(shared, 0, sizeof(*shared));
	job.program = p;
	job.how = how;
	job.verdict = shared;
	fflush(NULL);
	int ended = -2;
	if (!fork || strcmp(fork, "no") != 0)
		ended = port_fork(compare_run, NULL);
	if (ended == -2)
		ended = compare_run(NULL);
	*v = *shared;
	if (ended == 0)
		return;
	v->bad = true;
	v->step = p->count;
	snprintf(v->rule, sizeof(v->rule), "the program lives");
	snprintf(v->text, sizeof(v->text), "died %.400s", shared->text);
}

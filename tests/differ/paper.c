/* SPDX-License-Identifier: MIT */
/*
 * Outcomes on paper, for backends that no one process has: one process writes
 * what its programs came to, a line for each fact, and another one, which runs
 * the same programs, reads it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "differ.h"

void paper_write(
    FILE *to, const struct program *p, const struct outcome *outcome)
{
	fprintf(to, "program %" PRIu64 " %d\n", p->seed, outcome->count);
	for (int i = 0; i < outcome->count; i++) {
		const struct fact *f = &outcome->facts[i];
		fprintf(to,
		    "%" PRId32 " %" PRId32 " %u %u %" PRId32 " %" PRId64
		    " %" PRIu32 " %" PRIu32 "\n",
		    f->step, f->of, (unsigned)f->opcode, (unsigned)f->flags,
		    f->err, f->res, f->sum, f->attempt);
	}
}

static bool paper_fact(FILE *from, struct fact *f)
{
	unsigned opcode, flags;
	int n = fscanf(from,
	    "%" SCNd32 " %" SCNd32 " %u %u %" SCNd32 " %" SCNd64 " %" SCNu32
	    " %" SCNu32,
	    &f->step, &f->of, &opcode, &flags, &f->err, &f->res, &f->sum,
	    &f->attempt);

	f->opcode = (uint16_t)opcode;
	f->flags = (uint16_t)flags;
	return n == 8;
}

bool paper_read(FILE *from, const struct program *p, struct outcome *outcome)
{
	uint64_t seed;

	if (fscanf(from, " program %" SCNu64 " %d", &seed, &outcome->count) !=
		2 ||
	    seed != p->seed || outcome->count < 0 || outcome->count > FACTS_MAX)
		return false;
	for (int i = 0; i < outcome->count; i++) {
		if (!paper_fact(from, &outcome->facts[i]))
			return false;
	}
	return true;
}

int paper_run(const char *path, bool writes, const struct setup *how, int count,
    int steps, char *first, size_t size)
{
	static struct program program;
	static struct outcome outcome;
	const struct setup both[2] = {*how, {"the paper's", 0, 0, false}};
	FILE *paper = fopen(path, writes ? "wb" : "rb");
	int bad = 0;

	if (!paper) {
		snprintf(first, size, "no file %s", path);
		return 1;
	}
	for (int i = 1; i <= count; i++) {
		struct verdict v = {0};
		program_make(&program, (uint64_t)i, steps);
		program.plain = true;
		if (!writes) {
			program_compare_paper(&program, both, paper, &v);
		} else if (program_run(&program, how, &outcome)) {
			paper_write(paper, &program, &outcome);
		} else {
			v.bad = true;
			v.step = outcome.step;
			snprintf(v.text, sizeof(v.text), "%s: %s", outcome.rule,
			    outcome.text);
		}
		if (v.bad)
			printf(
			    "bad program-%d: step %d: %s\n", i, v.step, v.text);
		else
			printf("same program-%d but for %d known differences\n",
			    i, v.known);
		fflush(stdout);
		if (v.bad && !bad++)
			snprintf(first, size,
			    "program %d of %d steps: step %d: %s", i, steps,
			    v.step, v.text);
		if (v.bad && (writes || feof(paper)))
			break;
	}
	fclose(paper);
	return bad;
}

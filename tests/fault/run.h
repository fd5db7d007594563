/* SPDX-License-Identifier: MIT */
/*
 * One run of a scenario: a queue, a book of its ops and handles, and the rules
 * that hold whatever the system does. Every completion goes through the book:
 * each accepted op ends once, with a code that may be told.
 */
#ifndef PIKE_TESTS_RUN_H
#define PIKE_TESTS_RUN_H

#include <check.h>
#include <pike.h>
#include <stdbool.h>

#include "kernel.h"

#define RUN_OPS     8192
#define RUN_HANDLES 96

struct run_op {
	pike_id id;
	uint16_t opcode;
	uint16_t flags;
	pike_handle handle;
	size_t len;
	bool done;
	unsigned shots; /* results with PIKE_MORE */
	unsigned shots_seen;
	int64_t res; /* of the last completion */
	int32_t err;
	uint32_t result_flags;
	uint32_t buffer;
};

struct run {
	struct pike_queue *q;
	struct pike_params params;
	struct run_op ops[RUN_OPS];
	int op_count;
	int in_flight;
	pike_handle handles[RUN_HANDLES]; /* that are open */
	int handle_count;
	/* The scenario's descriptors, and the handle that takes them along. */
	struct {
		pike_fd fd;
		pike_handle h;
	} own[RUN_HANDLES];
	int own_count;
	unsigned posts;  /* posted events that came */
	bool told[4096]; /* errors that the application was told */
	bool scarce;     /* memory may be refused */
	bool gave_up;
	int64_t group; /* of buffers, in both plays; 0 */
	int refused;   /* what opening the queue returned */
};

struct scenario {
	const char *name;
	void (*play)(struct run *run);
	struct pike_params params;
	bool is_all_timed;
	bool is_long; /* and says little new: each call fails in one way */
};

/* A way to play all of them. */
struct stage {
	const char *name;
	const char *backend;
	uint32_t features_off;
	bool tiny; /* see kernel.h */
};

extern const struct stage *stage; /* that is played on: the first */

/* Adds a test of all scenarios, once for each stage, as that stage's case. */
void stages_add(Suite *suite, const TTest *test);
/* Takes the stage and the scenario of a loop's number. */
const struct scenario *stage_take(int number);

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

/* ---- for scenarios ---- */

/* Something that is so when nothing fails. If it is not the scenario ends. */
#define WANT(run, condition)                                                   \
	do {                                                                   \
		if (!(condition)) {                                            \
			run_disappoint(run, __FILE__, __LINE__, #condition);   \
			return;                                                \
		}                                                              \
	} while (0)
void run_disappoint(
    struct run *run, const char *file, int line, const char *what);

/* Submits; null when it was refused. */
struct run_op *run_submit(struct run *run, struct pike_op op);
/* Waits until an op has ended for good, or gives it up. */
bool run_ended(struct run *run, struct run_op *op);
/* Waits for the next result of a multishot op: false when there is none. */
bool run_shot(struct run *run, struct run_op *op);
/* Both at once: the result, or INT64_MIN. */
int64_t run_do(struct run *run, struct pike_op op);
/* One reap: how many came. */
int run_reap(struct run *run, int64_t timeout_ns);
/* A descriptor of the scenario's, closed at the end. */
void run_own(struct run *run, pike_fd fd);
/* Takes one in, which is closed with the handle or at the end. */
pike_handle run_adopt(struct run *run, pike_fd fd);
/* And gives it back to the scenario. */
bool run_release(struct run *run, pike_handle h);
/* A code that a function returned. */
int64_t run_heard(struct run *run, int64_t code);

/* ---- for those who run them ---- */

/*
 * Plays a scenario once; warm: a second time on the same queue, after calling
 * warm. abandon: without ending anything before the queue is closed.
 */
void run_scenario(const struct scenario *scenario,
    const struct kernel_plan *plan, struct run *run, bool abandon,
    void (*warm)(struct run *run));

#endif

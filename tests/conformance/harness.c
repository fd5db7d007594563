/* SPDX-License-Identifier: MIT */
/* Areas, backends, and the life of a case; ops from submit to take. */
#include <stdio.h>
#include <stdlib.h>

#include "book.h"
#include "port_proc.h"

#define BACKENDS_MAX 8
#define BATCH        64
#define PATIENCE_NS  (INT64_C(10000) * NS_PER_MS)
#define CASE_SECONDS 20
#define EXIT_SKIPPED 77 /* what Automake takes for it */

/* Counted where the test runs, printed where the program ends: the two may
 * be a child and its parent. */
struct area_count {
	int cases;
	int skipped;
};

static struct {
	const char *name;
	const char *backend[BACKENDS_MAX];
	int backends;
	const char *only;
	const char *after; /* no case up to this one */
	bool names;
	uint32_t features_off;
	Suite *suite;
	TCase *tcase[BACKENDS_MAX];
	struct area_count *count;
} area;

/* The case that runs, or ran last and failed. */
static struct {
	int backend;
	const char *name;
	bool skipped;
	struct rig *rigs;
} at;

/* ---------------------------------------------------------------- areas -- */

static void area_add_backend(const char *name)
{
	if (area.backends == BACKENDS_MAX)
		abort();
	TCase *tcase = tcase_create(name);
	tcase_set_timeout(tcase, CASE_SECONDS);
	suite_add_tcase(area.suite, tcase);
	area.backend[area.backends] = name;
	area.tcase[area.backends++] = tcase;
}

void area_begin(const char *name)
{
	static char names[256];
	const char *list = getenv("PIKE_TEST_BACKENDS");
	const char *off = getenv("PIKE_TEST_FEATURES_OFF");

	/* A crash loses nothing of what was said. */
	setvbuf(stdout, NULL, _IONBF, 0);
	port_sigpipe_default();
	area.name = name;
	area.only = getenv("PIKE_TEST_CASE");
	area.after = getenv("PIKE_TEST_AFTER");
	area.names = getenv("PIKE_TEST_NAMES");
	area.features_off = off ? (uint32_t)strtoul(off, NULL, 0) : 0;
	area.suite = suite_create(name);
	area.count = port_shared(sizeof(*area.count) * BACKENDS_MAX);
	if (list && list[0]) {
		snprintf(names, sizeof(names), "%s", list);
		for (char *s = strtok(names, ","); s; s = strtok(NULL, ","))
			area_add_backend(s);
		return;
	}
	for (unsigned i = 0; pike_backend_at(i); i++)
		area_add_backend(pike_backend_at(i));
}

void area_add_test(const TTest *test)
{
	if (area.after) {
		if (strcmp(test->name, area.after) == 0)
			area.after = NULL;
		return;
	}
	if (area.only && !strstr(test->name, area.only))
		return;
	for (int i = 0; i < area.backends; i++)
		tcase_add_loop_test(area.tcase[i], test, i, i + 1);
}

int area_end(void)
{
	SRunner *runner = srunner_create(area.suite);
	int bad = area.backends == 0;
	int idle = 0;

	srunner_run_all(runner, CK_ENV);
	bad |= srunner_ntests_failed(runner) > 0;
	for (int i = 0; i < area.backends; i++) {
		const struct area_count *n = &area.count[i];
		printf("backend %s: %d cases, %d skipped\n", area.backend[i],
		    n->cases, n->skipped);
		if (n->cases == n->skipped && !area.only)
			idle++;
	}
	srunner_free(runner);
	/* Where no backend can run any, as where an allocator cannot be looked
	 * at, the program as a whole is skipped. */
	if (idle == area.backends && !bad)
		return EXIT_SKIPPED;
	return bad || idle ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---------------------------------------------------------------- cases -- */

/* What a failed case has left, when the next one runs in its process. */
static void rig_sweep(void)
{
	port_limit_files(-1);
	while (at.rigs) {
		struct rig *rig = at.rigs;
		at.rigs = rig->next;
		pike_queue_close(rig->q);
		for (int i = 0; i < rig->owned_count; i++) {
			if (port_is_open(rig->owned[i].fd))
				port_close(rig->owned[i].fd);
		}
		if (rig->temp[0])
			port_remove(rig->temp);
		book_free(rig);
		free(rig->owned);
		free(rig);
	}
}

void rig_run(int backend, const char *name, void (*body)(struct rig *))
{
	rig_sweep();
	at.backend = backend;
	at.name = name;
	at.skipped = false;
	area.count[backend].cases++;
	if (area.names)
		printf("case %s %s\n", area.backend[backend], name);
	port_watch(name, CASE_SECONDS);
	book_at(name, 0);
	int before = port_open_count();
	struct rig *rig = rig_new(NULL);
	body(rig);
	book_at(name, 0);
	for (rig = at.skipped ? NULL : at.rigs; rig; rig = rig->next) {
		if (rig->q && rig->in_flight)
			book_fail("%d ops are in flight after the test",
			    rig->in_flight);
		rig_close(rig);
		for (int i = 0; i < rig->owned_count; i++) {
			if (!port_is_open(rig->owned[i].fd))
				book_fail("a descriptor is gone that was not "
					  "pike's to close");
		}
	}
	rig_sweep();
	int after = port_open_count();
	port_watch(NULL, 0);
	if (before != after)
		book_fail(
		    "%d descriptors before the test, %d after", before, after);
}

void rig_skip(const char *why)
{
	if (at.skipped) /* a part of it was */
		return;
	area.count[at.backend].skipped++;
	at.skipped = true;
	printf("SKIP %s: %s\n", at.name, why);
}

/* --------------------------------------------------------------- queues -- */

void rig_params(struct pike_params *params)
{
	params->backend = area.backend[at.backend];
	params->features_off = area.features_off;
}

void rig_open(struct rig *rig, const struct pike_params *given)
{
	struct pike_params params = {0};
	char why[512];

	if (given)
		params = *given;
	rig_params(&params);
	int r = pike_queue_open(&rig->q, &params);
	if (r < 0) {
		pike_backend_report(NULL, why, sizeof(why));
		book_fail("opening a queue: %s\n%s", pike_error_name(r), why);
	}
	ck_assert_ptr_nonnull(rig->q);
	ck_assert_str_eq(pike_backend_name(rig->q), params.backend);
	rig->fence[0] = 0;
	book_open(rig);
}

struct rig *rig_new(const struct pike_params *params)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig->backend = area.backend[at.backend];
	rig->next = at.rigs;
	at.rigs = rig;
	rig_open(rig, params);
	return rig;
}

void rig_close(struct rig *rig)
{
	if (rig->q && rig->arrived) {
		const struct pike_completion *c = &rig->arrivals[0].done;
		book_fail("%d completions were not taken, the first: res %lld "
			  "err %d flags 0x%x",
		    rig->arrived, (long long)c->res, (int)c->err, c->flags);
	}
	pike_queue_close(rig->q);
	rig->q = NULL;
	book_free(rig);
	for (int i = 0; i < rig->owned_count; i++)
		rig->owned[i].handle = 0;
}

void rig_wake(struct rig *rig)
{
	rig->wakes++;
	ck_assert_int_eq(pike_wake(rig->q), 0);
}

/* ------------------------------------------------------------------ ops -- */

pike_id rig_submit(
    const char *file, int line, struct rig *rig, struct pike_op op)
{
	static char tags[4096];
	static unsigned tag;

	book_at(file, line);
	if (!op.user_data)
		op.user_data = &tags[tag++ % sizeof(tags)];
	struct pike_op copy = op;
	pike_id id = pike_submit(rig->q, &copy);
	if (id <= 0)
		book_fail("%s was refused: %s", pike_opcode_name(op.opcode),
		    pike_error_name(id));
	book_enter(rig, &op, id);
	/* The struct is the caller's again at once: it may hold anything. */
	memset(&copy, 0xa5, sizeof(copy));
	return id;
}

void rig_refuse(
    const char *file, int line, struct rig *rig, struct pike_op op, int code)
{
	book_at(file, line);
	pike_id id = pike_submit(rig->q, &op);
	if (id != -code)
		book_fail("%s: submit gave %lld (%s), not -%s",
		    pike_opcode_name(op.opcode), (long long)id,
		    id < 0 ? pike_error_name(id) : "an id",
		    pike_error_name(code));
}

int rig_reap(struct rig *rig, int64_t timeout_ns)
{
	return rig_reap_max(rig, BATCH, timeout_ns);
}

int rig_reap_max(struct rig *rig, unsigned max, int64_t timeout_ns)
{
	struct pike_completion done[BATCH];
	int n = pike_reap(rig->q, done, max, timeout_ns);

	if (n < 0 || n > (int)max)
		book_fail("reap gave %d (%s)", n, pike_error_name(n));
	if (n == 0 && timeout_ns < 0 && rig->wakes == 0)
		book_fail("a reap without end gave 0");
	if (n == 0)
		rig->wakes = 0;
	for (int i = 0; i < n; i++)
		book_arrive(rig, &done[i]);
	return n;
}

int arrival_of(struct rig *rig, pike_id id)
{
	for (int i = 0; i < rig->arrived; i++) {
		if (id == -1 || rig->arrivals[i].done.id == id)
			return i;
	}
	return -1;
}

bool in_flight(struct rig *rig, pike_id id)
{
	return book_find(rig, id);
}

struct pike_completion rig_wait(
    const char *file, int line, struct rig *rig, pike_id id)
{
	int i;

	book_at(file, line);
	while ((i = arrival_of(rig, id)) < 0) {
		if (id > 0 && !in_flight(rig, id))
			book_fail("waits for an op that is not in flight");
		if (rig_reap(rig, PATIENCE_NS) == 0)
			book_fail("no completion in 10 s");
	}
	struct pike_completion done = rig->arrivals[i].done;
	rig->arrived--;
	memmove(&rig->arrivals[i], &rig->arrivals[i + 1],
	    sizeof(*rig->arrivals) * (size_t)(rig->arrived - i));
	return done;
}

void rig_reap_until(const char *file, int line, struct rig *rig, pike_id id)
{
	book_at(file, line);
	while (in_flight(rig, id)) {
		if (rig_reap(rig, PATIENCE_NS) == 0)
			book_fail("no completion in 10 s");
	}
}

void rig_expect(const char *file, int line, struct rig *rig, pike_id id,
    int64_t res, int32_t err, uint32_t flags)
{
	struct pike_completion c = rig_wait(file, line, rig, id);

	if (c.res != res || c.err != err || c.flags != flags)
		book_fail("res %lld (%s) err %d (%s) os %d flags 0x%x; "
			  "expected res %lld (%s) err %d flags 0x%x",
		    (long long)c.res, c.res < 0 ? pike_error_name(c.res) : "",
		    (int)c.err, pike_error_name(c.err), (int)c.os_error,
		    c.flags, (long long)res,
		    res < 0 ? pike_error_name(res) : "", (int)err, flags);
}

void rig_expect_result(const char *file, int line, struct rig *rig, pike_id id,
    int64_t res, uint32_t flags)
{
	rig_expect(
	    file, line, rig, id, res, res < 0 ? (int32_t)-res : 0, flags);
}

void rig_expect_pending(const char *file, int line, struct rig *rig, pike_id id)
{
	book_at(file, line);
	if (arrival_of(rig, id) >= 0)
		book_fail("an op has completed that should wait");
	if (!in_flight(rig, id))
		book_fail("not in flight");
}

void rig_expect_cancelled(
    const char *file, int line, struct rig *rig, pike_id id)
{
	book_at(file, line);
	int r = pike_cancel(rig->q, id);
	if (r != 0)
		book_fail("cancel gave %s", pike_error_name(r));
	rig_expect(file, line, rig, id, -PIKE_ECANCELED, PIKE_ECANCELED, 0);
}

/* Submits what may be refused: the code, at once or completed. */
static int64_t rig_attempt(
    const char *file, int line, struct rig *rig, struct pike_op op)
{
	book_at(file, line);
	op.user_data = rig;
	pike_id id = pike_submit(rig->q, &op);
	if (id < 0)
		return id;
	book_enter(rig, &op, id);
	return rig_wait(file, line, rig, id).res;
}

void rig_expect_failure(
    const char *file, int line, struct rig *rig, struct pike_op op)
{
	if (rig_attempt(file, line, rig, op) >= 0)
		book_fail("%s did not fail", pike_opcode_name(op.opcode));
}

void rig_expect_invalid(
    const char *file, int line, struct rig *rig, struct pike_op op)
{
	int64_t res = rig_attempt(file, line, rig, op);

	if (res != -PIKE_EINVAL)
		book_fail("%s gave %lld (%s), not -PIKE_EINVAL",
		    pike_opcode_name(op.opcode), (long long)res,
		    res < 0 ? pike_error_name(res) : "");
}

int drop_arrivals(struct rig *rig)
{
	int n = rig->arrived;

	rig->arrived = 0;
	return n;
}

void fence(struct rig *rig)
{
	char byte;

	if (!rig->fence[0])
		rig_pair(rig, RIG_TCP, rig->fence);
	pike_id in = submit(rig, op_recv(rig->fence[1], &byte, 1));
	expect_op(rig, op_send(rig->fence[0], "f", 1), 1);
	expect_one(rig, in, 1, 0, 0);
	while (rig_reap(rig, 0) > 0)
		continue;
}

/* The CPU time of a wait in which nothing happens, less what is allowed. */
static int64_t idle_excess(struct rig *rig, int64_t *asked)
{
	int64_t begun = port_cpu_ns();

	for (int i = 0; i < 1000; i++)
		rig_reap(rig, 0);

	int64_t before = port_cpu_ns();
	pike_id timer = submit(rig, op_timer(100 * NS_PER_MS));

	expect_one(rig, timer, 1, 0, 0);
	*asked = before - begun;
	/* Where all is slow, what is next to nothing is more of it. */
	return port_cpu_ns() - before -
	       (*asked + port_cpu_step_ns() + NS_PER_MS) * port_fewer();
}

/*
 * What spins asks the system many thousand times in a tenth of a second, also
 * on a busy machine; what waits, a few times. The price of asking is found out
 * here, so that it does not matter how slow this machine or this build is; and
 * as others can make a moment dearer, what spins is to do so three times.
 */
void expect_idle(struct rig *rig)
{
	int64_t excess = 0, asked = 0;

	for (int i = 0; i < 3; i++) {
		excess = idle_excess(rig, &asked);
		if (excess <= 0)
			return;
	}
	book_fail("%lld us of CPU time too much while nothing happens, %lld us "
		  "for a thousand questions",
	    (long long)excess / 1000, (long long)asked / 1000);
}

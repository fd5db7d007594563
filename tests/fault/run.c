/* SPDX-License-Identifier: MIT */
/* Runs of scenarios; see run.h. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "run.h"

#define CASE_SECONDS 20

#define SECOND INT64_C(1000000000)

static const struct stage stages[] = {
#ifdef PIKE_HAVE_EPOLL
    {"epoll", "epoll", 0, false},
#endif
#ifdef PIKE_HAVE_KQUEUE
    {"kqueue", "kqueue", 0, false},
#endif
#ifdef PIKE_HAVE_URING
    {"uring", "uring", 0, false},
    {"uring, tiny", "uring", 0, true},
    {"uring, a poller", "uring", PIKE_FEATURE_NATIVE, false},
#endif
};
const struct stage *stage = stages;

void stages_add(Suite *suite, const TTest *test)
{
	const int n = (int)scenario_count;

	for (int i = 0; i < (int)(sizeof stages / sizeof *stages); i++) {
		TCase *tcase = tcase_create(stages[i].name);

		tcase_set_timeout(tcase, CASE_SECONDS);
		tcase_add_loop_test(tcase, test, i * n, (i + 1) * n);
		suite_add_tcase(suite, tcase);
	}
}

const struct scenario *stage_take(int number)
{
	stage = &stages[(unsigned)number / scenario_count];
	return &scenarios[(unsigned)number % scenario_count];
}

void run_disappoint(
    struct run *run, const char *file, int line, const char *what)
{
	if (kernel_strict() && !run->scarce)
		kernel_blame("%s:%d: not %s", file, line, what);
	run->gave_up = true;
}

int64_t run_heard(struct run *run, int64_t code)
{
	if (code < 0 && code > -4096)
		run->told[-code] = true;
	return code;
}

/* ---- what is true of every completion ---- */

static bool makes_handle(int opcode)
{
	return opcode == PIKE_SOCKET || opcode == PIKE_ACCEPT ||
	       opcode == PIKE_LISTEN_TO || opcode == PIKE_CONNECT_TO;
}

static bool moves_bytes(int opcode)
{
	return opcode >= PIKE_READ && opcode <= PIKE_SENDMSG;
}

/* Codes that no application may see: they ask for another try. */
static bool is_secret(int error)
{
	return error == PIKE_EAGAIN || error == PIKE_EINTR ||
	       error == PIKE_EINPROGRESS || error == PIKE_EUNKNOWN;
}

static void result_check(
    const struct run_op *op, const struct pike_completion *c)
{
	const char *name = pike_opcode_name(op->opcode);

	if ((c->buffer && !(c->flags & PIKE_BUFFER)) ||
	    (c->flags &
		~(PIKE_MORE | PIKE_TRUNCATED | PIKE_CONTROL_TRUNCATED |
		    PIKE_EOF | (op->flags & PIKE_GROUP ? PIKE_BUFFER : 0))))
		kernel_blame("%s: stray bits", name);
	if (!(c->flags & PIKE_BUFFER) && (op->flags & PIKE_GROUP) && c->res > 0)
		kernel_blame("%s: bytes without a buffer", name);
	if ((c->flags & PIKE_MORE) && !(op->flags & PIKE_MULTISHOT))
		kernel_blame("%s is not multishot", name);
	if (c->err < 0 || (c->err && pike_error_name(c->err)[0] == '?'))
		kernel_blame("%s: err %d", name, c->err);
	if (is_secret(c->err))
		kernel_blame("%s tells %s", name, pike_error_name(c->err));
	if (c->res < 0 && c->res != -c->err)
		kernel_blame(
		    "%s: res %lld, err %d", name, (long long)c->res, c->err);
	if (c->res >= 0 && c->err && !moves_bytes(op->opcode))
		kernel_blame("%s: a success with err %d", name, c->err);
	if (c->res >= 0 && !c->err && c->os_error && op->opcode != PIKE_CLOSE)
		kernel_blame("%s: success with os_error %d", name, c->os_error);
	if (c->res > (int64_t)op->len && !(op->flags & PIKE_GROUP) &&
	    (op->opcode == PIKE_READ || op->opcode == PIKE_WRITE ||
		op->opcode == PIKE_RECV || op->opcode == PIKE_SEND))
		kernel_blame(
		    "%s: %lld of %zu bytes", name, (long long)c->res, op->len);
}

static void handle_add(struct run *run, pike_handle h)
{
	ck_assert_int_lt(run->handle_count, RUN_HANDLES);
	run->handles[run->handle_count++] = h;
}

static void handle_remove(struct run *run, pike_handle h)
{
	for (int i = 0; i < run->handle_count; i++)
		if (run->handles[i] == h)
			run->handles[i] = run->handles[--run->handle_count];
}

/* A close takes the descriptor of an adopted handle along. */
static void handle_closed(struct run *run, pike_handle h)
{
	handle_remove(run, h);
	for (int i = 0; i < run->own_count; i++)
		if (run->own[i].h == h)
			run->own[i] = run->own[--run->own_count];
}

static void completion_take(struct run *run, const struct pike_completion *c)
{
	uintptr_t number = (uintptr_t)c->user_data;
	struct run_op *op;

	if (c->flags & PIKE_POSTED) {
		if (c->id)
			kernel_blame("a posted event with an id");
		run->posts++;
		return;
	}
	if (number < 1 || number > (uintptr_t)run->op_count)
		kernel_blame("a completion of no op");
	op = &run->ops[number - 1];
	if (op->done)
		kernel_blame(
		    "%s completes twice", pike_opcode_name(op->opcode));
	if (c->id != op->id)
		kernel_blame("%s: another id", pike_opcode_name(op->opcode));
	result_check(op, c);
	if (c->err)
		run->told[c->err] = true;
	if (c->os_error > 0 && c->os_error < 4096)
		run->told[c->os_error] = true;
	op->res = c->res;
	op->err = c->err;
	op->result_flags = c->flags;
	op->buffer = c->buffer;
	if (c->res >= 0 && makes_handle(op->opcode))
		handle_add(run, c->res);
	if (c->flags & PIKE_MORE) {
		op->shots++;
	} else {
		op->done = true;
		run->in_flight--;
	}
}

/* ---- for scenarios ---- */

int run_reap(struct run *run, int64_t timeout_ns)
{
	struct pike_completion out[16];
	int n = pike_reap(run->q, out, 16, timeout_ns);

	if (n < 0 || n > 16)
		kernel_blame("reap says %d", n);
	for (int i = 0; i < n; i++)
		completion_take(run, &out[i]);
	return n;
}

struct run_op *run_submit(struct run *run, struct pike_op op)
{
	struct run_op *book = &run->ops[run->op_count];

	ck_assert_int_lt(run->op_count, RUN_OPS);
	*book = (struct run_op){.opcode = op.opcode, .flags = op.flags};
	book->handle = op.handle;
	book->len = op.len;
	op.user_data = (void *)(uintptr_t)++run->op_count;
	book->id = pike_submit(run->q, &op);
	if (book->id > 0) {
		run->in_flight++;
		if (op.opcode == PIKE_CLOSE)
			handle_closed(run, op.handle);
		return book;
	}
	run->op_count--;
	run_heard(run, book->id);
	if (book->id == 0 || !run->scarce || book->id != -PIKE_ENOMEM)
		kernel_blame("%s is refused with %s",
		    pike_opcode_name(op.opcode), pike_error_name(book->id));
	return NULL;
}

/* Without end when there must be one. */
static bool wait_more(struct run *run)
{
	bool must = kernel_strict() && !run->scarce;

	return run_reap(run, must && !kernel.plan.is_all_timed ? -1 : SECOND);
}

/* An op whose own call failed has ended, or tries again: it does not wait for
 * an edge that never comes. Others may wait for what was lost. */
static void stuck_check(struct run *run, const struct run_op *op)
{
	pike_fd fd;

	if (!op || op->done || !kernel.name || kernel.plan.for_good ||
	    kernel.plan.storm || kernel.fd < 0 || !kernel_was_for(op->opcode))
		return;
	fd = op->handle ? pike_fd_of(run->q, op->handle) : kernel.fd;
	if (fd == kernel.fd)
		kernel_blame("%s waits on", pike_opcode_name(op->opcode));
}

bool run_ended(struct run *run, struct run_op *op)
{
	int patience = 50;

	while (op && !op->done && (wait_more(run) || kernel_strict()))
		if (--patience < 0)
			break;
	stuck_check(run, op);
	return op && op->done;
}

bool run_shot(struct run *run, struct run_op *op)
{
	int patience = 50;

	while (op && !op->done && op->shots == op->shots_seen &&
	       (wait_more(run) || kernel_strict()))
		if (--patience < 0)
			break;
	if (!op || op->shots == op->shots_seen) {
		stuck_check(run, op);
		return false;
	}
	op->shots_seen++;
	return true;
}

int64_t run_do(struct run *run, struct pike_op op)
{
	struct run_op *book = run_submit(run, op);

	return run_ended(run, book) ? book->res : INT64_MIN;
}

void run_own(struct run *run, pike_fd fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_int_lt(run->own_count, RUN_HANDLES);
	run->own[run->own_count].h = 0;
	run->own[run->own_count++].fd = fd;
}

pike_handle run_adopt(struct run *run, pike_fd fd)
{
	pike_handle h = pike_adopt(run->q, fd, 0);

	run_own(run, fd);
	run_heard(run, h);
	if (h > 0) {
		handle_add(run, h);
		run->own[run->own_count - 1].h = h;
	} else if (h != -PIKE_EBADF && h != -PIKE_ENOMEM) {
		kernel_blame("adopt says %s", pike_error_name(h));
	}
	return h;
}

bool run_release(struct run *run, pike_handle h)
{
	if (pike_release(run->q, h) < 0)
		return false;
	handle_remove(run, h);
	return true;
}

/* ---- the end of a run ---- */

/* Ends what is open and pending, and sees all of it end. */
static void run_drain(struct run *run)
{
	struct pike_op op = {.opcode = PIKE_CLOSE};

	while (run->handle_count) {
		op.handle = run->handles[run->handle_count - 1];
		if (!run_submit(run, op))
			break;
	}
	for (int i = 0; i < run->op_count; i++) {
		int code;

		if (run->ops[i].done || run->ops[i].opcode == PIKE_CLOSE ||
		    run->ops[i].opcode == PIKE_CANCEL)
			continue;
		code = pike_cancel(run->q, run->ops[i].id);
		if (code && code != -PIKE_ENOENT && code != -PIKE_EALREADY)
			kernel_blame("cancel says %s", pike_error_name(code));
	}
	for (int i = 0; run->in_flight; i++) {
		if (i == 5000)
			kernel_blame("%d ops never end", run->in_flight);
		run_reap(run, 0);
	}
	while (run_reap(run, 0) > 0)
		;
}

static void run_forget(struct run *run)
{
	run->op_count = 0;
	run->gave_up = false;
}

static void run_play(const struct scenario *scenario, struct run *run,
    bool abandon, void (*warm)(struct run *run))
{
	scenario->play(run);
	if (abandon)
		return;
	run_drain(run);
	if (!warm)
		return;
	run_forget(run);
	warm(run);
	scenario->play(run);
	run_drain(run);
}

/* Linux's SA_RESTORER: once a signal was caught it shows. */
#define LIBC_FLAG 0x04000000

/* All but what the caller has set; the book's used part only, which is far
 * smaller than the book. */
static void run_clear(struct run *run)
{
	run_forget(run);
	run->q = NULL;
	run->group = 0;
	run->in_flight = run->handle_count = run->own_count = 0;
	run->posts = 0;
	run->refused = 0;
	memset(run->told, 0, sizeof run->told);
}

/* What belongs to the process, and has to be left as it was found. */
struct process {
	struct kernel_descriptors descriptors;
	sigset_t mask;
	struct sigaction action[3];
};

static const int process_signals[] = {SIGUSR1, SIGUSR2, SIGPIPE};

static void process_look(struct process *p)
{
	memset(p, 0, sizeof *p);
	kernel_look(&p->descriptors);
	pthread_sigmask(SIG_SETMASK, NULL, &p->mask);
	for (int i = 0; i < 3; i++) {
		sigaction(process_signals[i], NULL, &p->action[i]);
		p->action[i].sa_flags &= ~LIBC_FLAG;
	}
}

/* Signals that came while all were held are ignored. */
static void process_mend(const struct process *before)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	for (int i = 0; i < 3; i++)
		sigaction(process_signals[i], &ignore, NULL);
	pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
	for (int i = 0; i < 3; i++)
		sigaction(process_signals[i], &before->action[i], NULL);
}

/* Unless the very calls that put it back were made to fail. */
static void process_check(const struct process *before)
{
	struct process now;

	process_look(&now);
	for (int fd = 0; fd < KERNEL_DESCRIPTORS; fd++)
		if (now.descriptors.open[fd] != before->descriptors.open[fd])
			kernel_blame("descriptor %d is %s", fd,
			    now.descriptors.open[fd] ? "left" : "gone");
	if (kernel.unmended) {
		process_mend(before);
		return;
	}
	if (memcmp(&now.mask, &before->mask, sizeof now.mask))
		kernel_blame("the signal mask is another");
	for (int i = 0; i < 3; i++)
		if (now.action[i].sa_handler != before->action[i].sa_handler ||
		    now.action[i].sa_flags != before->action[i].sa_flags)
			kernel_blame("a signal's disposition is another");
}

void run_scenario(const struct scenario *scenario,
    const struct kernel_plan *plan, struct run *run, bool abandon,
    void (*warm)(struct run *run))
{
	static char name[128];
	struct kernel_plan timed = *plan;
	struct process before;
	int code;

	timed.is_all_timed |= scenario->is_all_timed;
	timed.tiny |= stage->tiny;
	run_clear(run);
	memory_begin();
	run->params = scenario->params;
	snprintf(name, sizeof name, "%s, %s", stage->name, scenario->name);
	kernel_context(name);
	process_look(&before);
	kernel_begin(&timed);
	if (!run->params.backend)
		run->params.backend = stage->backend;
	run->params.features_off |= stage->features_off;
	code = pike_queue_open(&run->q, &run->params);
	run->refused = code;
	/* A ring that is out of order at once is one that is not there. */
	if (code == -PIKE_ENOTSUP && kernel.name &&
	    !strcmp(kernel.name, "uring_enter"))
		kernel.harmless = false;
	if (code && kernel_strict() && !run->scarce)
		kernel_blame("open says %s", pike_error_name(code));
	if (!code)
		run_play(scenario, run, abandon, warm);
	pike_queue_close(run->q);
	for (int i = 0; i < run->own_count; i++)
		close((int)run->own[i].fd);
	process_check(&before);
	kernel_end();
}

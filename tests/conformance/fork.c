/* SPDX-License-Identifier: MIT */
/*
 * A forked child: its copy of the queue answers every call with an error and
 * touches nothing of the parent's; queues of its own work.
 */
#include <stdatomic.h>

#include "harness.h"
#include "port_proc.h"

/* In a child Check must not be used: the line goes to the parent. */
#define CHILD(holds)                                                           \
	do {                                                                   \
		if (!(holds))                                                  \
			return __LINE__;                                       \
	} while (0)

struct inherited {
	struct pike_queue *q;
	pike_handle h;
	pike_id id;
	pike_fd fd;
	uint32_t group;
};

/* Runs it in a child, which must return 0. */
static bool fork_run(int (*child)(void *arg), void *arg)
{
	int r = port_fork(child, arg);

	if (r > 0)
		ck_abort_msg("in the child, line %d", r);
	ck_assert_int_ne(r, -1);
	return r == 0;
}

static int child_calls(void *arg)
{
	struct inherited *in = arg;
	struct pike_op op = op_nop();
	struct pike_completion c;
	pike_id id = -77;
	char text[256];

	for (int i = 0; i < 2; i++) {
		CHILD(pike_submit(in->q, &op) == -PIKE_EPERM);
		CHILD(pike_submit_many(in->q, &op, 1, &id) == -PIKE_EPERM);
		CHILD(pike_reap(in->q, &c, 1, 0) == -PIKE_EPERM);
		CHILD(pike_reap(in->q, &c, 1, -1) == -PIKE_EPERM);
		CHILD(pike_cancel(in->q, in->id) == -PIKE_EPERM);
		CHILD(pike_cancel_handle(in->q, in->h) == -PIKE_EPERM);
		CHILD(pike_adopt(in->q, 0, 0) == -PIKE_EPERM);
		CHILD(pike_release(in->q, in->h) == -PIKE_EPERM);
		CHILD(pike_fd_of(in->q, in->h) == -PIKE_EPERM);
		CHILD(pike_post(in->q, NULL, 1) == -PIKE_EPERM);
		CHILD(pike_wake(in->q) == -PIKE_EPERM);
		CHILD(pike_pollable(in->q) == -PIKE_EPERM);
		CHILD(pike_route(in->q, PIKE_NOP) == -PIKE_EPERM);
		CHILD(pike_group_open(in->q, 1, 8, NULL) == -PIKE_EPERM);
		CHILD(pike_group_buffer(in->q, in->group, 0) == NULL);
		CHILD(pike_group_return(in->q, in->group, 0) == -PIKE_EPERM);
		CHILD(pike_group_close(in->q, in->group) == -PIKE_EPERM);
		CHILD(pike_backend_report(in->q, text, sizeof(text)) ==
		      -PIKE_EPERM);
		CHILD(pike_backend_name(in->q) == NULL);
		/* What is wrong otherwise is not looked at. */
		CHILD(pike_submit(in->q, NULL) == -PIKE_EPERM);
		CHILD(pike_reap(in->q, NULL, 0, -7) == -PIKE_EPERM);
	}
	pike_queue_close(in->q);
	CHILD(pike_submit(in->q, &op) == -PIKE_EBADF);
	pike_queue_close(in->q);
	return 0;
}

/* L172 */
CASE(a_child_gets_an_error_for_every_call_and_the_parent_goes_on)
{
	struct inherited in = {.q = rig->q};
	pike_fd peer;
	char byte = 0;

	rig_peer(rig, RIG_TCP, &in.h, &peer);
	in.id = submit(rig, op_recv(in.h, &byte, 1));
	in.group = (uint32_t)pike_group_open(rig->q, 4, 64, NULL);
	pike_id poured = submit(rig, op_pour(in.h, (int)in.group));
	pike_id timer = submit(rig, op_timer(NS_PER_MS));
	rig_reap(rig, 0);
	ck_assert_int_eq(pike_post(rig->q, rig, 5), 0);
	if (!fork_run(child_calls, &in))
		SKIP("no children here");
	expect_one(rig, 0, 5, 0, PIKE_POSTED);
	expect_one(rig, timer, 1, 0, 0);
	fence(rig);
	expect_pending(rig, in.id);
	ck_assert_int_eq(port_write(peer, "x", 1), 1);
	expect_one(rig, in.id, 1, 0, 0);
	ck_assert_int_eq(byte, 'x');
	ck_assert_int_eq(port_write(peer, "yz", 2), 2);
	expect_one(rig, poured, 2, 0, PIKE_MORE | PIKE_BUFFER);
	expect_cancelled(rig, poured);
}

static int child_closes(void *arg)
{
	struct inherited *in = arg;
	bool was = port_is_open(in->fd);

	pike_queue_close(in->q);
	CHILD(was && port_is_open(in->fd));
	return 0;
}

/* L172: nothing that the child does to its copy unregisters the parent's. */
CASE(a_child_that_closes_its_copy_touches_no_descriptor)
{
	struct inherited in = {.q = rig->q};
	pike_handle h[2];
	char byte;

	rig_tcp_pair(rig, h);
	in.fd = pike_fd_of(rig->q, h[0]);
	for (int i = 0; i < 5; i++) {
		pike_id id = submit(rig, op_recv(h[0], &byte, 1));
		fence(rig);
		if (!fork_run(child_closes, &in))
			SKIP("no children here");
		fence(rig);
		expect_pending(rig, id);
		expect_op(rig, op_send(h[1], "x", 1), 1);
		expect_one(rig, id, 1, 0, 0);
	}
	expect_op(rig, op_close(h[0]), 0);
	expect_op_flags(rig, op_recv(h[1], &byte, 1), 0, PIKE_EOF);
}

/* A queue of the child's own, with sockets, timers, signals and posts. */
static int child_own(void *arg)
{
	struct pike_params *params = arg;
	struct pike_queue *q;
	struct pike_completion c;
	pike_fd fd[2];
	char byte = 0;

	CHILD(pike_queue_open(&q, params) == 0);
	CHILD(port_unix_pair(PIKE_SOCK_STREAM, fd) == 0);
	pike_handle h = pike_adopt(q, fd[0], 0);
	CHILD(h > 0);
	struct pike_op op = op_recv(h, &byte, 1);
	CHILD(pike_submit(q, &op) > 0);
	CHILD(pike_reap(q, &c, 1, 0) == 0);
	CHILD(port_write(fd[1], "x", 1) == 1);
	CHILD(pike_reap(q, &c, 1, -1) == 1 && c.res == 1 && byte == 'x');
	op = op_timer(NS_PER_MS);
	CHILD(pike_submit(q, &op) > 0);
	CHILD(pike_reap(q, &c, 1, -1) == 1 && c.res == 1);
	CHILD(pike_post(q, NULL, 7) == 0);
	CHILD(pike_reap(q, &c, 1, -1) == 1 && c.res == 7);
	CHILD(pike_wake(q) == 0);
	CHILD(pike_reap(q, &c, 1, -1) == 0);
	op = op_of(PIKE_SIGNAL, 0);
	op.u.signal.set = PIKE_SIGNAL_BIT(SIGNAL_A);
	CHILD(pike_submit(q, &op) > 0);
	CHILD(pike_reap(q, &c, 1, 0) == 0);
	port_raise(SIGNAL_A);
	CHILD(pike_reap(q, &c, 1, -1) == 1 && c.res == SIGNAL_A);
	pike_queue_close(q);
	return 0;
}

CASE(a_child_has_queues_of_its_own)
{
	struct pike_params params = {0};

	rig_params(&params);
	pike_id id = submit(rig, op_timer(INT64_MAX));
	rig_reap(rig, 0);
	if (!fork_run(child_own, &params))
		SKIP("no children here");
	expect_pending(rig, id);
	expect_cancelled(rig, id);
}

static int child_grandchild(void *arg)
{
	int r = port_fork(child_calls, arg);

	CHILD(r == 0);
	return child_calls(arg);
}

CASE(a_childs_child_is_a_child_too)
{
	struct inherited in = {.q = rig->q, .h = 77, .id = 77};

	if (!fork_run(child_grandchild, &in))
		SKIP("no children here");
	expect_op(rig, op_nop(), 0);
}

/* A queue that a child opened is its own, and strange to its child. */
static int child_opens(void *arg)
{
	struct inherited in = {.h = 77, .id = 77};

	CHILD(pike_queue_open(&in.q, arg) == 0);
	int r = port_fork(child_calls, &in);
	CHILD(r == 0);
	struct pike_op op = op_nop();
	struct pike_completion c;
	CHILD(pike_submit(in.q, &op) > 0);
	CHILD(pike_reap(in.q, &c, 1, -1) == 1);
	pike_queue_close(in.q);
	return 0;
}

CASE(a_queue_of_a_child_is_strange_to_its_child)
{
	struct pike_params params = {0};

	rig_params(&params);
	if (!fork_run(child_opens, &params))
		SKIP("no children here");
	expect_op(rig, op_nop(), 0);
}

/* The child lives on while the parent works and closes. */
static int child_lingers(void *arg)
{
	struct inherited *in = arg;
	struct pike_completion c;

	port_fork_wait_parent();
	CHILD(pike_reap(in->q, &c, 1, 0) == -PIKE_EPERM);
	pike_queue_close(in->q);
	return 0;
}

/*
 * A1: the child still holds the connection's descriptor, so its end is not
 * the end of what the system knows; what it goes on reporting is nobody's.
 */
static void fork_held(struct rig *rig, pike_handle h, pike_fd peer)
{
	struct inherited in = {.q = rig->q};
	char byte;
	pike_id id = submit(rig, op_recv(h, &byte, 1));

	fence(rig);
	struct port_child *child = port_fork_begin(child_lingers, &in);
	if (!child)
		SKIP("no children here");
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	pike_fd shows = pike_pollable(rig->q);
	int shown = 0;
	for (int i = 0; i < 20; i++) {
		while (rig_reap(rig, 0) > 0)
			continue;
		ck_assert_int_eq(port_write(peer, "x", 1), 1);
		shown += port_is_readable(shows);
		fence(rig);
		ck_assert_int_eq(drop_arrivals(rig), 0);
	}
	ck_assert_int_lt(shown, 10);
	port_fork_go(child);
	ck_assert_int_eq(port_fork_end(child), 0);
}

CASE(a_connection_that_a_child_holds_is_over_for_the_parent)
{
	pike_handle h;
	pike_fd peer;

	rig_peer(rig, RIG_TCP, &h, &peer);
	fork_held(rig, h, peer);
}

/* The same when pike itself has opened it, and it is alone to know it. */
CASE(an_accepted_connection_that_a_child_holds_is_over_for_the_parent)
{
	struct pike_addr addr;
	pike_handle l = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_fd peer = rig_own(rig, port_connect(&addr, PIKE_SOCK_STREAM));
	struct pike_completion c = perform(rig, op_accept(l));

	ck_assert_int_gt(c.res, 0);
	fork_held(rig, c.res, peer);
}

/* K169: what the child gets stays with the child. */
static int child_signals(void *arg)
{
	(void)arg;
	port_ignore_signal(SIGNAL_C);
	port_raise(SIGNAL_A);
	port_raise_self(SIGNAL_A);
	return 0;
}

CASE(a_signal_in_the_child_is_not_the_parents)
{
	struct pike_signal_info info;
	struct pike_op op = op_io(PIKE_SIGNAL, 0, &info, sizeof(info));

	op.u.signal.set = PIKE_SIGNAL_BIT(SIGNAL_A);
	pike_id id = submit(rig, op);
	fence(rig);
	pike_fd shows = pike_pollable(rig->q);
	while (rig_reap(rig, 0) > 0 || port_is_readable(shows))
		continue;
	/* It may die of it, or not; it is its own. */
	if (port_fork(child_signals, NULL) == -2)
		SKIP("no children here");
	ck_assert(!port_is_readable(shows));
	fence(rig);
	expect_pending(rig, id);
	port_raise(SIGNAL_A);
	expect_one(rig, id, SIGNAL_A, 0, 0);
	ck_assert_int_eq(info.pid, port_pid());
}

/* L173, L175: forked while another thread opens, posts and closes. */
static atomic_bool fork_stop;

static void fork_busy(void *arg)
{
	struct pike_params *params = arg;

	while (!atomic_load(&fork_stop)) {
		struct pike_queue *q;
		struct pike_completion c;
		if (pike_queue_open(&q, params) < 0)
			continue;
		pike_post(q, NULL, 1);
		pike_reap(q, &c, 1, -1);
		pike_queue_close(q);
	}
}

CASE(a_child_of_a_busy_process_finds_no_lock_held)
{
	static struct pike_params params;

	if (!port_forks_busy())
		SKIP("a child of a busy process cannot allocate here");
	memset(&params, 0, sizeof(params));
	rig_params(&params);
	atomic_store(&fork_stop, false);
	struct port_thread *thread = port_thread_start(fork_busy, &params);
	bool able = true;
	for (unsigned i = 0; i < 50 / port_slow() && able; i++)
		able = fork_run(child_own, &params);
	atomic_store(&fork_stop, true);
	port_thread_join(thread);
	if (!able)
		SKIP("no children here");
	expect_op(rig, op_nop(), 0);
}

/* It goes without a word, with ops under way. */
static int child_dies(void *arg)
{
	struct inherited *in = arg;
	struct pike_params params = {0};
	struct pike_completion c;
	struct pike_queue *q;
	static char byte;

	rig_params(&params);
	CHILD(pike_queue_open(&q, &params) == 0);
	pike_handle h = pike_adopt(q, in->fd, 0);
	CHILD(h > 0);
	struct pike_op op = op_recv(h, &byte, 1);
	CHILD(pike_submit(q, &op) > 0);
	op = op_timer(INT64_MAX);
	CHILD(pike_submit(q, &op) > 0);
	CHILD(pike_reap(q, &c, 1, 0) == 0);
	return 0;
}

/* L176 */
CASE(a_process_that_dies_with_ops_under_way_ends_its_connections)
{
	struct inherited in = {0};
	pike_fd fd[2];

	rig_plain_pair(rig, RIG_TCP, fd);
	in.fd = fd[0];
	if (!fork_run(child_dies, &in))
		SKIP("no children here");
	rig_drop(rig, fd[0]);
	peer_expect_eof(fd[1]);
}

/* L174: a program that the process becomes sees only what is its own. */
CASE(all_that_pike_opens_is_closed_on_exec)
{
	enum {
		SEEN = 512
	};
	bool was[SEEN];
	struct pike_addr addr;
	pike_handle h[2];
	int opened = 0;

	for (int fd = 0; fd < SEEN; fd++)
		was[fd] = port_is_open(fd);
	struct rig *other = rig_new(NULL);
	rig_listen(other, PIKE_AF_INET, &addr);
	rig_tcp_pair(other, h);
	rig_socket(other, PIKE_AF_INET, PIKE_SOCK_DGRAM);
	ck_assert_int_ge(pike_pollable(other->q), 0);
	struct pike_op op = op_of(PIKE_SIGNAL, 0);
	op.u.signal.set = PIKE_SIGNAL_BIT(SIGNAL_A);
	submit(other, op);
	submit(other, op_timer(INT64_MAX));
	rig_reap(other, 0);
	for (int fd = 0; fd < SEEN; fd++) {
		if (was[fd] || !port_is_open(fd))
			continue;
		opened++;
		if (!port_is_cloexec(fd))
			ck_abort_msg("descriptor %d is inherited", fd);
	}
	ck_assert_int_ge(opened, 4);
	rig_close(other);
	expect_op(rig, op_nop(), 0);
}

int main(void)
{
	area_begin("fork");
	area_add(a_child_gets_an_error_for_every_call_and_the_parent_goes_on);
	area_add(a_child_that_closes_its_copy_touches_no_descriptor);
	area_add(a_child_has_queues_of_its_own);
	area_add(a_childs_child_is_a_child_too);
	area_add(a_queue_of_a_child_is_strange_to_its_child);
	area_add(a_connection_that_a_child_holds_is_over_for_the_parent);
	area_add(
	    an_accepted_connection_that_a_child_holds_is_over_for_the_parent);
	area_add(a_signal_in_the_child_is_not_the_parents);
	area_add(a_child_of_a_busy_process_finds_no_lock_held);
	area_add(a_process_that_dies_with_ops_under_way_ends_its_connections);
	area_add(all_that_pike_opens_is_closed_on_exec);
	return area_end();
}

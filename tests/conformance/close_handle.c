/* SPDX-License-Identifier: MIT */
/*
 * The end of a handle among others: its last completion, its number, stale
 * handles, duplicates, and what the peer sees of it.
 */
#include "harness.h"
#include "port_proc.h"

/* Every way to name a handle says that there is none. */
static void close_expect_stale(struct rig *rig, pike_handle h)
{
	char byte;

	refuse(rig, op_close(h), PIKE_EBADF);
	refuse(rig, op_recv(h, &byte, 1), PIKE_EBADF);
	refuse(rig, op_send(h, &byte, 1), PIKE_EBADF);
	refuse(rig, op_poll(h, PIKE_POLL_IN), PIKE_EBADF);
	refuse(rig, op_accept(h), PIKE_EBADF);
	refuse(rig, op_shutdown(h, PIKE_SHUT_WRITE), PIKE_EBADF);
	ck_assert_int_eq(pike_fd_of(rig->q, h), -PIKE_EBADF);
	ck_assert_int_eq(pike_release(rig->q, h), -PIKE_EBADF);
	ck_assert_int_eq(pike_cancel_handle(rig->q, h), -PIKE_EBADF);
}

/* M182 */
CASE(a_handle_is_stale_from_its_close_on)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_fd fd = pike_fd_of(rig->q, h);
	pike_id in = submit(rig, op_recv(h, &byte, 1));
	pike_id id = submit(rig, op_close(h));
	close_expect_stale(rig, h);
	expect_error(rig, in, PIKE_ECANCELED);
	expect_one(rig, id, 0, 0, 0);
	close_expect_stale(rig, h);
	ck_assert(!port_is_open(fd));
}

CASE(a_stale_handle_never_names_its_slots_next_user)
{
	enum {
		ROUNDS = 5000
	};
	static pike_handle old[ROUNDS];
	pike_fd fd[2];

	rig_plain_pair(rig, RIG_UNIX, fd);
	for (int i = 0; i < ROUNDS; i++) {
		old[i] = pike_adopt(rig->q, fd[0], 0);
		ck_assert_int_gt(old[i], 0);
		ck_assert_int_eq(pike_release(rig->q, old[i]), fd[0]);
	}
	pike_handle h = rig_adopt(rig, fd[0]);
	for (int i = 0; i < ROUNDS; i++) {
		struct pike_op op = op_send(old[i], "x", 1);
		ck_assert_int_ne(old[i], h);
		ck_assert_int_eq(pike_submit(rig->q, &op), -PIKE_EBADF);
		ck_assert_int_eq(pike_fd_of(rig->q, old[i]), -PIKE_EBADF);
	}
	ck_assert(!port_is_readable(fd[1]));
}

/* M184 */
CASE(the_close_comes_after_all_that_was_pending)
{
	pike_handle h;
	pike_fd peer;
	char in[4] = {0};
	pike_id ids[20];

	rig_full(rig, RIG_UNIX, &h, &peer);
	for (int i = 0; i < 20; i++)
		ids[i] = submit(rig, i % 4 == 0   ? op_poll(h, PIKE_POLL_IN)
				     : i % 4 == 1 ? op_send(h, in, 4)
						  : op_recv(h, in, 4));
	fence(rig);
	pike_id id = submit(rig, op_close(h));
	reap_until(rig, id);
	int last = arrival_of(rig, id);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_ge(arrival_of(rig, ids[i]), 0);
		ck_assert_int_lt(arrival_of(rig, ids[i]), last);
	}
	for (int i = 0; i < 20; i++)
		expect_error(rig, ids[i], PIKE_ECANCELED);
	expect_one(rig, id, 0, 0, 0);
}

/* A send that was under way says how far it came; the peer gets just that. */
CASE(a_send_that_moved_some_reports_them_before_the_close)
{
	static char big[1 << 22], got[1 << 16];
	int64_t n, total = 0;
	pike_handle h;
	pike_fd peer;

	if (!rig_peer(rig, RIG_UNIX, &h, &peer))
		SKIP("no Unix sockets");
	pike_id send =
	    submit(rig, op_flags(op_send(h, big, sizeof(big)), PIKE_ALL));
	fence(rig);
	pike_id id = submit(rig, op_close(h));
	struct pike_completion c = wait_one(rig, send);
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_lt(c.res, (int64_t)sizeof(big));
	ck_assert_int_eq(c.err, PIKE_ECANCELED);
	expect_one(rig, id, 0, 0, 0);
	while ((n = port_read(peer, got, sizeof(got))) > 0)
		total += n;
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(total, c.res);
}

CASE(other_handles_do_not_notice)
{
	enum {
		HANDLES = 100
	};
	pike_handle h[HANDLES];
	pike_fd peer[HANDLES];
	char in[HANDLES];
	pike_id ids[HANDLES];

	for (int i = 0; i < HANDLES; i++) {
		rig_peer(rig, RIG_TCP, &h[i], &peer[i]);
		ids[i] = submit(rig, op_recv(h[i], &in[i], 1));
	}
	fence(rig);
	for (int i = 0; i < HANDLES; i += 2)
		submit(rig, op_close(h[i]));
	for (int i = 0; i < HANDLES; i++)
		wait_any(rig);
	for (int i = 1; i < HANDLES; i += 2) {
		expect_pending(rig, ids[i]);
		ck_assert_int_eq(port_write(peer[i], "x", 1), 1);
		expect_one(rig, ids[i], 1, 0, 0);
	}
}

/* C45: what was sent before is not lost by a close right behind it. */
CASE(two_hundred_sends_and_closes_in_one_go_deliver)
{
	for (int i = 0; i < 200; i++) {
		pike_handle h;
		pike_fd peer;
		char got[8];
		rig_peer(rig, RIG_TCP, &h, &peer);
		pike_id send = submit(rig, op_send(h, "12345678", 8));
		pike_id id = submit(rig, op_close(h));
		struct pike_completion c = wait_one(rig, send);
		ck_assert(c.res == 8 || c.res == -PIKE_ECANCELED);
		expect_one(rig, id, 0, 0, 0);
		if (c.res == 8)
			peer_read(rig, peer, got, 8);
		peer_expect_eof(peer);
		rig_drop(rig, peer);
	}
}

/* C44: what pends on an old one never has the new one's. */
CASE(a_thousand_lives_of_one_number_are_a_thousand_connections)
{
	for (int i = 0; i < 1000; i++) {
		pike_handle h;
		pike_fd peer;
		char byte = 0;
		if (!rig_peer(rig, RIG_UNIX, &h, &peer))
			SKIP("no Unix sockets");
		pike_id id = submit(rig, op_recv(h, &byte, 1));
		if (i % 3 == 0)
			rig_reap(rig, 0);
		if (i % 2 == 0)
			ck_assert_int_eq(port_write(peer, "x", 1), 1);
		pike_id close = submit(rig, op_close(h));
		struct pike_completion c = wait_one(rig, id);
		ck_assert(c.res == -PIKE_ECANCELED ||
			  (c.res == 1 && i % 2 == 0 && byte == 'x'));
		expect_one(rig, close, 0, 0, 0);
		rig_drop(rig, peer);
	}
}

/*
 * A1: the system knows the connection as long as the duplicate lives, and
 * goes on reporting it. Nobody is told and nobody is woken: the reap that
 * waits here uses next to no processor.
 */
CASE(what_a_duplicate_keeps_alive_wakes_nobody)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_UNIX, &h, &peer);
	pike_fd twin = rig_own(rig, port_dup(pike_fd_of(rig->q, h)));
	pike_id id = submit(rig, op_recv(h, &byte, 1));
	fence(rig);
	pike_id close = submit(rig, op_close(h));
	expect_error(rig, id, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	ck_assert_int_eq(port_write(peer, "x", 1), 1);
	int64_t cpu = port_cpu_ns();
	ck_assert_int_eq(rig_reap(rig, 300 * NS_PER_MS), 0);
	ck_assert_int_lt(port_cpu_ns() - cpu, 100 * NS_PER_MS);
	pike_fd shows = pike_pollable(rig->q);
	int shown = 0;
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(port_write(peer, "x", 1), 1);
		shown += port_is_readable(shows);
		ck_assert_int_eq(rig_reap(rig, 0), 0);
	}
	ck_assert_int_lt(shown, 50);
	ck_assert_int_eq(port_read(twin, &byte, 1), 1);
}

CASE_WHERE(duplicates_are_handles_of_their_own, port_can(PORT_DUPS_APART),
    "a file belongs to one queue here")
{
	pike_fd fd[2];
	char byte;

	if (!rig_plain_pair(rig, RIG_UNIX, fd))
		SKIP("no Unix sockets");
	pike_handle a = rig_adopt(rig, fd[0]);
	pike_handle b = rig_adopt(rig, port_dup(fd[0]));
	pike_id ida = submit(rig, op_recv(a, &byte, 1));
	fence(rig);
	pike_id close = submit(rig, op_close(a));
	expect_error(rig, ida, PIKE_ECANCELED);
	expect_one(rig, close, 0, 0, 0);
	for (int i = 0; i < 20; i++) {
		pike_id id = submit(rig, op_recv(b, &byte, 1));
		fence(rig);
		expect_pending(rig, id);
		ck_assert_int_eq(port_write(fd[1], "x", 1), 1);
		expect_one(rig, id, 1, 0, 0);
	}
	expect_op(rig, op_close(b), 0);
	peer_expect_eof(fd[1]);
}

/* A7: the end of a peer that nobody asks about wakes nobody. */
CASE(a_peer_that_goes_away_unasked_wakes_nobody)
{
	pike_handle h;
	pike_fd peer;
	char byte;

	rig_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = submit(rig, op_recv(h, &byte, 1));
	fence(rig);
	expect_cancelled(rig, id);
	rig_disown(rig, peer);
	port_reset(peer);
	int64_t cpu = port_cpu_ns();
	ck_assert_int_eq(rig_reap(rig, 300 * NS_PER_MS), 0);
	ck_assert_int_lt(port_cpu_ns() - cpu, 100 * NS_PER_MS);
	expect_op(rig, op_recv(h, &byte, 1), -PIKE_ECONNRESET);
}

int main(void)
{
	area_begin("close_handle");
	area_add(a_handle_is_stale_from_its_close_on);
	area_add(a_stale_handle_never_names_its_slots_next_user);
	area_add(the_close_comes_after_all_that_was_pending);
	area_add(a_send_that_moved_some_reports_them_before_the_close);
	area_add(other_handles_do_not_notice);
	area_add(two_hundred_sends_and_closes_in_one_go_deliver);
	area_add(a_thousand_lives_of_one_number_are_a_thousand_connections);
	area_add(what_a_duplicate_keeps_alive_wakes_nobody);
	area_add(duplicates_are_handles_of_their_own);
	area_add(a_peer_that_goes_away_unasked_wakes_nobody);
	return area_end();
}

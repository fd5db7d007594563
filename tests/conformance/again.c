/* SPDX-License-Identifier: MIT */
/* A recv on a connection that has received before: nearly all that ever wait
 * are such, and what can be done to one can be done to them. */
#include "harness.h"

/* A connection on which a recv has waited and was served. */
static bool used_peer(
    struct rig *rig, enum rig_kind kind, pike_handle *h, pike_fd *peer)
{
	char in;

	if (!rig_peer(rig, kind, h, peer))
		return false;
	for (int i = 0; i < 2; i++) {
		pike_id id = submit(rig, op_recv(*h, &in, 1));

		fence(rig);
		peer_write(rig, *peer, "u", 1);
		expect_one(rig, id, 1, 0, 0);
		/* A full buffer leaves the question whether there is more. */
		expect_cancelled(rig, submit(rig, op_recv(*h, &in, 1)));
	}
	return true;
}

/* One that waits on it. */
static pike_id used_recv(struct rig *rig, pike_handle h, char *in, size_t len)
{
	pike_id id = submit(rig, op_recv(h, in, len));

	fence(rig);
	expect_pending(rig, id);
	return id;
}

static const enum rig_kind kinds[] = {RIG_TCP, RIG_UNIX};

CASE(cancelled_by_id)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	for (int i = 0; i < 2 && used_peer(rig, kinds[i], &h, &peer); i++) {
		pike_id id = used_recv(rig, h, in, 8);

		expect_cancelled(rig, id);
		ck_assert_int_eq(pike_cancel(rig->q, id), -PIKE_ENOENT);
		id = used_recv(rig, h, in, 8);
		expect_op(rig, op_cancel(id), 0);
		expect_error(rig, id, PIKE_ECANCELED);
		peer_write(rig, peer, "kept", 4);
		expect_op(rig, op_recv(h, in, 8), 4);
	}
}

CASE(cancelled_by_handle)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	for (int i = 0; i < 2 && used_peer(rig, kinds[i], &h, &peer); i++) {
		pike_id id = used_recv(rig, h, in, 8);

		ck_assert_int_eq(pike_cancel_handle(rig->q, h), 1);
		expect_error(rig, id, PIKE_ECANCELED);
		ck_assert_int_eq(pike_cancel_handle(rig->q, h), 0);
	}
}

/* An id that is over does not stand for the one that waits now. */
CASE(ids_of_earlier_ones_are_over)
{
	enum {
		ROUNDS = 40
	};
	pike_id ids[ROUNDS];
	pike_handle h;
	pike_fd peer;
	char in[8];

	used_peer(rig, RIG_TCP, &h, &peer);
	for (int i = 0; i < ROUNDS; i++) {
		ids[i] = used_recv(rig, h, in, 8);
		for (int k = 0; k < i; k++) {
			ck_assert_int_ne(ids[k], ids[i]);
			ck_assert_int_eq(
			    pike_cancel(rig->q, ids[k]), -PIKE_ENOENT);
		}
		peer_write(rig, peer, "12", 2);
		expect_one(rig, ids[i], 2, 0, 0);
	}
	ck_assert_int_eq(pike_cancel(rig->q, ids[ROUNDS - 1]), -PIKE_ENOENT);
}

CASE(others_come_behind_it)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	for (int i = 0; i < 2 && used_peer(rig, kinds[i], &h, &peer); i++) {
		pike_id first = used_recv(rig, h, in, 2);
		pike_id second = submit(rig, op_recv(h, in + 2, 3));
		pike_id third = submit(rig, op_recv(h, in + 5, 2));
		pike_id fourth = submit(rig, op_io(PIKE_READ, h, in + 7, 1));

		peer_write(rig, peer, "12345678", 8);
		expect_one(rig, first, 2, 0, 0);
		expect_one(rig, second, 3, 0, 0);
		expect_one(rig, third, 2, 0, 0);
		expect_one(rig, fourth, 1, 0, 0);
		ck_assert_mem_eq(in, "12345678", 8);
	}
}

/* With a deadline, which the one before it has not. */
CASE(one_behind_it_times_out)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	used_peer(rig, RIG_TCP, &h, &peer);
	pike_id first = used_recv(rig, h, in, 8);
	pike_id second = submit(rig, op_deadline(op_recv(h, in, 8), NS_PER_MS));

	expect_error(rig, second, PIKE_ETIME);
	expect_pending(rig, first);
	peer_write(rig, peer, "1", 1);
	expect_one(rig, first, 1, 0, 0);
}

/* Ops of other directions wait beside it, and end beside it. */
CASE(others_wait_beside_it)
{
	pike_handle h;
	pike_fd peer;
	char in[8];
	int64_t full = rig_full(rig, RIG_TCP, &h, &peer);

	if (!full)
		SKIP("never full");
	for (int i = 0; i < 3; i++) {
		pike_id id = used_recv(rig, h, in, 8);
		pike_id sent = submit(rig, op_send(h, "s", 1));
		pike_id poll = submit(rig, op_poll(h, PIKE_POLL_PRI));

		fence(rig);
		expect_pending(rig, id);
		expect_pending(rig, sent);
		peer_write(rig, peer, "123", 3);
		expect_one(rig, id, 3, 0, 0);
		expect_pending(rig, sent);
		expect_cancelled(rig, poll);
		expect_cancelled(rig, sent);
		if (!port_can(PORT_TELLS_SENT))
			break;
	}
}

/* One edge may be for both. */
CASE(a_send_goes_on_with_it)
{
	pike_handle h;
	pike_fd peer;
	char in[8];
	static char out[65536];
	int64_t full = rig_full(rig, RIG_TCP, &h, &peer);

	if (!full)
		SKIP("never full");
	expect_cancelled(rig, used_recv(rig, h, in, 8));
	pike_id id = submit(rig, op_recv(h, in, 8));
	pike_id sent = submit(rig, op_send(h, "s", 1));

	while (full > 0) {
		int64_t n = port_read(peer, out, sizeof(out));

		full -= n > 0 ? n : 0;
	}
	ck_assert_int_eq(port_write(peer, "12", 2), 2);
	expect_one(rig, id, 2, 0, 0);
	expect_one(rig, sent, 1, 0, 0);
}

CASE(handle_is_not_released_under_it)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	used_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = used_recv(rig, h, in, 8);

	ck_assert_int_eq(pike_release(rig->q, h), -PIKE_EBUSY);
	peer_write(rig, peer, "1", 1);
	expect_one(rig, id, 1, 0, 0);
	ck_assert_int_ge(pike_release(rig->q, h), 0);
	refuse(rig, op_recv(h, in, 8), PIKE_EBADF);
}

CASE(close_ends_it_first)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	for (int i = 0; i < 2 && used_peer(rig, kinds[i], &h, &peer); i++) {
		pike_id id = used_recv(rig, h, in, 8);
		pike_id closed = submit(rig, op_close(h));

		reap_until(rig, closed);
		ck_assert_int_lt(arrival_of(rig, id), arrival_of(rig, closed));
		expect_error(rig, id, PIKE_ECANCELED);
		expect_one(rig, closed, 0, 0, 0);
		ck_assert_int_eq(pike_cancel(rig->q, id), -PIKE_ENOENT);
		peer_expect_eof(peer);
	}
}

CASE(queue_close_ends_it)
{
	pike_handle h;
	pike_fd peer;
	char in[8] = {0};

	used_peer(rig, RIG_TCP, &h, &peer);
	used_recv(rig, h, in, 8);
	rig_close(rig);
	ck_assert_int_eq(port_write(peer, "12", 2), 2);
	ck_assert_mem_eq(in, "\0\0", 2);
}

CASE(end_and_reset_end_it)
{
	pike_handle h;
	pike_fd peer;
	char in[8];

	used_peer(rig, RIG_TCP, &h, &peer);
	pike_id id = used_recv(rig, h, in, 8);

	rig_drop(rig, peer);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	expect_op_flags(rig, op_recv(h, in, 8), 0, PIKE_EOF);

	used_peer(rig, RIG_TCP, &h, &peer);
	id = used_recv(rig, h, in, 8);
	rig_disown(rig, peer);
	port_reset(peer);
	expect_error(rig, id, PIKE_ECONNRESET);
}

int main(void)
{
	area_begin("again");
	area_add(cancelled_by_id);
	area_add(cancelled_by_handle);
	area_add(ids_of_earlier_ones_are_over);
	area_add(others_come_behind_it);
	area_add(one_behind_it_times_out);
	area_add(others_wait_beside_it);
	area_add(a_send_goes_on_with_it);
	area_add(handle_is_not_released_under_it);
	area_add(close_ends_it_first);
	area_add(queue_close_ends_it);
	area_add(end_and_reset_end_it);
	return area_end();
}

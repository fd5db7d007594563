/* SPDX-License-Identifier: MIT */
/* From an address to a connected handle in one op. */
#include "harness.h"

CASE(connect_to_gives_a_connected_handle)
{
	struct pike_addr addr;
	pike_handle listener = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id id = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	char in;

	memset(&addr, 0, sizeof(addr));
	pike_handle h = wait_one(rig, id).res;
	ck_assert_int_gt(h, 0);
	ck_assert(port_is_cloexec(pike_fd_of(rig->q, h)));
	pike_handle other = perform(rig, op_accept(listener)).res;
	expect_op(rig, op_send(other, "x", 1), 1);
	expect_op(rig, op_recv(h, &in, 1), 1);
}

CASE(connect_to_nobody_leaves_nothing_open)
{
	struct pike_addr addr = rig_nobody(rig);
	int before = port_open_count();

	for (int i = 0; i < 20; i++)
		expect_op(
		    rig, op_to(PIKE_CONNECT_TO, &addr, 0), -PIKE_ECONNREFUSED);
	ck_assert_int_eq(port_open_count(), before);
}

CASE(connect_to_that_is_cancelled_leaves_nothing_open)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

	rig_full_listener(rig, &addr);
	fence(rig);
	int before = port_open_count();
	pike_id id = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	fence(rig);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
	ck_assert_int_eq(port_open_count(), before);
	expect_op(rig, op_deadline(op_to(PIKE_CONNECT_TO, &addr, 0), NS_PER_MS),
	    -PIKE_ETIME);
	ck_assert_int_eq(port_open_count(), before);
}

/* Before it is connected nobody has been given a handle; guessing one from
 * those that were helps nobody. */
CASE(half_made_handle_has_no_name)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle last = rig_socket(rig, PIKE_AF_INET, PIKE_SOCK_STREAM);
	char in;

	rig_full_listener(rig, &addr);
	fence(rig);
	expect_op(rig, op_close(last), 0);
	pike_id id = submit(rig, op_to(PIKE_CONNECT_TO, &addr, 0));
	for (int shift = 0; shift < 62; shift++) {
		pike_handle guess = last + (INT64_C(1) << shift);
		if (guess == rig->fence[0] || guess == rig->fence[1])
			continue;
		refuse(rig, op_close(guess), PIKE_EBADF);
		refuse(rig, op_send(guess, "x", 1), PIKE_EBADF);
		refuse(rig, op_recv(guess, &in, 1), PIKE_EBADF);
		ck_assert_int_eq(pike_fd_of(rig->q, guess), -PIKE_EBADF);
		ck_assert_int_eq(pike_release(rig->q, guess), -PIKE_EBADF);
		ck_assert_int_eq(
		    pike_cancel_handle(rig->q, guess), -PIKE_EBADF);
		expect_op(rig, op_of(PIKE_CANCEL, guess), -PIKE_EBADF);
	}
	fence(rig);
	expect_pending(rig, id);
	expect_cancelled(rig, id);
}

CASE(connect_to_that_waits_ends_with_the_queue)
{
	struct rig *other = rig_new(NULL);
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

	rig_full_listener(rig, &addr);
	submit(other, op_to(PIKE_CONNECT_TO, &addr, 0));
	fence(other);
	rig_close(other);
}

CASE(connect_to_without_a_descriptor)
{
	struct pike_addr addr;

	rig_listen(rig, PIKE_AF_INET, &addr);
	if (!port_limit_files(0))
		SKIP("no limit of descriptors here");
	expect_op(rig, op_to(PIKE_CONNECT_TO, &addr, 0), -PIKE_EMFILE);
	port_limit_files(-1);
	ck_assert_int_gt(perform(rig, op_to(PIKE_CONNECT_TO, &addr, 0)).res, 0);
}

int main(void)
{
	area_begin("connect_to");
	area_add(connect_to_gives_a_connected_handle);
	area_add(connect_to_nobody_leaves_nothing_open);
	area_add(connect_to_that_is_cancelled_leaves_nothing_open);
	area_add(half_made_handle_has_no_name);
	area_add(connect_to_that_waits_ends_with_the_queue);
	area_add(connect_to_without_a_descriptor);
	return area_end();
}

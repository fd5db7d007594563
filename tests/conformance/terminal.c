/* SPDX-License-Identifier: MIT */
/* Terminals: streams whose flags are not ours to change. */
#include "harness.h"

CASE(bytes_through_a_terminal)
{
	pike_fd fd[2];
	pike_handle h[2];
	char in[8];

	if (port_tty(fd) < 0)
		SKIP("no terminals here");
	for (int i = 0; i < 2; i++)
		h[i] = rig_adopt(rig, rig_own(rig, fd[i]));
	for (int i = 0; i < 2; i++) {
		pike_id id = submit(rig, op_io(PIKE_READ, h[i], in, 8));
		fence(rig);
		expect_pending(rig, id);
		expect_op(rig, op_io(PIKE_WRITE, h[!i], "key", 3), 3);
		expect_one(rig, id, 3, 0, 0);
		ck_assert_mem_eq(in, "key", 3);
	}
	expect_op(rig, op_recv(h[1], in, 8), -PIKE_ENOTSOCK);
}

/* Trap 140: the shell's terminal is the shell's. */
CASE(nonblock_flag_of_a_terminal_is_left_alone)
{
	char in[4];

	for (int on = 0; on < 2; on++) {
		pike_fd fd[2];
		if (port_tty(fd) < 0)
			SKIP("no terminals here");
		rig_own(rig, fd[0]);
		port_set_nonblocking(fd[1], on);
		pike_handle h = rig_adopt(rig, rig_own(rig, fd[1]));
		pike_id id = submit(rig, op_io(PIKE_READ, h, in, 4));
		fence(rig);
		ck_assert_int_eq(port_is_nonblocking(fd[1]), on);
		expect_op(rig, op_io(PIKE_WRITE, h, "ab", 2), 2);
		ck_assert_int_eq(port_is_nonblocking(fd[1]), on);
		expect_cancelled(rig, id);
		ck_assert_int_eq(pike_release(rig->q, h), fd[1]);
		ck_assert_int_eq(port_is_nonblocking(fd[1]), on);
	}
}

/* A master has no second opening: its flag is borrowed, and given back. */
CASE(nonblock_flag_of_a_master_is_put_back)
{
	char in[4];

	for (int on = 0; on < 2; on++) {
		struct rig *other = rig_new(NULL);
		pike_fd fd[2];
		if (port_tty(fd) < 0)
			SKIP("no terminals here");
		rig_own(rig, fd[0]);
		rig_own(rig, fd[1]);
		port_set_nonblocking(fd[0], on);
		pike_handle h = pike_adopt(rig->q, fd[0], 0);
		peer_write(rig, fd[1], "x", 1);
		expect_op(rig, op_io(PIKE_READ, h, in, 4), 1);
		expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), 1);
		ck_assert_int_eq(pike_release(rig->q, h), fd[0]);
		ck_assert_int_eq(port_is_nonblocking(fd[0]), on);
		h = pike_adopt(other->q, fd[0], 0);
		expect_op(other, op_io(PIKE_WRITE, h, "x", 1), 1);
		rig_close(other);
		ck_assert_int_eq(port_is_nonblocking(fd[0]), on);
	}
}

CASE(closed_terminal_leaves_nothing_open)
{
	char in[4];

	fence(rig);
	for (int i = 0; i < 2; i++) {
		pike_fd fd[2];
		if (port_tty(fd) < 0)
			SKIP("no terminals here");
		int before = port_open_count();
		pike_handle h = rig_adopt(rig, fd[i]);
		pike_id id = submit(rig, op_io(PIKE_READ, h, in, 4));
		fence(rig);
		pike_id close = submit(rig, op_close(h));
		expect_error(rig, id, PIKE_ECANCELED);
		expect_one(rig, close, 0, 0, 0);
		ck_assert(!port_is_open(fd[i]));
		ck_assert_int_eq(port_open_count(), before - 1);
		port_close(fd[!i]);
	}
}

/* A terminal that collects: the system's read would wait for more. */
CASE(terminal_that_waits_for_more_keeps_nobody)
{
	pike_fd fd[2];
	char in[16];

	if (port_tty(fd) < 0)
		SKIP("no terminals here");
	rig_own(rig, fd[0]);
	port_tty_collects(fd[1]);
	pike_handle h = rig_adopt(rig, rig_own(rig, fd[1]));
	peer_write(rig, fd[0], "ab", 2);
	pike_id id = submit(
	    rig, op_deadline(op_io(PIKE_READ, h, in, 16), 50 * NS_PER_MS));
	expect_op(rig, op_nop(), 0);
	struct pike_completion c = wait_one(rig, id);
	ck_assert(c.res == 2 || c.res == -PIKE_ETIME);
}

/* Trap 142: to the master, the slave's end is an end like any other. */
CASE(terminal_whose_slave_has_gone)
{
	pike_fd fd[2];
	char in[8];

	if (port_tty(fd) < 0)
		SKIP("no terminals here");
	pike_handle master = rig_adopt(rig, rig_own(rig, fd[0]));
	rig_own(rig, fd[1]);
	pike_id id = submit(rig, op_io(PIKE_READ, master, in, 8));
	fence(rig);
	expect_pending(rig, id);
	rig_drop(rig, fd[1]);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	expect_op_flags(rig, op_io(PIKE_READ, master, in, 8), 0, PIKE_EOF);
}

CASE(terminal_whose_output_is_full)
{
	static char out[1 << 18], in[1 << 18];
	pike_fd fd[2];

	if (port_tty(fd) < 0)
		SKIP("no terminals here");
	rig_own(rig, fd[0]);
	pike_handle slave = rig_adopt(rig, rig_own(rig, fd[1]));
	pattern_fill(out, sizeof(out), 4);
	pike_id id = submit(rig,
	    op_flags(op_io(PIKE_WRITE, slave, out, sizeof(out)), PIKE_ALL));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_nop(), 0);
	peer_read(rig, fd[0], in, sizeof(in));
	expect_one(rig, id, sizeof(out), 0, 0);
	pattern_check(in, sizeof(in), 4);
}

int main(void)
{
	area_begin("terminal");
	area_add(bytes_through_a_terminal);
	area_add(nonblock_flag_of_a_terminal_is_left_alone);
	area_add(nonblock_flag_of_a_master_is_put_back);
	area_add(closed_terminal_leaves_nothing_open);
	area_add(terminal_that_waits_for_more_keeps_nobody);
	area_add(terminal_whose_slave_has_gone);
	area_add(terminal_whose_output_is_full);
	return area_end();
}

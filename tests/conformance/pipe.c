/* SPDX-License-Identifier: MIT */
/* Pipes, FIFOs, and what is no stream at all. */
#include "harness.h"

CASE(bytes_through_a_pipe)
{
	pike_handle h[2];
	char in[8];

	rig_pair(rig, RIG_PIPE, h);
	pike_id id = submit(rig, op_io(PIKE_READ, h[0], in, 8));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_io(PIKE_WRITE, h[1], "water", 5), 5);
	expect_one(rig, id, 5, 0, 0);
	ck_assert_mem_eq(in, "water", 5);
}

CASE(vectors_through_a_pipe)
{
	struct pike_iovec out[3] = {{"ab", 2}, {NULL, 0}, {"cdef", 4}};
	char a[3], b[3];
	struct pike_iovec in[2] = {{a, 3}, {b, 3}};
	pike_handle h[2];

	rig_pair(rig, RIG_PIPE, h);
	pike_id id =
	    submit(rig, op_flags(op_io(PIKE_READV, h[0], in, 2), PIKE_ALL));
	fence(rig);
	expect_op(rig, op_flags(op_io(PIKE_WRITEV, h[1], out, 3), PIKE_ALL), 6);
	expect_one(rig, id, 6, 0, 0);
	ck_assert_mem_eq(a, "abc", 3);
	ck_assert_mem_eq(b, "def", 3);
}

/* Trap 16: of a reader whose writer is gone the system says only HUP. */
CASE(closed_writer_is_the_end)
{
	pike_handle h;
	pike_fd writer;
	char in[8];

	rig_peer(rig, RIG_PIPE, &h, &writer);
	pike_id id = submit(rig, op_io(PIKE_READ, h, in, 8));
	fence(rig);
	rig_drop(rig, writer);
	expect_one(rig, id, 0, 0, PIKE_EOF);
	expect_op_flags(rig, op_io(PIKE_READ, h, in, 8), 0, PIKE_EOF);
}

CASE(data_comes_before_the_end_of_a_pipe)
{
	pike_handle h;
	pike_fd writer;
	char in[8];

	rig_peer(rig, RIG_PIPE, &h, &writer);
	peer_write(rig, writer, "12345", 5);
	rig_drop(rig, writer);
	expect_op(rig, op_io(PIKE_READ, h, in, 2), 2);
	expect_op(rig, op_io(PIKE_READ, h, in, 8), 3);
	expect_op_flags(rig, op_io(PIKE_READ, h, in, 8), 0, PIKE_EOF);
}

/* SIGPIPE is at its default in this process: raised, it would end it. */
CASE(closed_reader_gives_epipe_and_no_signal)
{
	struct pike_iovec iov[2] = {{"x", 1}, {"y", 1}};
	pike_handle h;
	pike_fd reader;

	rig_pipe_to_reader(rig, &h, &reader);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), 1);
	rig_drop(rig, reader);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), -PIKE_EPIPE);
	expect_op(rig, op_io(PIKE_WRITEV, h, iov, 2), -PIKE_EPIPE);
	expect_op(
	    rig, op_flags(op_io(PIKE_WRITE, h, "x", 1), PIKE_ALL), -PIKE_EPIPE);
}

CASE(closed_reader_gives_epipe_with_nonblocking_pipes)
{
	pike_fd fd[2];

	rig_plain_pair(rig, RIG_PIPE, fd);
	port_set_nonblocking(fd[1], true);
	pike_handle h = rig_adopt(rig, fd[1]);
	rig_drop(rig, fd[0]);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), -PIKE_EPIPE);
	ck_assert(port_is_nonblocking(fd[1]));
}

/* Traps 16, 26, 145: of a writer whose reader is gone it says only ERR. */
CASE(reader_closes_while_a_write_waits)
{
	pike_handle h;
	pike_fd reader;

	rig_full(rig, RIG_PIPE, &h, &reader);
	pike_id id = submit(rig, op_io(PIKE_WRITE, h, "x", 1));
	fence(rig);
	expect_pending(rig, id);
	rig_drop(rig, reader);
	expect_error(rig, id, PIKE_EPIPE);
	expect_op(rig, op_io(PIKE_WRITE, h, "x", 1), -PIKE_EPIPE);
}

/* Trap 145: bytes moved win, and the reason stays. */
CASE_WHERE(reader_closes_after_part_of_a_write, port_can(PORT_PART_SENDS),
    "a write goes as a whole here")
{
	static char out[1 << 20];
	pike_handle h;
	pike_fd reader;
	char in;

	rig_pipe_to_reader(rig, &h, &reader);
	pike_id id = submit(
	    rig, op_flags(op_io(PIKE_WRITE, h, out, sizeof(out)), PIKE_ALL));
	peer_read(rig, reader, &in, 1);
	fence(rig);
	expect_pending(rig, id);
	rig_drop(rig, reader);
	struct pike_completion c = wait_one(rig, id);
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_lt(c.res, sizeof(out));
	ck_assert_int_eq(c.err, PIKE_EPIPE);
	expect_op(rig, op_io(PIKE_WRITE, h, out, 1), -PIKE_EPIPE);
}

/* Trap 140: the flag is seen by whoever shares the pipe. */
CASE(nonblock_flag_is_left_alone)
{
	char in[4];

	for (int on = 0; on < 2; on++) {
		pike_fd fd[2];
		pike_handle h[2];
		rig_plain_pair(rig, RIG_PIPE, fd);
		for (int i = 0; i < 2; i++) {
			port_set_nonblocking(fd[i], on);
			h[i] = rig_adopt(rig, fd[i]);
			ck_assert_int_eq(port_is_nonblocking(fd[i]), on);
		}
		pike_id id = submit(rig, op_io(PIKE_READ, h[0], in, 4));
		fence(rig);
		expect_pending(rig, id);
		ck_assert_int_eq(port_is_nonblocking(fd[0]), on);
		expect_op(rig, op_io(PIKE_WRITE, h[1], "ab", 2), 2);
		ck_assert_int_eq(port_is_nonblocking(fd[1]), on);
		expect_one(rig, id, 2, 0, 0);
		ck_assert_int_eq(pike_release(rig->q, h[0]), fd[0]);
		ck_assert_int_eq(port_is_nonblocking(fd[0]), on);
		ck_assert_int_eq(port_is_nonblocking(fd[1]), on);
	}
}

/* A blocking descriptor and no room: the queue goes on all the same. */
CASE(full_pipe_blocks_nobody)
{
	static char out[1 << 20], in[1 << 20];
	pike_handle h;
	pike_fd reader;
	int64_t junk = rig_full(rig, RIG_PIPE, &h, &reader);

	ck_assert(!port_is_nonblocking(pike_fd_of(rig->q, h)));
	pattern_fill(out, sizeof(out), 8);
	pike_id id = submit(
	    rig, op_flags(op_io(PIKE_WRITE, h, out, sizeof(out)), PIKE_ALL));
	for (int i = 0; i < 10; i++)
		expect_op(rig, op_nop(), 0);
	expect_op(rig, op_timer(NS_PER_MS), 1);
	fence(rig);
	expect_pending(rig, id);
	peer_drain(rig, reader, junk);
	peer_read(rig, reader, in, sizeof(in));
	expect_one(rig, id, sizeof(out), 0, 0);
	pattern_check(in, sizeof(in), 8);
}

CASE_WHERE(long_write_tells_how_far_it_came, port_can(PORT_PART_SENDS),
    "a write goes as a whole here")
{
	static char out[1 << 20], in[1 << 20];
	pike_handle h;
	pike_fd reader;

	rig_pipe_to_reader(rig, &h, &reader);
	pattern_fill(out, sizeof(out), 2);
	struct pike_completion c =
	    perform(rig, op_io(PIKE_WRITE, h, out, sizeof(out)));
	ck_assert_int_gt(c.res, 0);
	ck_assert_int_le(c.res, sizeof(out));
	ck_assert_int_eq(c.err, 0);
	peer_read(rig, reader, in, (size_t)c.res);
	pattern_check(in, (size_t)c.res, 2);
	ck_assert(!port_is_readable(reader));
}

/* Trap 141: writes of up to 4,096 bytes arrive in one piece. */
CASE(small_writes_of_two_writers_are_not_torn)
{
	enum {
		SIZE = 4096,
		ROUNDS = 20
	};
	static char block[2][SIZE], in[SIZE];
	pike_fd fd[2];
	pike_id id[2 * ROUNDS];

	if (!port_can(PORT_DUPS_APART))
		SKIP("a file belongs to one queue");
	rig_plain_pair(rig, RIG_PIPE, fd);
	pike_fd copy = rig_own(rig, port_dup(fd[1]));
	pike_handle h[2] = {rig_adopt(rig, fd[1]), rig_adopt(rig, copy)};
	memset(block[0], 'a', SIZE);
	memset(block[1], 'b', SIZE);
	for (int i = 0; i < 2 * ROUNDS; i++)
		id[i] = submit(
		    rig, op_io(PIKE_WRITE, h[i & 1], block[i & 1], SIZE));
	for (int i = 0; i < 2 * ROUNDS; i++) {
		peer_read(rig, fd[0], in, SIZE);
		ck_assert(in[0] == 'a' || in[0] == 'b');
		for (int at = 0; at < SIZE; at++)
			ck_assert_int_eq(in[at], in[0]);
	}
	for (int i = 0; i < 2 * ROUNDS; i++)
		expect_one(rig, id[i], SIZE, 0, 0);
}

CASE(wrong_end_of_a_pipe)
{
	pike_handle h[2];
	char in[4] = "";
	struct pike_iovec iov = {in, 4};

	rig_pair(rig, RIG_PIPE, h);
	expect_op(rig, op_io(PIKE_WRITE, h[0], "x", 1), -PIKE_EBADF);
	expect_op(rig, op_io(PIKE_WRITEV, h[0], &iov, 1), -PIKE_EBADF);
	expect_op(rig, op_io(PIKE_READ, h[1], in, 4), -PIKE_EBADF);
	expect_op(rig, op_io(PIKE_READV, h[1], &iov, 1), -PIKE_EBADF);
}

CASE(wrong_end_of_a_fifo)
{
	char path[108], in[4];

	rig_path(rig, "fifo", path, sizeof(path));
	if (port_fifo(path) < 0)
		SKIP("no FIFOs here");
	pike_handle reader =
	    rig_adopt(rig, rig_own(rig, port_open_fifo(path, true, false)));
	pike_handle writer =
	    rig_adopt(rig, rig_own(rig, port_open_fifo(path, false, true)));
	expect_op(rig, op_io(PIKE_WRITE, reader, "x", 1), -PIKE_EBADF);
	expect_op(rig, op_io(PIKE_READ, writer, in, 4), -PIKE_EBADF);
}

CASE(socket_ops_on_a_pipe)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	char in[4] = "";
	struct pike_iovec iov = {in, 4};
	struct pike_msg msg = {.iov = &iov, .iov_count = 1};
	pike_handle h[2];

	rig_pair(rig, RIG_PIPE, h);
	expect_op(rig, op_recv(h[0], in, 4), -PIKE_ENOTSOCK);
	expect_op(rig, op_send(h[1], in, 4), -PIKE_ENOTSOCK);
	expect_op(
	    rig, op_io_at(PIKE_RECVFROM, h[0], in, 4, &addr), -PIKE_ENOTSOCK);
	expect_op(
	    rig, op_io_at(PIKE_SENDTO, h[1], in, 4, &addr), -PIKE_ENOTSOCK);
	expect_op(rig, op_io(PIKE_RECVMSG, h[0], &msg, 1), -PIKE_ENOTSOCK);
	expect_op(rig, op_io(PIKE_SENDMSG, h[1], &msg, 1), -PIKE_ENOTSOCK);
	expect_op(rig, op_shutdown(h[1], PIKE_SHUT_WRITE), -PIKE_ENOTSOCK);
}

/* What is said of a failed connect is said of sockets. */
CASE(refused_connect_leaves_a_pipe_as_it_was)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_handle h[2];
	char in;

	rig_pair(rig, RIG_PIPE, h);
	expect_op(rig, op_at(PIKE_CONNECT, h[1], &addr), -PIKE_ENOTSOCK);
	expect_op(rig, op_io(PIKE_WRITE, h[1], "x", 1), 1);
	expect_op(rig, op_io(PIKE_READ, h[0], &in, 1), 1);
}

CASE(zero_lengths_on_a_pipe)
{
	struct pike_iovec none = {NULL, 0};
	pike_handle h[2];
	char in[4];

	rig_pair(rig, RIG_PIPE, h);
	expect_op(rig, op_io(PIKE_READ, h[0], in, 0), 0);
	expect_op(rig, op_io(PIKE_READ, h[0], NULL, 0), 0);
	expect_op(rig, op_io(PIKE_READV, h[0], NULL, 0), 0);
	expect_op(rig, op_io(PIKE_READV, h[0], &none, 1), 0);
	expect_op(rig, op_io(PIKE_WRITE, h[1], in, 0), 0);
	expect_op(rig, op_io(PIKE_WRITEV, h[1], &none, 1), 0);
}

CASE(cancelled_read_loses_no_byte)
{
	pike_handle h;
	pike_fd writer;
	char in[4];

	rig_peer(rig, RIG_PIPE, &h, &writer);
	pike_id id = submit(rig, op_io(PIKE_READ, h, in, 4));
	fence(rig);
	expect_cancelled(rig, id);
	expect_op(rig, op_deadline(op_io(PIKE_READ, h, in, 4), NS_PER_MS),
	    -PIKE_ETIME);
	peer_write(rig, writer, "kept", 4);
	expect_op(rig, op_io(PIKE_READ, h, in, 4), 4);
	ck_assert_mem_eq(in, "kept", 4);
}

/* -- FIFOs -- */

/* Trap 42: with its writers gone it is at its end; with the next it goes on. */
CASE(fifo_ends_and_begins_again)
{
	char path[108], in[4];

	rig_path(rig, "fifo", path, sizeof(path));
	if (port_fifo(path) < 0)
		SKIP("no FIFOs here");
	pike_fd reader = rig_own(rig, port_open_fifo(path, true, false));
	pike_handle h = rig_adopt(rig, reader);
	for (int i = 0; i < 3; i++) {
		pike_fd writer =
		    rig_own(rig, port_open_fifo(path, false, true));
		pike_id id = submit(rig, op_io(PIKE_READ, h, in, 4));
		fence(rig);
		expect_pending(rig, id);
		peer_write(rig, writer, "on", 2);
		expect_one(rig, id, 2, 0, 0);
		id = submit(rig, op_io(PIKE_READ, h, in, 4));
		fence(rig);
		expect_pending(rig, id);
		rig_drop(rig, writer);
		expect_one(rig, id, 0, 0, PIKE_EOF);
		expect_op_flags(rig, op_io(PIKE_READ, h, in, 4), 0, PIKE_EOF);
	}
	ck_assert(!port_is_nonblocking(reader));
}

/* Trap 42: one can only be opened so, that is without waiting for a writer,
 * as nonblocking. */
CASE(fifo_that_never_had_a_writer_is_at_its_end)
{
	char path[108], in[4];

	rig_path(rig, "fifo", path, sizeof(path));
	if (port_fifo(path) < 0)
		SKIP("no FIFOs here");
	pike_fd reader = rig_own(rig, port_open_fifo(path, true, false));
	port_set_nonblocking(reader, true);
	pike_handle h = rig_adopt(rig, reader);
	expect_op_flags(rig, op_io(PIKE_READ, h, in, 4), 0, PIKE_EOF);
	expect_op_flags(rig, op_io(PIKE_READ, h, in, 4), 0, PIKE_EOF);
}

/* A FIFO knows fewer ways not to block than a pipe does. */
CASE(fifo_takes_a_long_write)
{
	static char out[300000], in[300000];
	struct pike_iovec iov[3] = {{NULL, 0}, {out, 7}, {out + 7, 299993}};
	char path[108];

	rig_path(rig, "fifo", path, sizeof(path));
	if (port_fifo(path) < 0)
		SKIP("no FIFOs here");
	pike_fd reader = rig_own(rig, port_open_fifo(path, true, false));
	pike_handle h =
	    rig_adopt(rig, rig_own(rig, port_open_fifo(path, false, true)));
	for (unsigned i = 0; i < 2; i++) {
		pattern_fill(out, sizeof(out), i);
		struct pike_op op = i ? op_io(PIKE_WRITEV, h, iov, 3)
				      : op_io(PIKE_WRITE, h, out, sizeof(out));
		pike_id id = submit(rig, op_flags(op, PIKE_ALL));
		fence(rig);
		expect_pending(rig, id);
		expect_op(rig, op_nop(), 0);
		peer_read(rig, reader, in, sizeof(in));
		expect_one(rig, id, sizeof(out), 0, 0);
		pattern_check(in, sizeof(in), i);
	}
	struct pike_completion c = perform(rig, op_io(PIKE_WRITEV, h, iov, 3));
	ck_assert_int_gt(c.res, 0);
}

/* Trap 60. */
CASE(fifo_opened_both_ways)
{
	char path[108], in[4];

	rig_path(rig, "fifo", path, sizeof(path));
	if (port_fifo(path) < 0)
		SKIP("no FIFOs here");
	pike_handle h =
	    rig_adopt(rig, rig_own(rig, port_open_fifo(path, true, true)));
	pike_id id = submit(rig, op_io(PIKE_READ, h, in, 4));
	fence(rig);
	expect_pending(rig, id);
	expect_op(rig, op_io(PIKE_WRITE, h, "self", 4), 4);
	expect_one(rig, id, 4, 0, 0);
	ck_assert_mem_eq(in, "self", 4);
}

/* -- what is no stream -- */

/* Trap 4: the reactor's system call refuses it; that is not the answer. */
CASE(regular_file_is_not_supported_yet)
{
	pike_handle h = rig_adopt(rig, rig_own(rig, port_file()));
	char in[4] = "";
	struct pike_iovec iov = {in, 4};

	expect_op(rig, op_io(PIKE_READ, h, in, 4), -PIKE_ENOTSUP);
	expect_op(rig, op_io(PIKE_WRITE, h, in, 4), -PIKE_ENOTSUP);
	expect_op(rig, op_io(PIKE_READV, h, &iov, 1), -PIKE_ENOTSUP);
	expect_op(rig, op_io(PIKE_WRITEV, h, &iov, 1), -PIKE_ENOTSUP);
	expect_op(rig, op_recv(h, in, 4), -PIKE_ENOTSOCK);
	expect_op(rig, op_close(h), 0);
}

CASE(directory_is_not_supported_yet)
{
	pike_handle h = rig_adopt(rig, rig_own(rig, port_directory()));
	char in[4];
	struct pike_completion c = perform(rig, op_io(PIKE_READ, h, in, 4));

	ck_assert(c.err == PIKE_ENOTSUP || c.err == PIKE_EISDIR);
	expect_op(rig, op_close(h), 0);
}

/* Trap 75. */
CASE(streams_have_no_offsets)
{
	static const int64_t bad[] = {1, -2, 4096, INT64_MAX, INT64_MIN};
	pike_handle h[2];
	char in[4];

	rig_pair(rig, RIG_PIPE, h);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct pike_op op = op_io(PIKE_READ, h[0], in, 4);
		op.offset = bad[i];
		expect_invalid(rig, op);
		op = op_io(PIKE_WRITE, h[1], in, 4);
		op.offset = bad[i];
		expect_invalid(rig, op);
	}
	struct pike_op op = op_io(PIKE_WRITE, h[1], "ok", 2);
	op.offset = -1;
	expect_op(rig, op, 2);
	op = op_io(PIKE_READ, h[0], in, 4);
	op.offset = -1;
	expect_op(rig, op, 2);
}

int main(void)
{
	area_begin("pipe");
	area_add(bytes_through_a_pipe);
	area_add(vectors_through_a_pipe);
	area_add(closed_writer_is_the_end);
	area_add(data_comes_before_the_end_of_a_pipe);
	area_add(closed_reader_gives_epipe_and_no_signal);
	area_add(closed_reader_gives_epipe_with_nonblocking_pipes);
	area_add(reader_closes_while_a_write_waits);
	area_add(reader_closes_after_part_of_a_write);
	area_add(nonblock_flag_is_left_alone);
	area_add(full_pipe_blocks_nobody);
	area_add(long_write_tells_how_far_it_came);
	area_add(small_writes_of_two_writers_are_not_torn);
	area_add(wrong_end_of_a_pipe);
	area_add(wrong_end_of_a_fifo);
	area_add(socket_ops_on_a_pipe);
	area_add(refused_connect_leaves_a_pipe_as_it_was);
	area_add(zero_lengths_on_a_pipe);
	area_add(cancelled_read_loses_no_byte);
	area_add(fifo_ends_and_begins_again);
	area_add(fifo_that_never_had_a_writer_is_at_its_end);
	area_add(fifo_takes_a_long_write);
	area_add(fifo_opened_both_ways);
	area_add(regular_file_is_not_supported_yet);
	area_add(directory_is_not_supported_yet);
	area_add(streams_have_no_offsets);
	return area_end();
}

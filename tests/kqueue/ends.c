/* SPDX-License-Identifier: MIT */
/* Quirks of connects, ends and pipes; see QUIRKS. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "between.h"

/* ---- connects ---- */

static struct pike_addr closed_port(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof in;
	struct pike_addr at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	ck_assert_int_eq(pike_addr_from(&at, &in, len), 0);
	close(fd);
	return at;
}

static void connects_are_refused(void)
{
	struct pike_addr at = closed_port();

	for (int i = 0; i < 300; i++)
		use_submit(q,
		    (struct pike_op){.opcode = PIKE_CONNECT_TO, .addr = &at});
	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(taken().res, -PIKE_ECONNREFUSED);
}

START_TEST(a_refused_connect_is_refused_whoever_has_the_error)
{
	begin_on("freebsd");
	connects_are_refused();
	fake.eats_errors = true;
	connects_are_refused();
	end();
}
END_TEST

START_TEST(a_write_that_is_told_too_early_is_no_connection)
{
	begin_on("macos");
	fake.writes_early = true;
	connects_are_refused();
	use_works(q);
	end();
}
END_TEST

/* ---- ends ---- */

START_TEST(an_end_that_comes_with_data_comes_after_them)
{
	static char out[65536], in[1000];
	int64_t sum = 0;
	pike_handle h[3];

	begin_on("freebsd");
	use_connection(q, h);
	use_submit(q, (struct pike_op){.opcode = PIKE_SEND,
			  .flags = PIKE_ALL,
			  .handle = h[1],
			  .buf = out,
			  .len = sizeof out});
	use_submit(q, (struct pike_op){.opcode = PIKE_SHUTDOWN,
			  .handle = h[1],
			  .op_flags = PIKE_SHUT_WRITE});
	ck_assert_int_eq(taken().res, sizeof out);
	ck_assert_int_eq(taken().res, 0);
	for (;;) {
		struct pike_completion c;

		submit_read(h[0], in, sizeof in);
		c = taken();
		if (c.res == 0) {
			ck_assert_uint_eq(c.flags, PIKE_EOF);
			break;
		}
		ck_assert_int_gt(c.res, 0);
		sum += c.res;
	}
	ck_assert_int_eq(sum, sizeof out);
	end();
}
END_TEST

/* By an event that is an end with data, as the recv waits before both. */
START_TEST(an_end_in_the_event_of_data_is_no_end_yet)
{
	char in[8];
	int pair[2];
	pike_handle h;

	begin_on("freebsd");
	unix_pair(pair);
	h = adopted(pair[0]);
	submit_read(h, in, 2);
	look();
	ck_assert_int_eq(write(pair[1], "abc", 3), 3);
	close(pair[1]);
	ck_assert_int_eq(taken().res, 2);
	ck_assert_int_gt(fake.ended, 0);
	submit_read(h, in, 2);
	ck_assert_int_eq(taken().res, 1);
	submit_read(h, in, 2);
	ck_assert_uint_eq(taken().flags, PIKE_EOF);
	end();
	close(pair[0]);
}
END_TEST

static char fifo_path[] = "/tmp/pike-fifo-XXXXXX";

/* Its reader; open for reading, it needs no writer. */
static int fifo_open(int *writer)
{
	char directory[sizeof fifo_path], path[64];
	int fd;

	memcpy(directory, fifo_path, sizeof directory);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/fifo", directory);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	*writer = open(path, O_WRONLY);
	unlink(path);
	rmdir(directory);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(*writer, 0);
	return fd;
}

START_TEST(the_end_of_a_fifo_comes_though_nothing_tells_of_it)
{
	int fd, writer;
	char in[8];

	begin_on("macos");
	fd = fake.fifo = fifo_open(&writer);
	submit_read(adopted(fd), in, sizeof in);
	look();
	close(writer);
	ck_assert_uint_eq(taken().flags, PIKE_EOF);
	end();
	close(fd);
}
END_TEST

START_TEST(a_fifo_has_an_end_for_each_of_its_writers)
{
	char path[32], in[8];
	int fd, writer;
	pike_handle h;

	begin_on("freebsd");
	fd = fifo_open(&writer);
	h = adopted(fd);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	for (int i = 0; i < 3; i++) {
		submit_read(h, in, sizeof in);
		look();
		ck_assert_int_eq(write(writer, "ab", 2), 2);
		ck_assert_int_eq(taken().res, 2);
		submit_read(h, in, sizeof in);
		look();
		close(writer);
		ck_assert_uint_eq(taken().flags, PIKE_EOF);
		writer = open(path, O_WRONLY);
		ck_assert_int_ge(writer, 0);
	}
	close(writer);
	end();
	close(fd);
}
END_TEST

/* ---- pipes that nobody reads ---- */

static int full_pipe(int *reader)
{
	static const char bytes[65536];
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	while (write(fd[1], bytes, sizeof bytes) > 0)
		continue;
	*reader = fd[0];
	return fd[1];
}

static void write_ends(const char *system, bool armed)
{
	int reader, fd;

	begin_on(system);
	fd = full_pipe(&reader);
	use_submit(q, (struct pike_op){.opcode = PIKE_WRITE,
			  .handle = adopted(fd),
			  .buf = fifo_path,
			  .len = 1});
	if (armed)
		look();
	close(reader);
	ck_assert_int_eq(taken().res, -PIKE_EPIPE);
	end();
	close(fd);
}

START_TEST(a_write_ends_when_its_reader_goes)
{
	write_ends("freebsd", true);
	write_ends("openbsd", true); /* told by READ */
}
END_TEST

START_TEST(a_write_ends_when_its_reader_had_gone_before_it_was_added)
{
	write_ends("freebsd", false); /* EPIPE */
	write_ends("openbsd", false);
	write_ends("netbsd", false); /* EBADF */
}
END_TEST

/* Its end comes after what is unread, also when WRITE is refused because of it:
 * on most systems a pipe goes both ways. */
static void read_ends(const char *system)
{
	struct pike_op poll = {.opcode = PIKE_POLL,
	    .op_flags = PIKE_POLL_IN,
	    .flags = PIKE_MULTISHOT};
	struct pike_completion c;
	char in[4];
	int fd[2];

	begin_on(system);
	ck_assert_int_eq(pipe(fd), 0);
	submit_read(adopted(fd[0]), in, 2);
	ck_assert_int_eq(write(fd[1], "abc", 3), 3);
	close(fd[1]);
	ck_assert_int_eq(taken().res, 2);
	end();
	close(fd[0]);

	begin_on(system);
	ck_assert_int_eq(pipe(fd), 0);
	poll.handle = adopted(fd[0]);
	use_submit(q, poll);
	submit_read(poll.handle, in, sizeof in);
	close(fd[1]);
	for (int i = 0; i < 2; i++) {
		c = taken();
		ck_assert_int_eq(
		    c.res, c.flags & PIKE_MORE ? c.res & ~PIKE_POLL_ERR : 0);
		ck_assert(c.flags & (PIKE_MORE | PIKE_EOF));
	}
	submit_read(poll.handle, in, sizeof in);
	do {
		c = taken();
	} while (c.flags & PIKE_MORE);
	ck_assert_uint_eq(c.flags, PIKE_EOF);
	end();
	close(fd[0]);
}

START_TEST(a_read_ends_when_its_writer_had_gone_before_it_was_added)
{
	read_ends("freebsd"); /* EPIPE, of WRITE */
	read_ends("netbsd");  /* EBADF */
}
END_TEST

/* ---- sends ---- */

START_TEST(a_send_does_not_wait_though_its_flag_is_not_looked_at)
{
	static const char *const systems[] = {"macos", "netbsd"};
	static char out[1 << 20], in[1 << 20];

	for (size_t i = 0; i < COUNT(systems); i++) {
		struct pike_op op = {
		    .opcode = PIKE_SEND, .flags = PIKE_ALL, .len = sizeof out};
		pike_handle h;
		int pair[2];

		begin_on(systems[i]);
		unix_pair(pair);
		op.buf = out;
		op.handle = h = adopted(pair[0]);
		use_submit(q, op);
		look();
		op.opcode = PIKE_RECV;
		op.buf = in;
		op.handle = adopted(pair[1]);
		use_submit(q, op);
		for (int n = 0; n < 2; n++)
			ck_assert_int_eq(taken().res, sizeof out);
		ck_assert_int_eq(pike_release(q, h), pair[0]);
		ck_assert_int_eq(fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0);
		end();
		close(pair[0]);
		close(pair[1]);
	}
}
END_TEST

UNIT_MAIN("kqueue: ends", a_refused_connect_is_refused_whoever_has_the_error,
    a_write_that_is_told_too_early_is_no_connection,
    an_end_that_comes_with_data_comes_after_them,
    an_end_in_the_event_of_data_is_no_end_yet,
    the_end_of_a_fifo_comes_though_nothing_tells_of_it,
    a_fifo_has_an_end_for_each_of_its_writers,
    a_write_ends_when_its_reader_goes,
    a_write_ends_when_its_reader_had_gone_before_it_was_added,
    a_read_ends_when_its_writer_had_gone_before_it_was_added,
    a_send_does_not_wait_though_its_flag_is_not_looked_at)

/* SPDX-License-Identifier: MIT */
/* The emulation's READ and WRITE, as the manuals of the BSDs have them. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "queue.h"

static int pair[2];

static void begin(void)
{
	begin_on("freebsd");
	tcp_pair(pair);
}

static void finish(void)
{
	close(pair[0]);
	close(pair[1]);
	end();
}

START_TEST(an_edge_is_told_once_with_what_is_there)
{
	begin();
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	take_none();
	ck_assert_int_eq(write(pair[1], "abc", 3), 3);
	ck_assert_int_eq(take_one(pair[0], EVFILT_READ)->data, 3);
	take_none();
	ck_assert_int_eq(write(pair[1], "de", 2), 2);
	ck_assert_int_eq(take_one(pair[0], EVFILT_READ)->data, 5);
	finish();
}
END_TEST

START_TEST(reading_a_part_makes_no_edge)
{
	char bytes[2];

	begin();
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(write(pair[1], "abc", 3), 3);
	take_one(pair[0], EVFILT_READ);
	ck_assert_int_eq(read(pair[0], bytes, 2), 2);
	take_none();
	finish();
}
END_TEST

START_TEST(what_holds_already_is_told_at_once_also_when_added_again)
{
	begin();
	ck_assert_int_eq(write(pair[1], "abc", 3), 3);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
		    change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
		take_one(pair[0], EVFILT_READ);
		take_none();
	}
	finish();
}
END_TEST

START_TEST(without_clear_it_is_told_until_it_no_longer_holds)
{
	char byte;

	begin();
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD), 0);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	for (int i = 0; i < 3; i++) {
		take_one(pair[0], EVFILT_READ);
		ck_assert(is_readable(kq));
	}
	ck_assert_int_eq(read(pair[0], &byte, 1), 1);
	take_none();
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	take_one(pair[0], EVFILT_READ);
	finish();
}
END_TEST

START_TEST(what_ended_before_it_was_taken_is_not_told)
{
	char byte;

	begin();
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	ck_assert_int_eq(read(pair[0], &byte, 1), 1);
	take_none();
	finish();
}
END_TEST

START_TEST(oneshot_is_gone_after_its_event)
{
	begin();
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_ONESHOT), 0);
	take_one(pair[0], EVFILT_READ);
	take_none();
	ck_assert_int_eq(change(pair[0], EVFILT_READ, 0), ENOENT);
	finish();
}
END_TEST

START_TEST(room_is_an_edge_of_write_only)
{
	begin();
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(change(pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_gt(take_one(pair[0], EVFILT_WRITE)->data, 0);
	take_none();
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	take_one(pair[0], EVFILT_READ);
	fill(pair[0]);
	take_none();
	drain(pair[1]);
	take_one(pair[0], EVFILT_WRITE);
	finish();
}
END_TEST

START_TEST(both_directions_are_two_events)
{
	begin();
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(change(pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(take(), 2);
	ck_assert_ptr_nonnull(event_of(pair[0], EVFILT_READ));
	ck_assert_ptr_nonnull(event_of(pair[0], EVFILT_WRITE));
	finish();
}
END_TEST

START_TEST(the_end_is_told_with_data_unread)
{
	const struct kevent *e;

	begin();
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(write(pair[1], "abc", 3), 3);
	ck_assert_int_eq(shutdown(pair[1], SHUT_WR), 0);
	e = take_one(pair[0], EVFILT_READ);
	if (!(e->flags & EV_EOF))
		e = take_one(pair[0], EVFILT_READ);
	ck_assert_uint_eq(e->flags, EV_EOF | EV_CLEAR);
	ck_assert_int_eq(e->data, 3);
	ck_assert_uint_eq(e->fflags, 0);
	finish();
}
END_TEST

START_TEST(ones_own_end_is_told_to_write)
{
	begin();
	ck_assert_int_eq(change(pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
	take_one(pair[0], EVFILT_WRITE);
	ck_assert_int_eq(shutdown(pair[0], SHUT_WR), 0);
	ck_assert_uint_eq(
	    take_one(pair[0], EVFILT_WRITE)->flags & EV_EOF, EV_EOF);
	finish();
}
END_TEST

/* The error is in fflags, and the socket has it still. */
static void expect_error(int fd, int filter, int error)
{
	const struct kevent *e = event_of(fd, filter);
	struct pollfd p = {.fd = fd};

	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(e->flags & EV_EOF, EV_EOF);
	ck_assert_uint_eq(e->fflags, error);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(p.revents & POLLERR, POLLERR);
}

static int socket_error(int fd)
{
	int error = -1;
	socklen_t len = sizeof error;

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	return error;
}

START_TEST(a_reset_is_told_by_both_and_stays_for_the_one_who_asks)
{
	char byte;

	begin();
	for (int i = 0; i < 2; i++) {
		int other[2];

		tcp_pair(other);
		reset(other[1]);
		ck_assert_int_eq(
		    change(other[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
		ck_assert_int_eq(
		    change(other[0], EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
		ck_assert_int_eq(take_within(5000), 2);
		expect_error(other[0], EVFILT_READ, ECONNRESET);
		expect_error(other[0], EVFILT_WRITE, ECONNRESET);
		if (i == 0) {
			ck_assert_int_eq(read(other[0], &byte, 1), -1);
			ck_assert_int_eq(errno, ECONNRESET);
			ck_assert_int_eq(read(other[0], &byte, 1), 0);
		} else {
			ck_assert_int_eq(
			    send(other[0], "a", 1, MSG_NOSIGNAL), -1);
			ck_assert_int_eq(errno, ECONNRESET);
		}
		ck_assert_int_eq(socket_error(other[0]), 0);
		close(other[0]);
	}
	finish();
}
END_TEST

START_TEST(a_refused_connect_is_the_end_of_write)
{
	int fd;

	begin();
	fd = caller(closed_port());
	ck_assert_int_eq(change(fd, EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
	take_one(fd, EVFILT_WRITE);
	expect_error(fd, EVFILT_WRITE, ECONNREFUSED);
	ck_assert_int_eq(socket_error(fd), ECONNREFUSED);
	ck_assert_int_eq(socket_error(fd), 0);
	close(fd);
	finish();
}
END_TEST

START_TEST(a_fresh_socket_is_ready_for_nothing)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	begin();
	ck_assert_int_eq(change(fd, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(change(fd, EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(take(), 0);
	close(fd);
	finish();
}
END_TEST

START_TEST(a_listener_tells_who_waits)
{
	int port, fd, c[2];

	begin();
	fd = listener(&port);
	ck_assert_int_eq(change(fd, EVFILT_READ, EV_ADD), 0);
	take_none();
	c[0] = caller(port);
	c[1] = caller(port);
	take_one(fd, EVFILT_READ);
	close(c[0]);
	close(c[1]);
	close(fd);
	finish();
}
END_TEST

START_TEST(pipes_tell_bytes_and_ends)
{
	int fd[2];

	begin();
	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(change(fd[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	take_none();
	ck_assert_int_eq(write(fd[1], "ab", 2), 2);
	ck_assert_int_eq(take_one(fd[0], EVFILT_READ)->data, 2);
	close(fd[1]);
	ck_assert_uint_eq(take_one(fd[0], EVFILT_READ)->flags & EV_EOF, EV_EOF);
	close(fd[0]);
	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(change(fd[1], EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
	take_one(fd[1], EVFILT_WRITE);
	close(fd[0]);
	ck_assert_uint_eq(
	    take_one(fd[1], EVFILT_WRITE)->flags & EV_EOF, EV_EOF);
	close(fd[1]);
	finish();
}
END_TEST

START_TEST(closing_drops_what_was_to_be_told_also_where_a_dup_lives)
{
	int copy;

	begin();
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	copy = dup(pair[0]);
	ck_assert_int_eq(close(pair[0]), 0);
	take_none();
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	take_none();
	ck_assert_int_eq(dup2(copy, pair[0]), pair[0]);
	ck_assert_int_eq(change(pair[0], EVFILT_READ, 0), ENOENT);
	ck_assert_int_eq(change(pair[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	take_one(pair[0], EVFILT_READ);
	close(copy);
	finish();
}
END_TEST

START_TEST(closed_behind_its_back_it_is_gone_all_the_same)
{
	int other[2], copy;

	begin();
	unix_pair(other);
	copy = dup(other[0]);
	ck_assert_int_eq(change(other[0], EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(dup2(pair[0], other[0]), other[0]);
	ck_assert_int_eq(write(other[1], "a", 1), 1);
	ck_assert_int_eq(take(), 0);
	ck_assert_int_eq(change(other[0], EVFILT_READ, 0), ENOENT);
	close(copy);
	close(other[0]);
	close(other[1]);
	finish();
}
END_TEST

START_TEST(another_descriptor_under_the_number_is_another)
{
	int other[2], number;

	begin();
	unix_pair(other);
	number = pair[0];
	ck_assert_int_eq(change(number, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	ck_assert_int_eq(write(pair[1], "a", 1), 1);
	close(number);
	ck_assert_int_eq(dup2(other[0], number), number);
	close(other[0]);
	ck_assert_int_eq(change(number, EVFILT_READ, EV_ADD | EV_CLEAR), 0);
	take_none();
	ck_assert_int_eq(write(other[1], "bc", 2), 2);
	ck_assert_int_eq(take_one(number, EVFILT_READ)->data, 2);
	close(other[1]);
	finish();
}
END_TEST

UNIT_MAIN("kqueue: descriptors", an_edge_is_told_once_with_what_is_there,
    reading_a_part_makes_no_edge,
    what_holds_already_is_told_at_once_also_when_added_again,
    without_clear_it_is_told_until_it_no_longer_holds,
    what_ended_before_it_was_taken_is_not_told, oneshot_is_gone_after_its_event,
    room_is_an_edge_of_write_only, both_directions_are_two_events,
    the_end_is_told_with_data_unread, ones_own_end_is_told_to_write,
    a_reset_is_told_by_both_and_stays_for_the_one_who_asks,
    a_refused_connect_is_the_end_of_write, a_fresh_socket_is_ready_for_nothing,
    a_listener_tells_who_waits, pipes_tell_bytes_and_ends,
    closing_drops_what_was_to_be_told_also_where_a_dup_lives,
    closed_behind_its_back_it_is_gone_all_the_same,
    another_descriptor_under_the_number_is_another)

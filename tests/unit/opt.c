/* SPDX-License-Identifier: MIT */
/* Socket options: the portable ones, the system's own, and what is refused. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pike.h>

#include "backend/option.h"
#include "handle.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))

static int opt_socket(int family, int type)
{
	int fd = socket(family, type, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* A handle of fd, of the family that an adopted one has. */
static struct pike__handle opt_handle(int fd)
{
	struct pike__handle h = {.fd = fd, .family = PIKE_AF_INET};
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		h.family = sa.ss_family == AF_INET    ? PIKE_AF_INET
			   : sa.ss_family == AF_INET6 ? PIKE_AF_INET6
						      : PIKE_AF_UNIX;
	return h;
}

/* What was done, 0 or bytes, or a negated errno. */
static int opt_do_set(int fd, const struct pike_op *op)
{
	struct pike__handle h = opt_handle(fd);

	return -(int)pike__option_set(&h, op);
}

static int opt_do_get(int fd, const struct pike_op *op)
{
	struct pike__handle h = opt_handle(fd);
	int done = 0;
	uint32_t error = pike__option_get(&h, op, &done);

	return error ? -(int)error : done;
}

static int opt_set(int fd, int name, int32_t value)
{
	struct pike_op op = {.buf = &value, .len = sizeof(value)};

	op.u.option.level = PIKE_SOL;
	op.u.option.name = name;
	return opt_do_set(fd, &op);
}

/* The value, or a negated errno; what it reads is no errno's negation. */
static int opt_get(int fd, int name)
{
	int32_t value = INT32_MIN;
	struct pike_op op = {.buf = &value, .len = sizeof(value)};

	op.u.option.level = PIKE_SOL;
	op.u.option.name = name;
	int res = opt_do_get(fd, &op);
	if (res < 0) {
		ck_assert_int_eq(value, INT32_MIN);
		return res;
	}
	ck_assert_int_eq(res, sizeof(value));
	return value;
}

static int opt_raw(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* Set, and read back through the system, whose name is beside pike's. */
static const struct {
	int name;
	int family;
	int type;
	int level;
	int system;
	int32_t values[2];
	int32_t bad[2];
} opt_plain[] = {
    {PIKE_SO_REUSEADDR, AF_INET, SOCK_STREAM, SOL_SOCKET, SO_REUSEADDR, {1, 0},
	{2, -1}},
    {PIKE_SO_REUSEPORT, AF_INET, SOCK_STREAM, SOL_SOCKET, SO_REUSEPORT, {1, 0},
	{2, -1}},
    {PIKE_SO_KEEPALIVE, AF_INET, SOCK_STREAM, SOL_SOCKET, SO_KEEPALIVE, {1, 0},
	{2, -1}},
    {PIKE_SO_KEEPIDLE, AF_INET6, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPIDLE,
	{77, 78}, {0, -1}},
    {PIKE_SO_KEEPINTVL, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPINTVL,
	{5, 6}, {0, -1}},
    {PIKE_SO_KEEPCNT, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_KEEPCNT, {3, 4},
	{0, -1}},
    {PIKE_SO_NODELAY, AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY, {1, 0},
	{2, -1}},
    {PIKE_SO_BROADCAST, AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_BROADCAST, {1, 0},
	{2, -1}},
    {PIKE_SO_V6ONLY, AF_INET6, SOCK_STREAM, IPPROTO_IPV6, IPV6_V6ONLY, {1, 0},
	{2, -1}},
    {PIKE_SO_TTL, AF_INET, SOCK_STREAM, IPPROTO_IP, IP_TTL, {1, 255}, {0, 256}},
    {PIKE_SO_TTL, AF_INET6, SOCK_STREAM, IPPROTO_IPV6, IPV6_UNICAST_HOPS,
	{255, 1}, {0, 256}},
    {PIKE_SO_TTL, AF_INET6, SOCK_DGRAM, IPPROTO_IPV6, IPV6_UNICAST_HOPS,
	{9, 10}, {-1, INT32_MAX}},
};

START_TEST(opt_plain_values)
{
	int fd = opt_socket(opt_plain[_i].family, opt_plain[_i].type);
	int name = opt_plain[_i].name;

	for (int i = 0; i < 2; i++) {
		int32_t value = opt_plain[_i].values[i];
		ck_assert_int_eq(opt_set(fd, name, value), 0);
		ck_assert_int_eq(opt_get(fd, name), value);
		ck_assert_int_eq(
		    opt_raw(fd, opt_plain[_i].level, opt_plain[_i].system),
		    value);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
		    opt_set(fd, name, opt_plain[_i].bad[i]), -EINVAL);
		ck_assert_int_eq(opt_get(fd, name), opt_plain[_i].values[1]);
	}
	close(fd);
}
END_TEST

/* What an IPv6 socket sends to mapped IPv4 addresses has the TTL too. */
START_TEST(opt_ttl_mapped)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

	for (int i = 0; i < COUNT(types); i++) {
		int fd = opt_socket(AF_INET6, types[i]);
		ck_assert_int_eq(opt_set(fd, PIKE_SO_TTL, 33), 0);
		ck_assert_int_eq(opt_raw(fd, IPPROTO_IP, IP_TTL), 33);
		close(fd);
	}
}
END_TEST

START_TEST(opt_buffers)
{
	static const struct {
		int name;
		int system;
	} buffers[] = {
	    {PIKE_SO_RCVBUF, SO_RCVBUF}, {PIKE_SO_SNDBUF, SO_SNDBUF}};
	int fd = opt_socket(AF_INET, SOCK_STREAM);

	for (int i = 0; i < COUNT(buffers); i++) {
		ck_assert_int_eq(opt_set(fd, buffers[i].name, 20000), 0);
		int big = opt_get(fd, buffers[i].name);
		ck_assert_int_ge(big, 20000);
		ck_assert_int_eq(
		    big, opt_raw(fd, SOL_SOCKET, buffers[i].system));
		ck_assert_int_eq(opt_set(fd, buffers[i].name, 10000), 0);
		ck_assert_int_lt(opt_get(fd, buffers[i].name), big);
		ck_assert_int_eq(opt_set(fd, buffers[i].name, -1), -EINVAL);
	}
	close(fd);
}
END_TEST

START_TEST(opt_linger)
{
	int fd = opt_socket(AF_INET, SOCK_STREAM);
	struct linger linger;
	socklen_t len = sizeof(linger);

	ck_assert_int_eq(opt_get(fd, PIKE_SO_LINGER), -1);
	ck_assert_int_eq(opt_set(fd, PIKE_SO_LINGER, 0), 0);
	ck_assert_int_eq(opt_get(fd, PIKE_SO_LINGER), 0);
	ck_assert_int_eq(opt_set(fd, PIKE_SO_LINGER, 17), 0);
	ck_assert_int_eq(opt_get(fd, PIKE_SO_LINGER), 17);
	ck_assert_int_eq(
	    getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	ck_assert_int_ne(linger.l_onoff, 0);
	ck_assert_int_eq(linger.l_linger, 17);
	ck_assert_int_eq(opt_set(fd, PIKE_SO_LINGER, -2), -EINVAL);
	ck_assert_int_eq(opt_get(fd, PIKE_SO_LINGER), 17);
	ck_assert_int_eq(opt_set(fd, PIKE_SO_LINGER, -1), 0);
	ck_assert_int_eq(opt_get(fd, PIKE_SO_LINGER), -1);
	close(fd);
}
END_TEST

START_TEST(opt_type)
{
	static const struct {
		int system;
		int type;
	} types[] = {{SOCK_STREAM, PIKE_SOCK_STREAM},
	    {SOCK_DGRAM, PIKE_SOCK_DGRAM},
	    {SOCK_SEQPACKET, PIKE_SOCK_SEQPACKET}};

	for (int i = 0; i < COUNT(types); i++) {
		int fd = opt_socket(AF_UNIX, types[i].system);
		ck_assert_int_eq(opt_get(fd, PIKE_SO_TYPE), types[i].type);
		ck_assert_int_eq(
		    opt_set(fd, PIKE_SO_TYPE, types[i].type), -ENOPROTOOPT);
		close(fd);
	}
}
END_TEST

/* No such option: on this kind of socket, or anywhere. */
START_TEST(opt_not_there)
{
	static const struct {
		int name;
		int family;
		int type;
	} missing[] = {
	    {PIKE_SO_V6ONLY, AF_INET, SOCK_STREAM},
	    {PIKE_SO_NODELAY, AF_INET, SOCK_DGRAM},
	    {PIKE_SO_NODELAY, AF_UNIX, SOCK_STREAM},
	    {PIKE_SO_KEEPIDLE, AF_UNIX, SOCK_STREAM},
	    {PIKE_SO_TTL, AF_UNIX, SOCK_DGRAM},
	    {0, AF_INET, SOCK_STREAM},
	    {-1, AF_INET, SOCK_STREAM},
	    {PIKE_SO_TYPE + 1, AF_INET, SOCK_STREAM},
	    {INT32_MAX, AF_INET, SOCK_STREAM},
	    {INT32_MIN, AF_INET, SOCK_STREAM},
	};

	for (int i = 0; i < COUNT(missing); i++) {
		int fd = opt_socket(missing[i].family, missing[i].type);
		ck_assert_int_eq(opt_set(fd, missing[i].name, 1), -ENOPROTOOPT);
		ck_assert_int_eq(opt_get(fd, missing[i].name), -ENOPROTOOPT);
		close(fd);
	}
}
END_TEST

/* Every option on what is no socket, and on what is nothing. */
START_TEST(opt_no_socket)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	for (int name = PIKE_SO_REUSEADDR; name <= PIKE_SO_TYPE; name++) {
		ck_assert_int_eq(opt_get(fds[0], name), -ENOTSOCK);
		ck_assert_int_eq(opt_get(-1, name), -EBADF);
		if (name == PIKE_SO_TYPE)
			break;
		ck_assert_int_eq(opt_set(fds[0], name, 1), -ENOTSOCK);
		ck_assert_int_eq(opt_set(-1, name, 1), -EBADF);
	}
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(opt_lengths)
{
	static const size_t lengths[] = {0, 1, 3, 5, 8, SIZE_MAX};
	int fd = opt_socket(AF_INET, SOCK_STREAM);
	int32_t value[2] = {1, 1};

	for (int name = PIKE_SO_REUSEADDR; name <= PIKE_SO_TYPE; name++) {
		struct pike_op op = {.buf = value};
		op.u.option.level = PIKE_SOL;
		op.u.option.name = name;
		for (int i = 0; i < COUNT(lengths); i++) {
			op.len = lengths[i];
			ck_assert_int_eq(opt_do_set(fd, &op), -EINVAL);
			ck_assert_int_eq(opt_do_get(fd, &op), -EINVAL);
		}
		op.buf = NULL;
		op.len = sizeof(int32_t);
		ck_assert_int_eq(opt_do_set(fd, &op), -EINVAL);
		ck_assert_int_eq(opt_do_get(fd, &op), -EINVAL);
	}
	ck_assert_int_eq(opt_get(fd, PIKE_SO_REUSEADDR), 0);
	close(fd);
}
END_TEST

/* A value that is not aligned, as in a packed message. */
START_TEST(opt_unaligned)
{
	int fd = opt_socket(AF_INET, SOCK_STREAM);
	char bytes[8] = {0};
	int32_t value = 44;
	struct pike_op op = {.buf = bytes + 1, .len = sizeof(value)};

	memcpy(bytes + 1, &value, sizeof(value));
	op.u.option.level = PIKE_SOL;
	op.u.option.name = PIKE_SO_TTL;
	ck_assert_int_eq(opt_do_set(fd, &op), 0);
	memset(bytes, 0, sizeof(bytes));
	ck_assert_int_eq(opt_do_get(fd, &op), 4);
	memcpy(&value, bytes + 1, sizeof(value));
	ck_assert_int_eq(value, 44);
	close(fd);
}
END_TEST

/* Other levels and names are the system's, with its lengths and errors. */
START_TEST(opt_raw_levels)
{
	int fd = opt_socket(AF_INET, SOCK_STREAM);
	struct timeval wait = {.tv_sec = 12};
	struct pike_op op = {.buf = &wait, .len = sizeof(wait)};

	op.u.option.level = SOL_SOCKET;
	op.u.option.name = SO_RCVTIMEO;
	ck_assert_int_eq(opt_do_set(fd, &op), 0);
	memset(&wait, 0, sizeof(wait));
	ck_assert_int_eq(opt_do_get(fd, &op), sizeof(wait));
	ck_assert_int_eq(wait.tv_sec, 12);

	/* The length that comes back is the system's. */
	char room[64] = {0};
	op.u.option.name = SO_TYPE;
	op.buf = room;
	op.len = sizeof(room);
	ck_assert_int_eq(opt_do_get(fd, &op), sizeof(int));

	op.u.option.name = 0x7fff;
	ck_assert_int_eq(opt_do_get(fd, &op), -ENOPROTOOPT);
	ck_assert_int_eq(opt_do_set(fd, &op), -ENOPROTOOPT);
	op.len = (size_t)INT_MAX + 1;
	ck_assert_int_eq(opt_do_get(fd, &op), -EINVAL);
	ck_assert_int_eq(opt_do_set(fd, &op), -EINVAL);
	close(fd);

	op.len = sizeof(room);
	ck_assert_int_eq(opt_do_get(-1, &op), -EBADF);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("opt");
	TCase *tests = tcase_create("opt");

	tcase_add_loop_test(tests, opt_plain_values, 0, COUNT(opt_plain));
	tcase_add_test(tests, opt_ttl_mapped);
	tcase_add_test(tests, opt_buffers);
	tcase_add_test(tests, opt_linger);
	tcase_add_test(tests, opt_type);
	tcase_add_test(tests, opt_not_there);
	tcase_add_test(tests, opt_no_socket);
	tcase_add_test(tests, opt_lengths);
	tcase_add_test(tests, opt_unaligned);
	tcase_add_test(tests, opt_raw_levels);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

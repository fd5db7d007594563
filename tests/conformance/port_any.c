/* SPDX-License-Identifier: MIT */
/* What port.h promises and every system does alike, by the rest of it. */
#include <check.h>

#include "port.h"

#define WAIT_MS 10000

struct pike_addr port_loopback(int family)
{
	struct pike_addr addr = {0};

	addr.family = (uint16_t)family;
	if (family == PIKE_AF_INET) {
		addr.u.ip4[0] = 127;
		addr.u.ip4[3] = 1;
	} else {
		addr.u.ip6[15] = 1;
	}
	return addr;
}

void port_tcp_pair(pike_fd fd[2])
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = port_bound(&addr, PIKE_SOCK_STREAM, 1);

	ck_assert_int_ge(listener, 0);
	fd[0] = port_connect(&addr, PIKE_SOCK_STREAM);
	ck_assert_int_ge(fd[0], 0);
	fd[1] = port_accept(listener);
	ck_assert_int_ge(fd[1], 0);
	port_close(listener);
}

int64_t port_fill(pike_fd fd)
{
	static const char junk[65536];
	int64_t sum = 0;

	for (size_t step = sizeof(junk); step > 0;) {
		int64_t n = port_write(fd, junk, step);
		if (n <= 0) {
			step /= 2;
			continue;
		}
		/* Where room came late there may be much of it. */
		sum += n;
		step = sizeof(junk);
	}
	return sum;
}

void port_wait_readable(pike_fd fd)
{
	if (!port_ready(fd, PIKE_POLL_IN, WAIT_MS))
		ck_abort_msg("nothing came in 10 s");
}

void port_wait_writable(pike_fd fd)
{
	if (!port_ready(fd, PIKE_POLL_OUT, WAIT_MS))
		ck_abort_msg("not writable in 10 s");
}

bool port_is_readable(pike_fd fd)
{
	return port_ready(fd, PIKE_POLL_IN, 0);
}

bool port_is_writable(pike_fd fd)
{
	return port_ready(fd, PIKE_POLL_OUT, 0);
}

/* SPDX-License-Identifier: MIT */
/* The tests' port layer, by POSIX calls: sockets. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __linux__
#	include <linux/sockios.h>
#endif

#include "port_posix.h"

#define WAIT_MS 10000

/* -------------------------------------------------------------- sockets -- */

bool port_ready(pike_fd fd, unsigned event, int timeout_ms)
{
	struct pollfd p = {
	    (int)fd, event == PIKE_POLL_IN ? POLLIN : POLLOUT, 0};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	MUST(n >= 0);
	return n == 1;
}

static int port_type(int type)
{
	return type == PIKE_SOCK_STREAM  ? SOCK_STREAM
	       : type == PIKE_SOCK_DGRAM ? SOCK_DGRAM
					 : SOCK_SEQPACKET;
}

static int port_family(int family)
{
	return family == PIKE_AF_UNIX   ? AF_UNIX
	       : family == PIKE_AF_INET ? AF_INET
					: AF_INET6;
}

static socklen_t port_to(const struct pike_addr *addr, void *sa)
{
	int len = pike_addr_to(addr, sa, sizeof(struct sockaddr_storage));

	ck_assert_int_gt(len, 0);
	return (socklen_t)len;
}

pike_fd port_socket(int family, int type)
{
	int fd = socket(port_family(family), port_type(type), 0);

	if (fd < 0)
		return port_code();
	port_cloexec(fd);
	return fd;
}

/* The BSDs' do not. */
static bool port_is_dual(void)
{
	int fd = (int)port_socket(PIKE_AF_INET6, PIKE_SOCK_DGRAM);
	int only = 1;
	socklen_t len = sizeof(only);

	if (fd < 0)
		return false;
	getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len);
	port_close(fd);
	return !only;
}

/* The emulation of kqueue can be asked for what a system may do by chance. */
bool port_can(enum port_ability ability)
{
	const char *chaos = getenv("PIKE_KQ_CHAOS");

	if (ability == PORT_DUAL)
		return port_is_dual();
	return ability != PORT_EVENTS_ONCE || !chaos ||
	       !strtoull(chaos, NULL, 0);
}

int port_name(pike_fd fd, bool peer, struct pike_addr *addr)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	int r = peer ? getpeername((int)fd, (struct sockaddr *)&sa, &len)
		     : getsockname((int)fd, (struct sockaddr *)&sa, &len);

	return r < 0 ? port_code() : pike_addr_from(addr, &sa, len);
}

pike_fd port_bound(struct pike_addr *addr, int type, int backlog)
{
	pike_fd fd = port_socket(addr->family, type);
	struct sockaddr_storage sa;
	socklen_t len = port_to(addr, &sa);
	int on = 1;

	if (fd < 0)
		return fd;
	if (addr->family != PIKE_AF_UNIX)
		setsockopt((int)fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind((int)fd, (struct sockaddr *)&sa, len) < 0 ||
	    (type != PIKE_SOCK_DGRAM &&
		listen((int)fd, backlog < 0 ? SOMAXCONN : backlog) < 0)) {
		int code = port_code();
		port_close(fd);
		return code;
	}
	ck_assert_int_eq(port_name(fd, false, addr), 0);
	return fd;
}

struct pike_addr port_loopback_apart(void)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);

#ifdef __linux__
	pid_t pid = getpid();

	addr.u.ip4[1] = (uint8_t)(1 + (pid >> 16) % 254);
	addr.u.ip4[2] = (uint8_t)(pid >> 8);
	addr.u.ip4[3] = (uint8_t)pid;
#endif
	return addr;
}

/* Without SO_REUSEADDR, with which others could have the port too. */
pike_fd port_nobody(struct pike_addr *addr)
{
	struct sockaddr_storage sa;
	pike_fd fd;

	*addr = port_loopback(PIKE_AF_INET);
	fd = port_socket(PIKE_AF_INET, PIKE_SOCK_STREAM);
	MUST(bind((int)fd, (struct sockaddr *)&sa, port_to(addr, &sa)) == 0);
	MUST(port_name(fd, false, addr) == 0);
	return fd;
}

/* What was interrupted goes on by itself, and cannot be called again. */
static int port_connect_end(pike_fd fd)
{
	int code = 0;
	socklen_t len = sizeof(code);

	port_wait_writable(fd);
	MUST(getsockopt((int)fd, SOL_SOCKET, SO_ERROR, &code, &len) == 0);
	errno = code;
	return code;
}

pike_fd port_connect(const struct pike_addr *addr, int type)
{
	pike_fd fd = port_socket(addr->family, type);
	struct sockaddr_storage sa;
	socklen_t len = port_to(addr, &sa);

	if (fd < 0)
		return fd;
	if (connect((int)fd, (struct sockaddr *)&sa, len) < 0 &&
	    !(errno == EINTR && port_connect_end(fd) == 0)) {
		int code = port_code();
		port_close(fd);
		return code;
	}
	return fd;
}

void port_connect_with(pike_fd fd, const struct pike_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t len = port_to(addr, &sa);

	MUST(connect((int)fd, (struct sockaddr *)&sa, len) == 0);
}

pike_fd port_connect_start(const struct pike_addr *addr)
{
	pike_fd fd = port_socket(addr->family, PIKE_SOCK_STREAM);
	struct sockaddr_storage sa;
	socklen_t len = port_to(addr, &sa);

	MUST(fd >= 0);
	port_set_nonblocking(fd, true);
	int r = connect((int)fd, (struct sockaddr *)&sa, len);
	MUST(r == 0 || errno == EINPROGRESS);
	return fd;
}

pike_fd port_accept(pike_fd listener)
{
	port_wait_readable(listener);
	int fd = accept((int)listener, NULL, NULL);
	if (fd < 0)
		return port_code();
	port_cloexec(fd);
	return fd;
}

int port_unix_pair(int type, pike_fd fd[2])
{
	int pair[2];

	MUST(socketpair(AF_UNIX, port_type(type), 0, pair) == 0);
	for (int i = 0; i < 2; i++) {
		port_cloexec(pair[i]);
		fd[i] = pair[i];
	}
	return 0;
}

void port_buffers(pike_fd fd, int bytes)
{
	socklen_t len = sizeof(bytes);

	MUST(setsockopt((int)fd, SOL_SOCKET, SO_SNDBUF, &bytes, len) == 0);
	MUST(setsockopt((int)fd, SOL_SOCKET, SO_RCVBUF, &bytes, len) == 0);
}

/* An acknowledgement may be held back for a while. */
void port_settle(pike_fd fd)
{
#ifdef SIOCOUTQNSD
	for (int i = 0; i < WAIT_MS; i++) {
		int queued = 0, unsent = 0;
		MUST(ioctl((int)fd, SIOCOUTQ, &queued) == 0);
		if (ioctl((int)fd, SIOCOUTQNSD, &unsent) < 0) {
			/* An emulator of the processor alone knows not all. */
			MUST(errno == ENOSYS);
			port_ready(fd, PIKE_POLL_OUT, 250);
			return;
		}
		if (queued == unsent)
			return;
		poll(NULL, 0, 1);
	}
	ck_abort_msg("what was sent does not arrive");
#else
	port_ready(fd, PIKE_POLL_OUT, 250);
#endif
}

void port_finish_writing(pike_fd fd)
{
	MUST(shutdown((int)fd, SHUT_WR) == 0);
}

void port_reset(pike_fd fd)
{
	struct linger hard = {1, 0};

	MUST(setsockopt((int)fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)) ==
	     0);
	port_close(fd);
}

int port_send_urgent(pike_fd fd, char byte)
{
	return send((int)fd, &byte, 1, MSG_OOB) == 1 ? 0 : port_code();
}

int port_sol_socket(void)
{
	return SOL_SOCKET;
}

int port_so_keepalive(void)
{
	return SO_KEEPALIVE;
}

int port_econnrefused(void)
{
	return ECONNREFUSED;
}

/*
 * The flag belongs to every descriptor of the file, so it is put back: the
 * tests look at it.
 */
int64_t port_read(pike_fd fd, void *buf, size_t len)
{
	ssize_t n = recv((int)fd, buf, len, MSG_DONTWAIT);

	if (n < 0 && errno == ENOTSOCK) {
		if (!port_ready(fd, PIKE_POLL_IN, 0))
			return -PIKE_EAGAIN;
		n = read((int)fd, buf, len);
	}
	return n < 0 ? port_code() : n;
}

/* A send that waits nowhere, also where MSG_DONTWAIT is for who receives. */
static ssize_t port_send(pike_fd fd, const void *buf, size_t len,
    const struct sockaddr *to, socklen_t to_len)
{
	bool waits = port_sends_wait() && !port_is_nonblocking(fd);
	ssize_t n;

	if (waits)
		port_set_nonblocking(fd, true);
	n = sendto((int)fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL, to, to_len);
	if (waits) {
		int err = errno;
		port_set_nonblocking(fd, false);
		errno = err;
	}
	return n;
}

int64_t port_write(pike_fd fd, const void *buf, size_t len)
{
	ssize_t n = port_send(fd, buf, len, NULL, 0);

	if (n < 0 && errno == ENOTSOCK) {
		bool was = port_is_nonblocking(fd);
		port_set_nonblocking(fd, true);
		n = write((int)fd, buf, len);
		int code = n < 0 ? port_code() : 0;
		port_set_nonblocking(fd, was);
		return n < 0 ? code : n;
	}
	return n < 0 ? port_code() : n;
}

int64_t port_send_to(
    pike_fd fd, const void *buf, size_t len, const struct pike_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = port_to(addr, &sa);
	ssize_t n = port_send(fd, buf, len, (struct sockaddr *)&sa, sa_len);

	return n < 0 ? port_code() : n;
}

int64_t port_recv_from(
    pike_fd fd, void *buf, size_t len, struct pike_addr *addr)
{
	struct sockaddr_storage sa = {0};
	socklen_t sa_len = sizeof(sa);
	ssize_t n = recvfrom(
	    (int)fd, buf, len, MSG_DONTWAIT, (struct sockaddr *)&sa, &sa_len);

	if (n >= 0 && addr)
		ck_assert_int_eq(pike_addr_from(addr, &sa, sa_len), 0);
	return n < 0 ? port_code() : n;
}

union port_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int) * 64)];
};

void port_send_fds(pike_fd fd, const pike_fd *fds, int n)
{
	union port_control control = {0};
	struct iovec iov = {"x", 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	for (int i = 0; i < n; i++) {
		int one = (int)fds[i];
		memcpy(
		    CMSG_DATA(c) + sizeof(int) * (size_t)i, &one, sizeof(one));
	}
	MUST(sendmsg((int)fd, &msg, MSG_NOSIGNAL) == 1);
}

int port_recv_fds(pike_fd fd, pike_fd *fds, int room)
{
	union port_control control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	int n = 0;

	port_wait_readable(fd);
	MUST(recvmsg((int)fd, &msg, MSG_CMSG_CLOEXEC) >= 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c;
	     c = CMSG_NXTHDR(&msg, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);
		for (size_t at = 0; at + sizeof(int) <= bytes;
		     at += sizeof(int)) {
			int one;
			memcpy(&one, CMSG_DATA(c) + at, sizeof(one));
			if (n == room)
				close(one);
			else
				fds[n++] = one;
		}
	}
	return n;
}

void port_want_ttl(pike_fd fd)
{
	int on = 1;

	MUST(setsockopt((int)fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)) == 0);
}

size_t port_ttl_control(void *control, size_t size, int ttl)
{
	struct cmsghdr header = {.cmsg_len = CMSG_LEN(sizeof(ttl)),
	    .cmsg_level = IPPROTO_IP,
	    .cmsg_type = IP_TTL};

	ck_assert_uint_ge(size, CMSG_SPACE(sizeof(ttl)));
	memset(control, 0, CMSG_SPACE(sizeof(ttl)));
	memcpy(control, &header, sizeof(header));
	memcpy((char *)control + CMSG_LEN(0), &ttl, sizeof(ttl));
	return CMSG_SPACE(sizeof(ttl));
}

int port_ttl_of(const void *control, size_t len)
{
	const char *at = control;
	struct cmsghdr header;
	int ttl;

	while (len >= CMSG_LEN(sizeof(ttl))) {
		memcpy(&header, at, sizeof(header));
		memcpy(&ttl, at + CMSG_LEN(0), sizeof(ttl));
		if (header.cmsg_level == IPPROTO_IP &&
		    header.cmsg_type == IP_TTL)
			return ttl;
		size_t step = CMSG_ALIGN(header.cmsg_len);
		if (step < CMSG_LEN(0) || step > len)
			return -1;
		at += step;
		len -= step;
	}
	return -1;
}

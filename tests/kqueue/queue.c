/* SPDX-License-Identifier: MIT */
/* See queue.h. */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue.h"

#define PATIENCE_MS 5000 /* only spent by a test that fails */

struct got got;
int kq = -1;

void begin_on(const char *system)
{
	ck_assert_int_eq(setenv("PIKE_KQ_SYSTEM", system, 1), 0);
	kq = kqueue();
	ck_assert_int_ge(kq, 0);
	kq_begin();
}

void end(void)
{
	ck_assert_int_eq(close(kq), 0);
}

/* ---- changes and events ---- */

int change_all(
    uintptr_t ident, int filter, int flags, unsigned fflags, int64_t data)
{
	struct kevent c;

	EV_SET(&c, ident, (short)filter, (unsigned short)flags, fflags, data,
	    (void *)(ident + 1000));
	return kevent(kq, &c, 1, NULL, 0, NULL) < 0 ? errno : 0;
}

int change(uintptr_t ident, int filter, int flags)
{
	return change_all(ident, filter, flags, 0, 0);
}

static int take_all(int max, int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	memset(&got, 0, sizeof got);
	got.n = kevent(kq, NULL, 0, got.events, max, &ts);
	got.error = got.n < 0 ? errno : 0;
	for (int i = 0; i < got.n; i++)
		ck_assert_ptr_eq(
		    got.events[i].udata, (void *)(got.events[i].ident + 1000));
	return got.n;
}

int take(void)
{
	return take_all(EVENTS, 0);
}

int take_within(int ms)
{
	return take_all(EVENTS, ms);
}

int take_at_most(int max)
{
	return take_all(max, 0);
}

const struct kevent *event_of(uintptr_t ident, int filter)
{
	for (int i = 0; i < got.n; i++)
		if (got.events[i].ident == ident &&
		    got.events[i].filter == filter)
			return &got.events[i];
	return NULL;
}

const struct kevent *take_one(uintptr_t ident, int filter)
{
	ck_assert_int_eq(take_within(PATIENCE_MS), 1);
	ck_assert_int_eq(got.events[0].filter, filter);
	ck_assert_uint_eq(got.events[0].ident, ident);
	return &got.events[0];
}

void take_none(void)
{
	ck_assert_int_eq(take(), 0);
	ck_assert(!is_readable(kq));
}

bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

/* ---- descriptors ---- */

int listener(int *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

int caller(int port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sa.sin_port = htons((uint16_t)port);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa))
		ck_assert_int_eq(errno, EINPROGRESS);
	return fd;
}

int closed_port(void)
{
	int port, fd = listener(&port);

	close(fd);
	return port;
}

void tcp_pair(int pair[2])
{
	int port, fd = listener(&port);

	pair[0] = caller(port);
	pair[1] = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_ge(pair[1], 0);
	close(fd);
}

void unix_pair(int pair[2])
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

void fill(int fd)
{
	static const char bytes[65536];

	while (write(fd, bytes, sizeof bytes) > 0)
		continue;
	ck_assert_int_eq(errno, EAGAIN);
}

/* Until nothing has come for a while, as what is on its way is not seen. */
void drain(int fd)
{
	static char bytes[65536];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, 100) == 1)
		ck_assert_int_gt(read(fd, bytes, sizeof bytes), 0);
}

void reset(int fd)
{
	struct linger linger = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

/* ---- blame ---- */

bool is_blamed(void (*body)(void), const char *words)
{
	char text[512] = "";
	int out[2], status;
	size_t len = 0;
	ssize_t n;

	ck_assert_int_eq(pipe(out), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out[1], STDERR_FILENO);
		/* Of its own: that of the parent is not inherited. */
		kq = kqueue();
		body();
		_exit(0);
	}
	close(out[1]);
	while ((n = read(out[0], text + len, sizeof text - len - 1)) > 0)
		len += (size_t)n;
	close(out[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
	    strstr(text, words))
		return true;
	printf("status %x, and said: %s\n", (unsigned)status, text);
	return false;
}

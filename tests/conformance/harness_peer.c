/* SPDX-License-Identifier: MIT */
/* Pairs, peers and descriptors of a rig. */
#include <stdio.h>
#include <stdlib.h>

#include "book.h"

#define ROUNDS_MAX 10000 /* of 1 ms each without a byte */

/* ------------------------------------------------- descriptors of a rig -- */

static void rig_note(struct rig *rig, pike_fd fd, pike_handle h)
{
	if (rig->owned_count == rig->owned_room) {
		rig->owned_room = rig->owned_room * 2 + 16;
		rig->owned = realloc(
		    rig->owned, sizeof(*rig->owned) * (size_t)rig->owned_room);
	}
	rig->owned[rig->owned_count++] = (struct rig_owned){fd, h};
}

static void rig_strike(struct rig *rig, int i)
{
	rig->owned[i] = rig->owned[--rig->owned_count];
}

pike_fd rig_own(struct rig *rig, pike_fd fd)
{
	if (fd < 0)
		book_fail("no descriptor: %s", pike_error_name(fd));
	rig_note(rig, fd, 0);
	return fd;
}

pike_handle rig_adopt(struct rig *rig, pike_fd fd)
{
	rig_disown(rig, fd);
	rig_own(rig, fd);
	pike_handle h = pike_adopt(rig->q, fd, 0);
	if (h <= 0)
		book_fail(
		    "adopt gave %lld (%s)", (long long)h, pike_error_name(h));
	rig->owned[rig->owned_count - 1].handle = h;
	return h;
}

void rig_disown(struct rig *rig, pike_fd fd)
{
	for (int i = 0; i < rig->owned_count; i++) {
		if (rig->owned[i].fd == fd)
			rig_strike(rig, i--);
	}
}

void rig_drop(struct rig *rig, pike_fd fd)
{
	rig_disown(rig, fd);
	port_close(fd);
}

void book_closed(struct rig *rig, pike_handle h)
{
	for (int i = 0; i < rig->owned_count; i++) {
		if (rig->owned[i].handle == h)
			rig_strike(rig, i--);
	}
}

/* ---------------------------------------------------------------- pairs -- */

bool rig_plain_pair(struct rig *rig, enum rig_kind kind, pike_fd fd[2])
{
	static const int types[] = {[RIG_UNIX] = PIKE_SOCK_STREAM,
	    [RIG_DGRAM] = PIKE_SOCK_DGRAM,
	    [RIG_SEQPACKET] = PIKE_SOCK_SEQPACKET};

	if (kind == RIG_TCP)
		port_tcp_pair(fd);
	else if (kind == RIG_PIPE)
		port_pipe(fd);
	else if (port_unix_pair(types[kind], fd) < 0)
		return false;
	rig_own(rig, fd[0]);
	rig_own(rig, fd[1]);
	return true;
}

bool rig_pair(struct rig *rig, enum rig_kind kind, pike_handle h[2])
{
	pike_fd fd[2];

	if (!rig_plain_pair(rig, kind, fd))
		return false;
	h[0] = rig_adopt(rig, fd[0]);
	h[1] = rig_adopt(rig, fd[1]);
	return true;
}

bool rig_peer(
    struct rig *rig, enum rig_kind kind, pike_handle *h, pike_fd *peer)
{
	pike_fd fd[2];

	if (!rig_plain_pair(rig, kind, fd))
		return false;
	*h = rig_adopt(rig, fd[0]);
	*peer = fd[1];
	return true;
}

int64_t rig_full(
    struct rig *rig, enum rig_kind kind, pike_handle *h, pike_fd *peer)
{
	pike_fd fd[2];
	int64_t sum = 0;

	/* What stands for them elsewhere loses what finds no room. */
	if (kind == RIG_DGRAM && !port_can(PORT_UNIX))
		return 0;
	if (!rig_plain_pair(rig, kind, fd))
		return 0;
	int writer = kind == RIG_PIPE;
	bool tcp =
	    kind == RIG_TCP || (kind == RIG_UNIX && !port_can(PORT_UNIX));
	if (kind != RIG_PIPE) {
		port_buffers(fd[0], tcp ? 65536 : 4096);
		port_buffers(fd[1], tcp ? 65536 : 4096);
	}
	/* What is on its way makes room when it has arrived. */
	for (int64_t n; (n = port_fill(fd[writer])) > 0;) {
		sum += n;
		if (tcp)
			port_settle(fd[writer]);
	}
	*h = rig_adopt(rig, fd[writer]);
	*peer = fd[!writer];
	return sum;
}

void rig_pipe_to_reader(struct rig *rig, pike_handle *h, pike_fd *reader)
{
	pike_fd fd[2];

	rig_plain_pair(rig, RIG_PIPE, fd);
	*h = rig_adopt(rig, fd[1]);
	*reader = fd[0];
}

pike_handle rig_socket(struct rig *rig, int family, int type)
{
	struct pike_completion c = perform(rig, op_socket(family, type));

	if (c.res < 0)
		book_fail("socket: %s", pike_error_name(c.res));
	return c.res;
}

pike_handle rig_listen(struct rig *rig, int family, struct pike_addr *addr)
{
	*addr = port_loopback(family);
	return rig_listen_to(rig, addr);
}

pike_handle rig_listen_to(struct rig *rig, struct pike_addr *addr)
{
	struct pike_completion c =
	    perform(rig, op_to(PIKE_LISTEN_TO, addr, PIKE_SOCK_STREAM));
	if (c.res < 0)
		book_fail("listen: %s", pike_error_name(c.res));
	expect_op(rig, op_at(PIKE_GETSOCKNAME, c.res, addr), 0);
	return c.res;
}

struct pike_addr rig_nobody(struct rig *rig)
{
	struct pike_addr addr;

	rig_own(rig, port_nobody(&addr));
	return addr;
}

void rig_tcp_pair(struct rig *rig, pike_handle h[2])
{
	struct pike_addr addr;
	pike_handle listener = rig_listen(rig, PIKE_AF_INET, &addr);
	pike_id accept = submit(rig, op_accept(listener));
	struct pike_completion c =
	    perform(rig, op_to(PIKE_CONNECT_TO, &addr, PIKE_SOCK_STREAM));

	h[0] = c.res;
	c = wait_one(rig, accept);
	h[1] = c.res;
	if (h[0] < 0 || h[1] < 0)
		book_fail("connect: %s, accept: %s", pike_error_name(h[0]),
		    pike_error_name(h[1]));
	expect_op(rig, op_close(listener), 0);
}

pike_fd rig_full_listener(struct rig *rig, struct pike_addr *addr)
{
	pike_fd listener = rig_own(rig, port_bound(addr, PIKE_SOCK_STREAM, 0));

	for (int i = 0; i < 8; i++) {
		pike_fd fd = rig_own(rig, port_connect_start(addr));
		if (!port_is_writable(fd))
			break;
	}
	return listener;
}

void rig_path(struct rig *rig, const char *name, char *path, size_t size)
{
	if (!rig->temp[0])
		port_temp(rig->temp, sizeof(rig->temp));
	int n = snprintf(path, size, "%s/%s", rig->temp, name);
	ck_assert_int_lt(n, (int)size);
}

struct pike_addr rig_unix_addr(struct rig *rig, const char *name)
{
	struct pike_addr addr = {.family = PIKE_AF_UNIX};

	rig_path(rig, name, addr.u.path, sizeof(addr.u.path));
	addr.len = (uint16_t)strlen(addr.u.path);
	return addr;
}

/* ------------------------------------------------------ the plain peers -- */

bool addr_equal(const struct pike_addr *a, const struct pike_addr *b)
{
	char x[PIKE_ADDR_TEXT], y[PIKE_ADDR_TEXT];

	pike_addr_format(a, x, sizeof(x));
	pike_addr_format(b, y, sizeof(y));
	return strcmp(x, y) == 0;
}

pike_fd rig_caller(
    struct rig *rig, const struct pike_addr *addr, struct pike_addr *name)
{
	pike_fd fd = rig_own(rig, port_connect(addr, PIKE_SOCK_STREAM));

	if (name)
		ck_assert_int_eq(port_name(fd, false, name), 0);
	return fd;
}

void expect_connected(struct rig *rig, pike_handle h, pike_fd fd)
{
	char in = 0;

	ck_assert_int_gt(h, 0);
	peer_write(rig, fd, "c", 1);
	expect_op(rig, op_recv(h, &in, 1), 1);
	ck_assert_int_eq(in, 'c');
}

pike_fd rig_accept(struct rig *rig, pike_fd listener)
{
	for (int i = 0; !port_is_readable(listener); i++) {
		if (i == ROUNDS_MAX)
			book_fail("nobody connected");
		rig_reap(rig, NS_PER_MS);
	}
	return rig_own(rig, port_accept(listener));
}

void peer_read(struct rig *rig, pike_fd fd, void *buf, size_t len)
{
	int idle = 0;

	for (size_t at = 0; at < len;) {
		int64_t n = port_read(fd, (char *)buf + at, len - at);
		if (n == 0 || (n < 0 && n != -PIKE_EAGAIN))
			book_fail("the peer got %s after %zu of %zu bytes",
			    n == 0 ? "the end" : pike_error_name(n), at, len);
		if (n < 0 && ++idle == ROUNDS_MAX)
			book_fail("the peer got %zu of %zu bytes", at, len);
		if (n < 0) {
			rig_reap(rig, NS_PER_MS);
			continue;
		}
		idle = 0;
		at += (size_t)n;
	}
}

void peer_drain(struct rig *rig, pike_fd fd, int64_t len)
{
	static char junk[65536];

	while (len > 0) {
		size_t step =
		    len < (int64_t)sizeof(junk) ? (size_t)len : sizeof(junk);
		peer_read(rig, fd, junk, step);
		len -= (int64_t)step;
	}
}

void peer_drain_for(struct rig *rig, pike_fd fd, int64_t len, pike_id id)
{
	peer_drain(rig, fd, len);
	while (!port_can(PORT_PART_SENDS) && in_flight(rig, id)) {
		char junk[4096];
		port_read(fd, junk, sizeof(junk));
		rig_reap(rig, NS_PER_MS / 10);
	}
}

void peer_write(struct rig *rig, pike_fd fd, const void *buf, size_t len)
{
	int idle = 0;

	for (size_t at = 0; at < len;) {
		int64_t n = port_write(fd, (const char *)buf + at, len - at);
		if (n < 0 && n != -PIKE_EAGAIN)
			book_fail("the peer's write: %s", pike_error_name(n));
		if (n < 0 && ++idle == ROUNDS_MAX)
			book_fail("the peer wrote %zu of %zu bytes", at, len);
		if (n < 0) {
			rig_reap(rig, NS_PER_MS);
			continue;
		}
		idle = 0;
		at += (size_t)n;
	}
}

void peer_expect_eof(pike_fd fd)
{
	char byte;
	int64_t n;

	port_wait_readable(fd);
	n = port_read(fd, &byte, 1);
	if (n != 0)
		book_fail("the peer got %lld instead of the end", (long long)n);
}

void pattern_fill(void *buf, size_t len, unsigned seed)
{
	unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)(seed + i + (i >> 8) * 7);
}

void pattern_check(const void *buf, size_t len, unsigned seed)
{
	const unsigned char *p = buf;

	for (size_t i = 0; i < len; i++) {
		if (p[i] != (unsigned char)(seed + i + (i >> 8) * 7))
			book_fail("byte %zu of %zu is wrong", i, len);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Messages: transfers with an address, descriptors or control data. Received
 * descriptors are close-on-exec from the first moment, and those that the
 * caller has no room for are closed, never lost.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "compat.h"
#include "posix_io.h"
#include "sockaddr.h"

/* The most descriptors that Linux lets one message carry. */
#define FDS_MAX     253
#define CONTROL_MAX 4096

/* CMSG_SPACE is not a constant everywhere; headers and gaps are less. */
#define HEADER_MAX 64

union control {
	struct cmsghdr align;
	char bytes[HEADER_MAX + FDS_MAX * sizeof(int) + CONTROL_MAX];
};

int pike__posix_name(
    const struct pike_addr *addr, struct sockaddr_storage *sa, socklen_t *len)
{
	switch (pike__addr_to_system(addr, sa, len)) {
	case 0:
		return 0;
	case -PIKE_ENAMETOOLONG:
		errno = ENAMETOOLONG;
		return -1;
	case -PIKE_EAFNOSUPPORT:
		errno = EAFNOSUPPORT;
		return -1;
	default:
		errno = EINVAL;
		return -1;
	}
}

/* The message of an op; those that are not MSG have one buffer and a name. */
static void op_message(
    const struct pike_op *op, struct pike_msg *msg, struct pike_iovec *one)
{
	if (op->opcode == PIKE_RECVMSG || op->opcode == PIKE_SENDMSG) {
		*msg = *(const struct pike_msg *)op->buf;
		return;
	}
	*one = (struct pike_iovec){op->buf, op->len};
	*msg = (struct pike_msg){.addr = op->addr, .iov = one, .iov_count = 1};
}

/* ---- sending ---- */

static int control_pack(
    const struct pike_msg *msg, union control *control, size_t *len)
{
	size_t fds = 0;

	if (msg->fd_count > FDS_MAX || msg->control_len > CONTROL_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (uint32_t i = 0; i < msg->fd_count; i++) {
		if (msg->fds[i] < 0 || msg->fds[i] > INT_MAX) {
			errno = EBADF;
			return -1;
		}
	}
	if (msg->fd_count) {
		struct cmsghdr *c = &control->align;

		fds = CMSG_SPACE(msg->fd_count * sizeof(int));
		memset(control->bytes, 0, fds);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(msg->fd_count * sizeof(int));
		for (uint32_t i = 0; i < msg->fd_count; i++) {
			int fd = (int)msg->fds[i];

			memcpy(CMSG_DATA(c) + i * sizeof fd, &fd, sizeof fd);
		}
	}
	if (msg->control_len)
		memcpy(control->bytes + fds, msg->control, msg->control_len);
	*len = fds + msg->control_len;
	return 0;
}

ssize_t pike__posix_sendmsg(struct pike__handle *h, const struct pike_op *op,
    size_t moved, size_t *want, struct pike__result *r)
{
	struct sockaddr_storage sa;
	union control control;
	struct pike_iovec one;
	struct pike_msg msg;
	struct pike__cut cut;
	struct msghdr m = {0};
	size_t control_len;
	bool whole;

	(void)r;
	op_message(op, &msg, &one);
	whole = pike__cut(&cut, msg.iov, msg.iov_count, moved);
	*want = cut.want;
	if (h->kind == PIKE__SOCKET_PACKET && !whole) {
		errno = EMSGSIZE;
		return -1;
	}
	m.msg_iov = cut.iov;
	m.msg_iovlen = cut.n;
	if (msg.addr) {
		if (pike__posix_name(msg.addr, &sa, &m.msg_namelen))
			return -1;
		m.msg_name = &sa;
	}
	if (!moved && (msg.fd_count || msg.control_len)) {
		if (control_pack(&msg, &control, &control_len))
			return -1;
		m.msg_control = control.bytes;
		m.msg_controllen = control_len;
		if (!cut.want && h->kind == PIKE__SOCKET_STREAM) {
			errno = EINVAL; /* it would be lost on the way */
			return -1;
		}
	} else if (!cut.want && h->kind == PIKE__SOCKET_STREAM) {
		return 0;
	}
	return sys_sendmsg((int)h->fd, &m,
	    MSG_DONTWAIT | PIKE__MSG_QUIET |
		pike__posix_msg_flags(op->op_flags));
}

/* ---- receiving ---- */

static void fds_unpack(const struct cmsghdr *c, struct pike_msg *msg,
    uint32_t *count, struct pike__result *r)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
		if (*count < msg->fd_count) {
			pike__make_received(fd);
			msg->fds[(*count)++] = fd;
		} else {
			sys_close(fd);
			r->flags |= PIKE_CONTROL_TRUNCATED;
		}
	}
}

/* Closes the descriptor of a record that says who sent the message. */
static void record_forget(const struct cmsghdr *c)
{
	int fd;

	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != PIKE__SCM_FD ||
	    c->cmsg_len < CMSG_LEN(sizeof fd))
		return;
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	sys_close(fd);
}

/* Gives the caller what the system's control data holds. */
static void control_unpack(
    struct msghdr *m, struct pike_msg *msg, struct pike__result *r)
{
	char *out = msg->control;
	size_t room = msg->control_len;
	size_t used = 0;
	uint32_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t len = c->cmsg_len;
		size_t space = CMSG_SPACE(len - CMSG_LEN(0));

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			fds_unpack(c, msg, &count, r);
		} else if (used <= room && len <= room - used) {
			memcpy(out + used, c, len);
			if (space > room - used)
				space = room - used;
			memset(out + used + len, 0, space - len);
			used += space;
		} else {
			r->flags |= PIKE_CONTROL_TRUNCATED;
			record_forget(c);
		}
	}
	msg->fd_count = count;
	msg->control_len = used;
}

ssize_t pike__posix_recvmsg(struct pike__handle *h, const struct pike_op *op,
    size_t *want, struct pike__result *r)
{
	struct sockaddr_storage sa;
	union control control;
	struct pike_iovec one;
	struct pike_msg msg;
	struct pike__cut cut;
	struct msghdr m = {0};
	bool whole;
	ssize_t n;

	op_message(op, &msg, &one);
	whole = pike__cut(&cut, msg.iov, msg.iov_count, 0);
	*want = cut.want;
	if (h->kind == PIKE__SOCKET_PACKET && !whole) {
		errno = EMSGSIZE;
		return -1;
	}
	if (!cut.want && h->kind == PIKE__SOCKET_STREAM) {
		if (op->opcode == PIKE_RECVMSG) {
			((struct pike_msg *)op->buf)->fd_count = 0;
			((struct pike_msg *)op->buf)->control_len = 0;
		}
		return 0;
	}
	m.msg_iov = cut.iov;
	m.msg_iovlen = cut.n;
	if (msg.addr) {
		m.msg_name = &sa;
		m.msg_namelen = sizeof sa;
	}
	if (msg.fd_count || msg.control_len) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof control.bytes;
	}
	n = sys_recvmsg((int)h->fd, &m,
	    MSG_DONTWAIT | PIKE__MSG_CLOEXEC |
		pike__posix_msg_flags(op->op_flags));
	if (n < 0)
		return n;
	if (m.msg_flags & MSG_TRUNC)
		r->flags |= PIKE_TRUNCATED;
	if (op->opcode == PIKE_RECVMSG && (m.msg_flags & MSG_CTRUNC))
		r->flags |= PIKE_CONTROL_TRUNCATED;
	if (msg.addr)
		pike__addr_from_system(msg.addr, &sa, m.msg_namelen);
	if (op->opcode == PIKE_RECVMSG) {
		struct pike_msg *out = op->buf;

		control_unpack(&m, &msg, r);
		out->fd_count = msg.fd_count;
		out->control_len = msg.control_len;
	}
	return n;
}

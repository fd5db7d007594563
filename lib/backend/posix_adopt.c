/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of the caller's: what they are, how they are kept from blocking,
 * and how they, and those that pike opened, are let go.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>

#include "compat.h"
#include "posix_io.h"
#include "sockaddr.h"

void pike__posix_nature(struct pike__handle *h, uint8_t family)
{
	h->family = family;
	if (h->kind == PIKE__SOCKET_STREAM &&
	    (family == PIKE_AF_INET || family == PIKE_AF_INET6))
		h->flags |= PIKE__DRAINS;
}

int pike__posix_unblock(struct pike__handle *h)
{
	int flags;

	if (h->flags & (PIKE__OPENED | PIKE__UNBLOCKED | PIKE__ASKED))
		return 0;
	flags = sys_fcntl((int)h->fd, F_GETFL, 0);
	if (flags < 0)
		return -1;
	if (!(flags & O_NONBLOCK)) {
		if (sys_fcntl((int)h->fd, F_SETFL, flags | O_NONBLOCK) < 0)
			return -1;
		h->flags |= PIKE__UNBLOCKED;
	}
	h->flags |= PIKE__ASKED;
	return 0;
}

static enum pike__kind kind_of(int fd, const struct stat *st, unsigned *flags)
{
	int type = 0, accepts = 0;
	socklen_t len = sizeof type;

	*flags = PIKE__EXPOSED;
	if (S_ISSOCK(st->st_mode)) {
		sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
		len = sizeof accepts;
		if (sys_getsockopt(
			fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == 0 &&
		    accepts)
			*flags |= PIKE__LISTENS;
		if (type == SOCK_DGRAM)
			*flags |= PIKE__DGRAM;
		return type == SOCK_STREAM ? PIKE__SOCKET_STREAM
					   : PIKE__SOCKET_PACKET;
	}
	if (S_ISFIFO(st->st_mode))
		return pike__is_mute(fd) ? PIKE__MUTE : PIKE__PIPE;
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ||
	    S_ISBLK(st->st_mode))
		return PIKE__FILE;
	return S_ISCHR(st->st_mode) ? PIKE__TERMINAL : PIKE__OTHER;
}

/*
 * A terminal that blocks: the flag that would change that is shared with every
 * process that has it open, a shell among them. It is opened once more, for a
 * description of our own; where that cannot be (the master of a pair) the flag
 * is set until the descriptor is given back.
 */
static void terminal_unblock(struct pike__handle *h)
{
	int flags = sys_fcntl((int)h->fd, F_GETFL, 0);
	int fd = -1;

	if (flags < 0 || (flags & O_NONBLOCK) || !sys_isatty((int)h->fd))
		return;
	if (!pike__terminal_is_master((int)h->fd))
		fd = pike__terminal_reopen((int)h->fd,
		    (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		h->own_fd = (int32_t)h->fd;
		h->fd = fd;
	} else {
		pike__posix_unblock(h);
	}
}

static void socket_adopted(struct pike__handle *h)
{
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof sa;
	struct pike_addr own;

	if (sys_getsockname((int)h->fd, (struct sockaddr *)&sa, &len) == 0) {
		pike__addr_from_system(&own, &sa, len);
		pike__posix_nature(h, (uint8_t)own.family);
	}
	len = sizeof sa;
	if (sys_getpeername((int)h->fd, (struct sockaddr *)&sa, &len) == 0)
		h->flags |= PIKE__CONNECTED;
	else if (h->kind == PIKE__SOCKET_STREAM) {
		/* Until bytes show that somebody has connected it. */
		h->lane[PIKE__READS].state |= PIKE__SPECIAL;
		h->lane[PIKE__WRITES].state |= PIKE__SPECIAL;
	}
	h->flags |= PIKE__LINGERS; /* it may */
	if (PIKE_SENDS_WAIT)
		pike__posix_unblock(h);
}

pike_handle pike__posix_adopt(struct pike_queue *q, pike_fd fd)
{
	struct pike__handle *h;
	enum pike__kind kind;
	struct stat st;
	unsigned flags;

	if (fd < 0 || fd > INT_MAX || sys_fstat((int)fd, &st))
		return -PIKE_EBADF;
	kind = kind_of((int)fd, &st, &flags);
	if (pike__hush((int)fd))
		flags |= PIKE__HUSHED;
	h = pike__handle_take(&q->handles, fd, kind, flags);
	if (kind <= PIKE__SOCKET_PACKET)
		socket_adopted(h);
	else if (kind == PIKE__TERMINAL)
		terminal_unblock(h);
	else if (kind == PIKE__OTHER)
		pike__posix_unblock(h); /* who knows what it takes at once */
	return h->self;
}

/*
 * A close that lingers waits in the call, whatever the descriptor's flags:
 * unsent data is left to the system's care instead. A time of 0, which asks
 * for a reset, is kept.
 */
static void linger_not(int fd)
{
	struct linger linger;
	socklen_t len = sizeof linger;

	if (sys_getsockopt(fd, SOL_SOCKET, SO_LINGER_SEC, &linger, &len) == 0 &&
	    linger.l_onoff && linger.l_linger) {
		linger.l_onoff = 0;
		sys_setsockopt(
		    fd, SOL_SOCKET, SO_LINGER_SEC, &linger, sizeof linger);
	}
}

int pike__posix_drop(struct pike__handle *h, bool close_it)
{
	int fd = (int)h->fd;

	if (h->own_fd >= 0) {
		sys_close(fd);
		fd = h->own_fd;
	}
	/* Others may have the same description. */
	if (h->flags & PIKE__UNBLOCKED) {
		int flags = sys_fcntl(fd, F_GETFL, 0);

		if (flags >= 0)
			sys_fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	}
	if (h->flags & PIKE__HUSHED)
		pike__unhush(fd);
	if (!close_it)
		return 0;
	if (h->flags & PIKE__LINGERS)
		linger_not(fd);
	return sys_close(fd) ? errno : 0;
}

/* SPDX-License-Identifier: MIT */
/* What Linux does in its own way (see compat.h). */
#ifndef PIKE_LIB_BACKEND_COMPAT_LINUX_H
#define PIKE_LIB_BACKEND_COMPAT_LINUX_H

#ifndef SCM_PIDFD
#	define SCM_PIDFD 0x04
#endif

#define PIKE__SCM_FD SCM_PIDFD
#define PIKE__TORN   (-1)

static inline bool pike__hush(int fd)
{
	(void)fd;
	return false;
}

static inline void pike__unhush(int fd)
{
	(void)fd;
}

static inline void pike__take_sigpipe(const sigset_t *pipe_set)
{
	static const struct timespec no_time;

	while (sys_sigtimedwait(pipe_set, NULL, &no_time) < 0 && errno == EINTR)
		;
}

static inline ssize_t pike__recv_packet(
    int fd, void *buf, size_t len, int flags)
{
	return sys_recv(fd, buf, len, flags | MSG_TRUNC);
}

static inline int pike__poll_to_system(unsigned events)
{
	return (int)events;
}

static inline unsigned pike__poll_from_system(
    int fd, unsigned wanted, int events)
{
	(void)fd, (void)wanted;
	return (unsigned)events;
}

static inline bool pike__terminal_is_master(int fd)
{
	return sys_ptsnumber(fd) >= 0;
}

static inline int pike__terminal_reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return sys_open(path, flags);
}

static inline bool pike__is_mute(int fd)
{
	(void)fd;
	return false;
}

static inline bool pike__cannot_take(int err)
{
	(void)err;
	return false;
}

#endif

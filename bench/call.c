/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "call.h"
#include "tool.h"

const char *call_name(unsigned number)
{
	static const struct {
		unsigned number;
		const char *name;
	} names[] = {
#ifdef SYS_epoll_wait
	    {SYS_epoll_wait, "epoll_wait"},
#endif
#ifdef SYS_poll
	    {SYS_poll, "poll"},
#endif
#ifdef SYS_epoll_pwait2
	    {SYS_epoll_pwait2, "epoll_pwait2"},
#endif
	    {SYS_epoll_pwait, "epoll_pwait"},
	    {SYS_ppoll, "ppoll"},
	    {SYS_epoll_ctl, "epoll_ctl"},
	    {SYS_read, "read"},
	    {SYS_write, "write"},
	    {SYS_readv, "readv"},
	    {SYS_writev, "writev"},
	    {SYS_recvfrom, "recv"},
	    {SYS_sendto, "send"},
	    {SYS_recvmsg, "recvmsg"},
	    {SYS_sendmsg, "sendmsg"},
	    {SYS_accept4, "accept4"},
	    {SYS_accept, "accept"},
	    {SYS_close, "close"},
	    {SYS_fcntl, "fcntl"},
	    {SYS_setsockopt, "setsockopt"},
	    {SYS_getsockopt, "getsockopt"},
	    {SYS_clock_gettime, "clock_gettime"},
	    {SYS_futex, "futex"},
	    {SYS_mmap, "mmap"},
	    {SYS_munmap, "munmap"},
	    {SYS_brk, "brk"},
#ifdef SYS_io_uring_enter
	    {SYS_io_uring_enter, "io_uring_enter"},
#endif
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].number == number)
			return names[i].name;
	}
	return NULL;
}

int call_waits(uint64_t number)
{
	switch (number) {
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
#ifdef SYS_poll
	case SYS_poll:
#endif
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
#ifdef SYS_io_uring_enter
	case SYS_io_uring_enter:
#endif
	case SYS_epoll_pwait:
	case SYS_ppoll:
		return 1;
	default:
		return 0;
	}
}

/* Whether an io_uring_enter has a time in its extended argument. */
static int call_enter_is_timed(
    pid_t pid, const struct ptrace_syscall_info *info)
{
	enum {
		EXTENDED = 1 << 3, /* IORING_ENTER_EXT_ARG */
		TIME = 2,          /* the word that points to the time */
		WORDS = 3,
	};
	uint64_t words[WORDS] = {0};
	struct iovec mine = {words, sizeof(words)};
	struct iovec theirs = {
	    (void *)(uintptr_t)info->entry.args[4], sizeof(words)};
	if (!(info->entry.args[3] & EXTENDED) || !info->entry.args[4])
		return 0;
	if (process_vm_readv(pid, &mine, 1, &theirs, 1, 0) < 0)
		tool_die("process_vm_readv");
	return words[TIME] != 0;
}

int call_is_timed(pid_t pid, const struct ptrace_syscall_info *info)
{
	switch (info->entry.nr) {
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
	case SYS_epoll_pwait:
		return (int)info->entry.args[3] != -1;
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
		return info->entry.args[3] != 0;
#endif
#ifdef SYS_io_uring_enter
	case SYS_io_uring_enter:
		return call_enter_is_timed(pid, info);
#endif
	default:
		return 0;
	}
}

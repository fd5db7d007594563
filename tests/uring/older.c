/* SPDX-License-Identifier: MIT */
/*
 * older KERNEL PROGRAM [ARGUMENT...]
 *
 * Runs a program, and its children, on a kernel that knows less of io_uring
 * than this one: what it does not know is refused by a filter of system calls.
 * Where flags are in memory a filter cannot see them; the kernel asks this
 * program then. KERNEL is one of the table below. Ends as the program does, or
 * with 77 where there are no filters.
 */
#include "config.h"

#include <errno.h>
#include <liburing.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The same number on every machine that Linux runs on but one. */
#define CALL_SETUP    425
#define CALL_REGISTER 427

#define SINCE_5_19 (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG)
#define SINCE_6_0  IORING_SETUP_SINGLE_ISSUER
#define SINCE_6_1  IORING_SETUP_DEFER_TASKRUN
#define SINCE_6_6  (1u << 16) /* rings without an array between */

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#	define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

/* What is registered, by its number: these came when they are named for. */
enum {
	BUFS_5_19 = 22,
	CANCEL_6_0 = 24,
	RANGE_6_0 = 25,
	LAST = 255
};

#define NO_FILTERS 77 /* here */

static const struct kernel {
	const char *name;
	unsigned flags;      /* that a ring cannot have */
	uint8_t first, last; /* that cannot be registered */
} kernels[] = {
    {"5.18", SINCE_5_19 | SINCE_6_0 | SINCE_6_1 | SINCE_6_6, BUFS_5_19, LAST},
    {"5.19", SINCE_6_0 | SINCE_6_1 | SINCE_6_6, CANCEL_6_0, LAST},
    {"6.0", SINCE_6_1 | SINCE_6_6, RANGE_6_0 + 1, LAST},
    {"without-cancel", 0, CANCEL_6_0, CANCEL_6_0},
    {"without-groups", 0, BUFS_5_19, BUFS_5_19},
};

static void fail(const char *what)
{
	fprintf(stderr, "older: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static const struct kernel *kernel_named(const char *name)
{
	for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
		if (strcmp(kernels[i].name, name) == 0)
			return &kernels[i];
	fprintf(stderr, "older: no kernel %s\n", name);
	exit(EXIT_FAILURE);
}

/* ---- the program ---- */

/* By what its end of the filter comes to us. */
static void listener_send(int to, int listener)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof listener)];
	} control = {0};
	struct iovec iov = {"", 1};
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof control};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof listener);
	memcpy(CMSG_DATA(&control.head), &listener, sizeof listener);
	if (sendmsg(to, &m, 0) != 1)
		fail("sendmsg");
}

static void program_run(const struct kernel *k, int to, char **arguments)
{
	const uint32_t nr = offsetof(struct seccomp_data, nr);
	const uint32_t low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
	const uint32_t arg = (uint32_t)offsetof(struct seccomp_data, args[1]);
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, nr),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALL_SETUP, 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALL_REGISTER, 0, 5),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arg + low),
	    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k->first, 0, 3),
	    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, k->last, 2, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof code / sizeof *code, code};
	int listener;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail("prctl");
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
	if (listener < 0) {
		fprintf(stderr, "older: seccomp: %s\n", strerror(errno));
		exit(NO_FILTERS);
	}
	listener_send(to, listener);
	close(listener);
	close(to);
	execv(arguments[0], arguments);
	fail(arguments[0]);
}

/* ---- what the kernel asks ---- */

static int listener_receive(int from)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof control};
	int listener;

	if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&listener, CMSG_DATA(&control.head), sizeof listener);
	return listener;
}

/* The flags of the ring that a process wants to make. */
static unsigned flags_of(const struct seccomp_notif *asked)
{
	struct io_uring_params p = {0};
	struct iovec here = {&p, sizeof p};
	struct iovec there = {(void *)(uintptr_t)asked->data.args[1], sizeof p};

	if (process_vm_readv((pid_t)asked->pid, &here, 1, &there, 1, 0) !=
		(ssize_t)sizeof p &&
	    errno != ESRCH)
		fail("process_vm_readv");
	return p.flags;
}

/* False when nobody is left who could ask. */
static bool answer(const struct kernel *k, int listener)
{
	struct seccomp_notif asked = {0};
	struct seccomp_notif_resp said = {0};

	/* Who has asked may have died since. */
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked))
		return errno == EINTR || errno == ENOENT;
	said.id = asked.id;
	if (flags_of(&asked) & k->flags)
		said.error = -EINVAL;
	else
		said.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &said);
	return true;
}

/* Until the program ends: what it leaves behind may ask no more. */
static void answer_all(const struct kernel *k, int listener, pid_t pid)
{
	struct pollfd fds[] = {
	    {.fd = listener, .events = POLLIN},
	    {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN},
	};

	if (fds[1].fd < 0)
		fail("pidfd_open");
	/* Who asks has our answer sooner so, where the kernel knows it. */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1);
	do {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			fail("poll");
	} while (!fds[1].revents &&
		 (!(fds[0].revents & POLLIN) || answer(k, listener)));
}

int main(int argc, char **argv)
{
	int pair[2], listener, status;
	const struct kernel *k;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "older KERNEL PROGRAM [ARGUMENT...]\n");
		return EXIT_FAILURE;
	}
	k = kernel_named(argv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		fail("socketpair");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		close(pair[0]);
		program_run(k, pair[1], argv + 2);
	}
	close(pair[1]);
	listener = listener_receive(pair[0]);
	close(pair[0]);
	if (listener >= 0)
		answer_all(k, listener, pid);
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

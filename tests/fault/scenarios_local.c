/* SPDX-License-Identifier: MIT */
/* Scenarios within the machine, and the list of all. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scenarios.h"

static void pair_make(int type, int fd[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd), 0);
}

/* Two descriptors are sent, and there is room for one. */
static void play_descriptors(struct run *run)
{
	struct run_op *got;
	pike_handle a, b;
	int fd[2], sent[2];
	static char in[4], text[] = "abc";
	static struct pike_iovec out_iov = {text, 3}, in_iov = {in, sizeof in};
	static pike_fd out_fds[2], in_fds[1];
	static struct pike_msg out, msg;

	in_fds[0] = -1;
	out =
	    (struct pike_msg){.iov = &out_iov, .iov_count = 1, .fds = out_fds};
	msg = (struct pike_msg){.iov = &in_iov, .iov_count = 1, .fds = in_fds};
	pair_make(SOCK_STREAM, fd);
	a = run_adopt(run, fd[0]);
	b = run_adopt(run, fd[1]);
	ck_assert_int_eq(pipe2(sent, O_CLOEXEC), 0);
	run_own(run, sent[0]);
	run_own(run, sent[1]);
	WANT(run, a > 0 && b > 0);
	out_fds[0] = sent[0];
	out_fds[1] = sent[1];
	out.fd_count = 2;
	msg.fd_count = 1;
	got = run_submit(run, op_bytes(PIKE_RECVMSG, b, &msg, 1));
	WANT(run, run_do(run, op_all(op_bytes(PIKE_SENDMSG, a, &out, 1))) == 3);
	WANT(run, run_ended(run, got));
	if (got->res > 0 && msg.fd_count == 1)
		run_own(run, in_fds[0]);
	WANT(run, got->res > 0 && msg.fd_count == 1 && in[0] == 'a');
	WANT(run, got->result_flags == PIKE_CONTROL_TRUNCATED);
	WANT(run, fcntl((int)in_fds[0], F_GETFD) == FD_CLOEXEC);
}

/* More datagrams than a reader that does not read lets in. */
static struct run_op *send_many(
    struct run *run, pike_handle *writer, const struct pike_addr *at, int many)
{
	struct pike_addr to = *at;
	struct pike_op op = op_of(PIKE_SOCKET, 0);
	struct run_op *last = NULL;

	op.u.socket.domain = PIKE_AF_UNIX;
	op.u.socket.type = PIKE_SOCK_DGRAM;
	*writer = run_do(run, op);
	if (*writer <= 0)
		return NULL;
	op = op_bytes(PIKE_SENDTO, *writer, "datagram", 8);
	op.addr = &to;
	for (int i = 0; i < many; i++)
		last = run_submit(run, op);
	memset(&to, 0xff, sizeof to);
	return last;
}

/* Named datagrams whose reader is slow; a writer that does not wait for it. */
static void play_unix(struct run *run)
{
	enum {
		MANY = 14
	};
	struct pike_addr at;
	struct run_op *last;
	pike_handle reader, writer;
	static char buf[8];
	char name[64];

	snprintf(name, sizeof name, "unix:@pike-fault-%ld", (long)getpid());
	reader = listen_at(run, name, PIKE_SOCK_DGRAM, &at);
	WANT(run, reader > 0);
	last = send_many(run, &writer, &at, MANY);
	WANT(run, last && !last->done);
	run_reap(run, 0);
	WANT(run, run_do(run, op_of(PIKE_CLOSE, writer)) == 0);
	WANT(run, last->done && last->res == -PIKE_ECANCELED);
	last = send_many(run, &writer, &at, MANY);
	WANT(run, last);
	run_reap(run, 1000000);
	for (int i = 0; i < MANY; i++)
		WANT(
		    run, run_do(run, op_bytes(PIKE_RECV, reader, buf, 8)) == 8);
	for (int i = 0; i < 50 && !last->done; i++)
		WANT(
		    run, run_do(run, op_bytes(PIKE_RECV, reader, buf, 8)) == 8);
	WANT(run, last->done && last->res == 8);
}

static void play_packets(struct run *run)
{
	static char buf[8];
	pike_handle a, b;
	int fd[2];

	pair_make(SOCK_SEQPACKET, fd);
	a = run_adopt(run, fd[0]);
	b = run_adopt(run, fd[1]);
	WANT(run, a > 0 && b > 0);
	WANT(run, run_do(run, op_bytes(PIKE_SEND, a, "packet", 6)) == 6);
	WANT(run, run_do(run, op_bytes(PIKE_RECV, b, buf, 8)) == 6);
	WANT(run, run_do(run, op_bytes(PIKE_SEND, a, "", 0)) == 0);
	WANT(run, run_do(run, op_bytes(PIKE_RECV, b, buf, 8)) == 0);
	WANT(run, run_do(run, op_of(PIKE_CLOSE, a)) == 0);
	WANT(run, run_do(run, op_bytes(PIKE_RECV, b, buf, 8)) == 0);
}

/* A listener whose backlog is full tells nobody when it has room again. */
static void play_unix_backlog(struct run *run)
{
	enum {
		CLIENTS = 4
	};
	struct pike_op op = op_of(PIKE_LISTEN_TO, 0);
	struct run_op *connect[CLIENTS];
	struct pike_addr at;
	pike_handle listener;
	char name[64];

	snprintf(name, sizeof name, "unix:@pike-backlog-%ld", (long)getpid());
	ck_assert_int_eq(pike_addr_parse(&at, name), 0);
	op.addr = &at;
	op.u.socket.backlog = 1;
	listener = run_do(run, op);
	WANT(run, listener > 0);
	for (int i = 0; i < CLIENTS; i++)
		connect[i] = run_submit(run, op_named(PIKE_CONNECT_TO, 0, &at));
	for (int i = 0; i < CLIENTS; i++)
		WANT(run, run_do(run, op_of(PIKE_ACCEPT, listener)) > 0);
	for (int i = 0; i < CLIENTS; i++)
		WANT(run, run_ended(run, connect[i]) && connect[i]->res > 0);
}

/* A pipe that is too small for what is written, its end, and a broken one. */
static void play_pipe(struct run *run)
{
	enum {
		LOTS = 4096 + 600
	};
	static unsigned char out[LOTS], in[LOTS];
	struct run_op *all;
	pike_handle reader, writer;
	size_t done = 0;
	int fd[2];

	for (int i = 0; i < LOTS; i++)
		out[i] = (unsigned char)(i * 13 + i / 256);
	ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
	ck_assert_int_gt(fcntl(fd[1], F_SETPIPE_SZ, 4096), 0);
	reader = run_adopt(run, fd[0]);
	writer = run_adopt(run, fd[1]);
	WANT(run, reader > 0 && writer > 0);
	all = run_submit(run, op_all(op_bytes(PIKE_WRITE, writer, out, LOTS)));
	while (done < LOTS) {
		int64_t n = run_do(
		    run, op_bytes(PIKE_READ, reader, in + done, LOTS - done));

		WANT(run, n > 0);
		done += (size_t)n;
	}
	WANT(run, run_ended(run, all) && all->res == LOTS);
	WANT(run, memcmp(in, out, LOTS) == 0);
	all = run_submit(run, op_all(op_bytes(PIKE_READ, reader, in, 200)));
	WANT(run,
	    run_do(run, op_all(op_bytes(PIKE_WRITE, writer, out, 200))) == 200);
	WANT(run, run_ended(run, all) && all->res == 200);
	all = run_submit(run, op_bytes(PIKE_READ, reader, in, 1));
	WANT(run, run_do(run, op_bytes(PIKE_WRITE, writer, NULL, 0)) == 0);
	WANT(run, run_do(run, op_of(PIKE_CLOSE, writer)) == 0);
	WANT(run, run_ended(run, all) && all->res == 0);
	WANT(run, all->result_flags == PIKE_EOF);
	ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
	writer = run_adopt(run, fd[1]);
	close(fd[0]);
	WANT(run, writer > 0);
	WANT(run,
	    run_do(run, op_bytes(PIKE_WRITE, writer, out, 1)) == -PIKE_EPIPE);
}

/* Both ends of a terminal. */
static void play_terminal(struct run *run)
{
	struct run_op *got;
	pike_handle user, program;
	static char buf[16];
	char path[64];
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(unlockpt(master), 0);
	ck_assert_int_eq(ptsname_r(master, path, sizeof path), 0);
	program = run_adopt(run, open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
	user = run_adopt(run, master);
	WANT(run, user > 0 && program > 0);
	got = run_submit(run, op_bytes(PIKE_READ, program, buf, sizeof buf));
	WANT(run,
	    run_do(run, op_all(op_bytes(PIKE_WRITE, user, "hey\n", 4))) == 4);
	WANT(run, run_ended(run, got) && got->res > 0 && buf[0] == 'h');
	WANT(run, run_do(run, op_bytes(PIKE_WRITE, program, "x", 1)) == 1);
	WANT(run, run_do(run, op_bytes(PIKE_READ, user, buf, sizeof buf)) > 0);
	WANT(run, run_do(run, op_of(PIKE_CLOSE, program)) == 0);
}

static struct pike_op timer_of(int64_t due_ns, int64_t period_ns, uint32_t how)
{
	struct pike_op op = op_how(PIKE_TIMER, 0, how);

	op.u.timer.due_ns = due_ns;
	op.u.timer.period_ns = period_ns;
	op.flags = period_ns ? PIKE_MULTISHOT : 0;
	return op;
}

static void play_timers(struct run *run)
{
	struct run_op *once, *often, *wall;
	int64_t begin = kernel.now;

	once = run_submit(run, timer_of(5000000, 0, 0));
	often = run_submit(run, timer_of(2000000, 3000000, 0));
	wall = run_submit(run, timer_of(1000000, 0, PIKE_TIMER_REALTIME));
	WANT(run, run_ended(run, wall) && wall->res == 1);
	WANT(run, run_shot(run, often) && often->res == 1);
	WANT(run, kernel.now == begin + 2000000);
	WANT(run, run_ended(run, once) && once->res == 1);
	WANT(run, run_shot(run, often) && often->res == 1);
	WANT(run, kernel.now == begin + 5000000);
	WANT(run, run_reap(run, 1000000) == 0);
	WANT(run, pike_cancel(run->q, often->id) == 0);
	WANT(run, run_ended(run, often) && often->res == -PIKE_ECANCELED);
	run_submit(run, timer_of(INT64_MAX, 0, PIKE_TIMER_ABSOLUTE));
}

static struct pike_op signal_of(uint64_t set, struct pike_signal_info *info)
{
	struct pike_op op = op_of(PIKE_SIGNAL, 0);

	op.u.signal.set = set;
	op.buf = info;
	op.len = info ? sizeof *info : 0;
	return op;
}

/* Submits, and sees that it waits: else the signal would be the process's. */
static struct run_op *await_signal(struct run *run, struct pike_op op)
{
	struct run_op *book = run_submit(run, op);

	run_reap(run, 0);
	return book && !book->done ? book : NULL;
}

static void raise_blocked(int number)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	raise(number);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* One op, several, one of many results that are told singly. */
static void play_signals(struct run *run)
{
	const uint64_t usr1 = PIKE_SIGNAL_BIT(PIKE_SIGUSR1);
	const uint64_t usr2 = PIKE_SIGNAL_BIT(PIKE_SIGUSR2);
	/* They are pike's until the ops have ended, after a failure too. */
	static struct pike_signal_info info, each;
	struct run_op *once, *often;

	info = each = (struct pike_signal_info){0};
	once = await_signal(run, signal_of(usr1, &info));
	WANT(run, once);
	often = await_signal(run, op_many(signal_of(usr1 | usr2, &each)));
	if (!often) /* a failure of the first has left nothing behind */
		often =
		    await_signal(run, op_many(signal_of(usr1 | usr2, &each)));
	WANT(run, often);
	raise(SIGUSR1);
	raise_blocked(SIGUSR2);
	WANT(run, run_ended(run, once) && once->res == PIKE_SIGUSR1);
	WANT(run, info.number == PIKE_SIGUSR1 && info.pid == getpid());
	WANT(run, run_shot(run, often) && often->res == PIKE_SIGUSR1);
	WANT(run, each.number == PIKE_SIGUSR1);
	WANT(run, run_shot(run, often) && often->res == PIKE_SIGUSR2);
	WANT(run, each.number == PIKE_SIGUSR2);
	WANT(run, pike_cancel(run->q, often->id) == 0);
	WANT(run, run_ended(run, often) && often->res == -PIKE_ECANCELED);
}

/* What comes between two ops is kept, and a cancel does not lose it. */
static void play_signals_between(struct run *run)
{
	const uint64_t usr1 = PIKE_SIGNAL_BIT(PIKE_SIGUSR1);
	struct run_op *op = await_signal(run, signal_of(usr1, NULL));

	WANT(run, op);
	raise(SIGUSR1);
	WANT(run, run_ended(run, op) && op->res == PIKE_SIGUSR1);
	raise(SIGUSR1);
	op = run_submit(run, signal_of(usr1, NULL));
	WANT(run, run_ended(run, op) && op->res == PIKE_SIGUSR1);
	op = await_signal(run, signal_of(usr1, NULL));
	WANT(run, op);
	raise(SIGUSR1);
	WANT(run, pike_cancel(run->q, op->id) == 0);
	WANT(run, run_ended(run, op) && op->res == PIKE_SIGUSR1);
}

static bool is_shown(pike_fd fd)
{
	struct pollfd p = {.fd = (int)fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* It may be shown too often, but not for ever. */
static bool is_settled(struct run *run, pike_fd fd)
{
	for (int i = 0; i < 100; i++) {
		if (!is_shown(fd))
			return true;
		if (run_reap(run, 0) != 0)
			return false;
	}
	return false;
}

/* Inside another loop, woken and posted to. */
static void play_events(struct run *run)
{
	pike_fd fd;

	WANT(run, pike_wake(run->q) == 0);
	WANT(run, run_reap(run, -1) == 0);
	WANT(run, pike_post(run->q, NULL, 5) == 0);
	WANT(run, run_reap(run, -1) == 1 && run->posts > 0);
	fd = pike_pollable(run->q);
	run_heard(run, fd);
	WANT(run, fd >= 0 && is_settled(run, fd));
	run_submit(run, op_of(PIKE_NOP, 0));
	WANT(run, is_shown(fd));
	WANT(run, run_reap(run, 0) == 1);
	WANT(run, is_settled(run, fd));
	WANT(run, pike_post(run->q, NULL, 6) == 0);
	WANT(run, is_shown(fd));
	WANT(run, run_reap(run, 0) == 1);
	WANT(run, is_settled(run, fd));
	run_submit(run, timer_of(1000, 0, 0));
	WANT(run, is_settled(run, fd));
	kernel.now += 1000;
	WANT(run, run_reap(run, 0) == 1);
	WANT(run, pike_wake(run->q) == 0 && is_shown(fd));
	WANT(run, run_reap(run, 0) == 0);
	WANT(run, is_settled(run, fd));
}

/* What no poller knows. */
static void play_file(struct run *run)
{
	struct run_op *poll;
	static char buf[4];
	pike_handle file, null;

	file = run_adopt(run, open("/dev/null", O_RDWR | O_CLOEXEC));
	null = run_adopt(run, open("/", O_RDONLY | O_CLOEXEC));
	WANT(run, file > 0 && null > 0);
	WANT(run,
	    run_do(run, op_bytes(PIKE_READ, null, buf, 4)) == -PIKE_ENOTSUP);
	WANT(run,
	    run_do(run, op_bytes(PIKE_RECV, file, buf, 4)) == -PIKE_ENOTSOCK);
	poll = run_submit(run, op_how(PIKE_POLL, file, PIKE_POLL_IN));
	WANT(run, run_ended(run, poll));
}

#define PIPE_OFF(off)                                                          \
	{                                                                      \
		.features_off = (off)                                          \
	}

const struct scenario scenarios[] = {
    {"tcp echo", play_tcp_echo, {0}, false, false},
    {"tcp echo, coarse waits", play_tcp_echo,
	{.features_off = PIKE_FEATURE_WAIT_NS}, false, false},
    {"tcp steps", play_tcp_steps, {0}, false, false},
    {"tcp refused", play_tcp_refused, {0}, false, false},
    {"tcp ends", play_tcp_ends, {0}, false, false},
    {"udp", play_udp, {0}, false, false},
    {"group", play_group, {0}, false, false},
    {"ping pong", play_ping_pong, {0}, false, false},
    {"few connections", play_few_connections, {.shots_max = 2}, false, false},
    {"many connections", play_many_connections, {0}, false, true},
    {"crowd", play_crowd, {0}, false, true},
    {"adopted listener", play_adopted_listener, {0}, false, false},
    {"descriptors", play_descriptors, {0}, false, false},
    {"unix", play_unix, {0}, false, false},
    {"packets", play_packets, {0}, false, false},
    {"unix backlog", play_unix_backlog, {0}, false, false},
    {"pipe", play_pipe, {0}, false, false},
    {"pipe, signals held", play_pipe, PIPE_OFF(PIKE_FEATURE_NOSIGNAL), false,
	false},
    {"pipe, polled", play_pipe, PIPE_OFF(PIKE_FEATURE_NOWAIT), false, false},
    {"pipe, with nothing", play_pipe, PIPE_OFF(PIKE_FEATURES_ALL), false,
	false},
    {"terminal", play_terminal, {0}, false, false},
    {"timers", play_timers, {0}, true, false},
    {"signals", play_signals, {0}, false, false},
    {"signals between", play_signals_between, {0}, false, false},
    {"events", play_events, {0}, false, false},
    {"file", play_file, {0}, false, false},
};

const unsigned scenario_count = sizeof scenarios / sizeof *scenarios;

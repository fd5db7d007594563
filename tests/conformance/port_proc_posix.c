/* SPDX-License-Identifier: MIT */
/* Threads, children, signals and foreign pollers, by POSIX. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#	include <sys/epoll.h>
#endif

#include "port_proc.h"

static void proc_must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(99);
}

/* ---------------------------------------------------------------- threads */

struct port_thread {
	pthread_t thread;
	void (*run)(void *arg);
	void *arg;
};

static void *proc_thread_main(void *arg)
{
	struct port_thread *t = arg;

	t->run(t->arg);
	return NULL;
}

struct port_thread *port_thread_start(void (*run)(void *arg), void *arg)
{
	struct port_thread *t = malloc(sizeof(*t));

	proc_must(t != NULL, "malloc");
	*t = (struct port_thread){.run = run, .arg = arg};
	errno = pthread_create(&t->thread, NULL, proc_thread_main, t);
	proc_must(errno == 0, "pthread_create");
	return t;
}

void port_thread_join(struct port_thread *t)
{
	pthread_join(t->thread, NULL);
	free(t);
}

void port_watch(const char *name, unsigned seconds)
{
	(void)name;
	(void)seconds;
}

void port_yield(void)
{
	sched_yield();
}

/* --------------------------------------------------------------- children */

struct port_child {
	pid_t pid;
	int answer; /* read end: the child's result comes from here */
	int go;     /* write end: one byte lets the child go on */
};

/* In a child: where port_fork_wait_parent reads. */
static int proc_go = -1;

struct port_child *port_fork_begin(int (*child)(void *arg), void *arg)
{
	struct port_child *c = malloc(sizeof(*c));
	int answer[2], go[2];

	proc_must(c != NULL && pipe(answer) == 0 && pipe(go) == 0, "pipe");
	fflush(NULL);
	c->pid = fork();
	proc_must(c->pid >= 0, "fork");
	if (c->pid == 0) {
		proc_go = go[0];
		close(go[1]);
		int result = child(arg);
		ssize_t n = write(answer[1], &result, sizeof(result));
		_exit(n == sizeof(result) ? 0 : 1);
	}
	close(answer[1]);
	close(go[0]);
	c->answer = answer[0];
	c->go = go[1];
	return c;
}

void port_fork_wait_parent(void)
{
	char byte;

	while (read(proc_go, &byte, 1) < 0 && errno == EINTR)
		;
}

void port_fork_go(struct port_child *c)
{
	proc_must(write(c->go, "", 1) == 1, "write");
}

int port_fork_end(struct port_child *c)
{
	int result = -1, status = 0;
	ssize_t n;

	close(c->go);
	do
		n = read(c->answer, &result, sizeof(result));
	while (n < 0 && errno == EINTR);
	close(c->answer);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	free(c);
	if (n != sizeof(result) || !WIFEXITED(status))
		return -1;
	return result;
}

int port_fork(int (*child)(void *arg), void *arg)
{
	return port_fork_end(port_fork_begin(child, arg));
}

int64_t port_pid(void)
{
	return getpid();
}

int64_t port_uid(void)
{
	return getuid();
}

/* ---------------------------------------------------------------- signals */

static int proc_signal(int number)
{
	static const struct {
		int portable, system;
	} map[] = {
	    {PIKE_SIGHUP, SIGHUP},
	    {PIKE_SIGINT, SIGINT},
	    {PIKE_SIGQUIT, SIGQUIT},
	    {PIKE_SIGUSR1, SIGUSR1},
	    {PIKE_SIGUSR2, SIGUSR2},
	    {PIKE_SIGPIPE, SIGPIPE},
	    {PIKE_SIGALRM, SIGALRM},
	    {PIKE_SIGTERM, SIGTERM},
	    {PIKE_SIGCHLD, SIGCHLD},
	    {PIKE_SIGCONT, SIGCONT},
	    {PIKE_SIGTSTP, SIGTSTP},
	    {PIKE_SIGWINCH, SIGWINCH},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].portable == number)
			return map[i].system;
	return number;
}

bool port_has_signal(int number)
{
	return number > 0;
}

int port_signal(unsigned i)
{
	static const int any[] = {PIKE_SIGUSR1, PIKE_SIGUSR2, PIKE_SIGWINCH};

	return any[i % 3];
}

int port_storm_signal(void)
{
	return PIKE_SIGALRM;
}

void port_raise(int number)
{
	proc_must(kill(getpid(), proc_signal(number)) == 0, "kill");
}

void port_raise_self(int number)
{
	errno = pthread_kill(pthread_self(), proc_signal(number));
	proc_must(errno == 0, "pthread_kill");
}

void port_raise_parent(int number)
{
	proc_must(kill(getppid(), proc_signal(number)) == 0, "kill");
}

static void proc_dispose(int number, void (*handler)(int))
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	sigemptyset(&sa.sa_mask);
	proc_must(sigaction(proc_signal(number), &sa, NULL) == 0, "sigaction");
}

void port_on_signal(int number, void (*handler)(int number))
{
	proc_dispose(number, handler ? handler : SIG_DFL);
}

void port_ignore_signal(int number)
{
	proc_dispose(number, SIG_IGN);
}

bool port_block_signal(int number, bool block)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, proc_signal(number));
	errno = pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	proc_must(errno == 0, "pthread_sigmask");
	return true;
}

bool port_signal_blocked(int number)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, proc_signal(number)) == 1;
}

bool port_signal_pending(int number)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, proc_signal(number)) == 1;
}

/* Numbers of the classic signals: all that pike can wait for fit a word. */
#define PROC_SIGNALS 64

struct port_signals {
	struct sigaction action[PROC_SIGNALS + 1];
	bool known[PROC_SIGNALS + 1];
	sigset_t mask;
};

static void proc_signals_read(struct port_signals *s)
{
	memset(s, 0, sizeof(*s));
	for (int no = 1; no <= PROC_SIGNALS; no++)
		s->known[no] = sigaction(no, NULL, &s->action[no]) == 0;
	pthread_sigmask(SIG_BLOCK, NULL, &s->mask);
}

struct port_signals *port_signals_take(void)
{
	struct port_signals *s = malloc(sizeof(*s));

	proc_must(s != NULL, "malloc");
	proc_signals_read(s);
	return s;
}

/*
 * The C library adds bits of its own to a disposition once it was set, and
 * where there is no handler the mask means nothing.
 */
static bool proc_action_same(
    const struct sigaction *a, const struct sigaction *b)
{
	const int bits = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_NODEFER | SA_ONSTACK |
			 SA_RESETHAND | SA_RESTART | SA_SIGINFO;

	if ((a->sa_flags & bits) != (b->sa_flags & bits))
		return false;
	if (a->sa_flags & SA_SIGINFO && a->sa_sigaction != b->sa_sigaction)
		return false;
	if (a->sa_handler != b->sa_handler)
		return false;
	if (a->sa_handler == SIG_DFL || a->sa_handler == SIG_IGN)
		return true;
	for (int no = 1; no <= PROC_SIGNALS; no++)
		if (sigismember(&a->sa_mask, no) !=
		    sigismember(&b->sa_mask, no))
			return false;
	return true;
}

bool port_signals_same(const struct port_signals *s)
{
	struct port_signals *now = port_signals_take();
	bool same = true;

	for (int no = 1; no <= PROC_SIGNALS; no++) {
		if (s->known[no] &&
		    !proc_action_same(&s->action[no], &now->action[no])) {
			fprintf(stderr, "signal %d: another disposition\n", no);
			same = false;
		}
		if (sigismember(&s->mask, no) != sigismember(&now->mask, no)) {
			fprintf(stderr, "signal %d: %sblocked now\n", no,
			    sigismember(&now->mask, no) == 1 ? "" : "un");
			same = false;
		}
	}
	free(now);
	return same;
}

void port_signals_put(struct port_signals *s)
{
	for (int no = 1; no <= PROC_SIGNALS; no++)
		if (s->known[no] && no != SIGKILL && no != SIGSTOP)
			sigaction(no, &s->action[no], NULL);
	pthread_sigmask(SIG_SETMASK, &s->mask, NULL);
	free(s);
}

void port_storm(unsigned hz)
{
	struct itimerval it = {{0, 0}, {0, 0}};

	if (hz) {
		it.it_interval.tv_usec = (suseconds_t)(1000000 / hz);
		it.it_value = it.it_interval;
	}
	proc_must(setitimer(ITIMER_REAL, &it, NULL) == 0, "setitimer");
	/* valgrind delivers late, and to whom is then the handler: Check's own
	 * kills all. */
	while (!hz && port_signal_pending(PIKE_SIGALRM))
		poll(NULL, 0, 1);
}

/* ---------------------------------------------------------------- pollers */

static bool proc_poll(pike_fd fd, int timeout_ms)
{
	struct pollfd p = {.fd = (int)fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n == 1 && (p.revents & POLLIN);
}

static bool proc_select(pike_fd fd, int timeout_ms)
{
	struct timeval tv = {
	    timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000};
	fd_set set;
	int n;

	if (fd >= FD_SETSIZE)
		return proc_poll(fd, timeout_ms);
	do {
		FD_ZERO(&set);
		FD_SET((int)fd, &set);
		n = select(
		    (int)fd + 1, &set, NULL, NULL, timeout_ms < 0 ? NULL : &tv);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

#ifdef __linux__
static bool proc_epoll(pike_fd fd, int timeout_ms)
{
	struct epoll_event event = {.events = EPOLLIN};
	int outer = epoll_create1(EPOLL_CLOEXEC), n;

	proc_must(outer >= 0, "epoll_create1");
	proc_must(
	    epoll_ctl(outer, EPOLL_CTL_ADD, (int)fd, &event) == 0, "epoll_ctl");
	do
		n = epoll_wait(outer, &event, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	close(outer);
	return n == 1;
}
#endif

void port_pollers_warm(void)
{
}

const struct port_poller *port_poller_at(unsigned i)
{
	static const struct port_poller pollers[] = {
	    {"poll", proc_poll},
	    {"select", proc_select},
#ifdef __linux__
	    {"epoll", proc_epoll},
#endif
	};

	return i < sizeof(pollers) / sizeof(pollers[0]) ? &pollers[i] : NULL;
}

/* ------------------------------------------------------------- descriptors */

unsigned port_fd_limit(unsigned want)
{
	struct rlimit rl;

	proc_must(getrlimit(RLIMIT_NOFILE, &rl) == 0, "getrlimit");
	unsigned was = (unsigned)rl.rlim_cur;
	if (want == 0)
		return was;
	rl.rlim_cur = want < rl.rlim_max ? want : rl.rlim_max;
	proc_must(setrlimit(RLIMIT_NOFILE, &rl) == 0, "setrlimit");
	return was;
}

#define PROC_ASAN 4
#if defined(__SANITIZE_ADDRESS__)
#	define PROC_SLOW PROC_ASAN
#elif defined(__SANITIZE_THREAD__)
#	define PROC_SLOW 20
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define PROC_SLOW PROC_ASAN
#	elif __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#		define PROC_SLOW 20
#	endif
#endif
#ifndef PROC_SLOW
#	define PROC_SLOW 1
#endif

bool port_forks_busy(void)
{
	return PROC_SLOW != PROC_ASAN;
}

unsigned port_fewer(void)
{
	const char *scale = getenv("PIKE_TEST_SCALE");
	unsigned fewer = scale ? (unsigned)strtoul(scale, NULL, 10) : 1;

	return fewer > 1 ? fewer : 1;
}

unsigned port_slow(void)
{
	return PROC_SLOW * port_fewer();
}

int64_t port_sleeps(void)
{
	struct rusage used;

	proc_must(getrusage(RUSAGE_SELF, &used) == 0, "getrusage");
	return used.ru_nvcsw;
}

static int64_t proc_clock(clockid_t clock)
{
	struct timespec ts;

	proc_must(clock_gettime(clock, &ts) == 0, "clock_gettime");
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t port_monotonic(void)
{
	return proc_clock(CLOCK_MONOTONIC);
}

int64_t port_wall(void)
{
	return proc_clock(CLOCK_REALTIME);
}

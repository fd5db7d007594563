/* SPDX-License-Identifier: MIT */
/*
 * A terminal's calls from the background, while an op waits for the signal that
 * the system sends at each: the op is told, the call rests, and it is made when
 * the process has come to the foreground.
 *
 * A shell in a session of its own has the terminal, and its job goes on in the
 * background until it asks for the foreground.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <pike.h>

#include "backend/sys.h"
#include "unit.h"

#define LIMIT_S 20 /* only spent by a test that fails */

/* Of the job and of the shell, where nothing of check's works. */
#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "line %d: not %s\n", __LINE__,         \
			    #condition);                                       \
			_exit(1);                                              \
		}                                                              \
	} while (0)

static struct {
	const char *backend;
	bool writes;
	bool in_thread; /* beside one that may take the signals */
	int terminal;
	int asks[2]; /* the job for the foreground */
} play;

/* ---- how often the job tries ---- */

static struct pike__sys real;
static unsigned tries;

static ssize_t counting_readv(int fd, const struct iovec *iov, int n)
{
	tries++;
	return real.readv(fd, iov, n);
}

static ssize_t counting_writev(int fd, const struct iovec *iov, int n)
{
	tries++;
	return real.writev(fd, iov, n);
}

/* ---- the job ---- */

/* A reap that does not wait tries at most what has rested a while. */
static void job_rests(struct pike_queue *q, pike_id told)
{
	struct pike_completion c;

	for (int i = 0; i < 8; i++) {
		tries = 0;
		int n = pike_reap(q, &c, 1, 0);
		MUST(n == 0 || (n == 1 && c.id == told));
		MUST(tries <= 1);
	}
}

static void *job_run(void *unused)
{
	struct pike_params params = {
	    .backend = play.backend, .features_off = PIKE_FEATURE_NOWAIT};
	int number = play.writes ? SIGTTOU : SIGTTIN;
	struct pike_op op = {.opcode = PIKE_SIGNAL, .flags = PIKE_MULTISHOT};
	struct pike_completion c;
	struct pike_queue *q;
	char in[4] = "out";

	int bad = pike_queue_open(&q, &params);
	if (bad == -PIKE_ENOTSUP)
		return unused; /* not on this machine */
	MUST(bad == 0);
	real = pike__sys;
	pike__sys.readv = counting_readv;
	pike__sys.writev = counting_writev;
	op.u.signal.set = PIKE_SIGNAL_BIT(number);
	pike_id told = pike_submit(q, &op);
	MUST(told > 0);

	op = (struct pike_op){.opcode = play.writes ? PIKE_WRITE : PIKE_READ,
	    .buf = in,
	    .len = 3,
	    .offset = -1};
	op.handle = pike_adopt(q, play.terminal, 0);
	pike_id id = pike_submit(q, &op);
	MUST(id > 0);
	MUST(pike_reap(q, &c, 1, -1) == 1);
	MUST(c.id == told && c.res == number);
	MUST(tries > 0);
	job_rests(q, told);

	MUST(write(play.asks[1], "x", 1) == 1);
	do {
		MUST(pike_reap(q, &c, 1, -1) == 1);
	} while (c.id == told);
	MUST(c.id == id && c.res == 3);
	MUST(play.writes || (in[0] == 'h' && in[2] == '\n'));
	pike_queue_close(q);
	return unused;
}

static void job(void)
{
	pthread_t thread;

	/* Check has a handler for it. */
	signal(SIGALRM, SIG_DFL);
	alarm(LIMIT_S);
	MUST(setpgid(0, 0) == 0);
	if (play.in_thread) {
		MUST(pthread_create(&thread, NULL, job_run, NULL) == 0);
		MUST(pthread_join(thread, NULL) == 0);
	} else {
		job_run(NULL);
	}
	_exit(0);
}

/* ---- the shell ---- */

static int child_status(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		MUST(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void shell(void)
{
	struct termios how;
	char byte;

	MUST(setsid() > 0);
	MUST(ioctl(play.terminal, TIOCSCTTY, 0) == 0);
	MUST(tcgetattr(play.terminal, &how) == 0);
	how.c_lflag |= TOSTOP;
	MUST(tcsetattr(play.terminal, TCSANOW, &how) == 0);
	pid_t child = fork();
	MUST(child >= 0);
	if (child == 0)
		job();
	close(play.asks[1]);
	/* The job may have gone instead. */
	if (read(play.asks[0], &byte, 1) == 1)
		MUST(tcsetpgrp(play.terminal, child) == 0);
	_exit(child_status(child));
}

/* The user has typed a line. */
static int user_open(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	play.terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(play.terminal, 0);
	ck_assert_int_eq(write(master, "hi\n", 3), 3);
	return master;
}

static void play_out(const char *backend)
{
	int user = user_open();

	play.backend = backend;
	ck_assert_int_eq(pipe(play.asks), 0);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		shell();
	close(play.asks[0]);
	close(play.asks[1]);
	int status = child_status(child);
	ck_assert_msg(status == 0, "%s ends with %d", backend, status);
	close(play.terminal);
	close(user);
}

static void play_on_each(void)
{
	for (unsigned i = 0; pike_backend_at(i); i++)
		play_out(pike_backend_at(i));
}

START_TEST(a_read_rests_until_the_foreground)
{
	play.in_thread = _i;
	play_on_each();
}
END_TEST

START_TEST(a_write_rests_until_the_foreground)
{
	play.in_thread = _i;
	play.writes = true;
	play_on_each();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("background");
	TCase *tests = tcase_create("background");

	tcase_set_timeout(tests, LIMIT_S * 5);
	tcase_add_loop_test(tests, a_read_rests_until_the_foreground, 0, 2);
	tcase_add_loop_test(tests, a_write_rests_until_the_foreground, 0, 2);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}

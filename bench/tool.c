/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

enum {
	TOOL_SKIP = 77,
};

_Noreturn void tool_die(const char *what)
{
	perror(what);
	exit(1);
}

_Noreturn void tool_fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

unsigned tool_descriptors_raise(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		tool_die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		tool_die("setrlimit");
	return limit.rlim_cur > 1u << 20 ? 1u << 20 : (unsigned)limit.rlim_cur;
}

void tool_pin(int cpu)
{
	cpu_set_t set;
	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* A machine with one cpu measures too, only less well. */
	if (sched_setaffinity(0, sizeof(set), &set) < 0 && errno != EINVAL)
		tool_die("sched_setaffinity");
}

static uint64_t tool_clock(clockid_t clock)
{
	struct timespec time;
	if (clock_gettime(clock, &time) < 0)
		tool_die("clock_gettime");
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t tool_now(void)
{
	return tool_clock(CLOCK_MONOTONIC);
}

uint64_t tool_server_cpu(const struct tool_server *server)
{
	clockid_t clock;
	if (clock_getcpuclockid(server->pid, &clock))
		tool_fail("no cpu clock of process %d", (int)server->pid);
	return tool_clock(clock);
}

int tool_server_start(struct tool_server *server, char *const *argv, int cpu)
{
	int pipes[2];
	if (pipe(pipes) < 0)
		tool_die("pipe");
	server->pid = fork();
	if (server->pid < 0)
		tool_die("fork");
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		tool_pin(cpu);
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	close(pipes[1]);
	server->out = pipes[0];
	char line[32];
	tool_server_line(server, line, sizeof(line));
	server->port = (unsigned)strtoul(line, NULL, 10);
	if (server->port > 0 && server->port <= 65535)
		return 1;
	int status;
	close(server->out);
	if (*line || waitpid(server->pid, &status, 0) != server->pid ||
	    !WIFEXITED(status) || WEXITSTATUS(status) != TOOL_SKIP)
		tool_fail("%s: no port in \"%s\"", argv[0], line);
	return 0;
}

void tool_server_line(struct tool_server *server, char *line, size_t size)
{
	size_t length = 0;
	char byte;
	while (length + 1 < size && read(server->out, &byte, 1) == 1 &&
	       byte != '\n')
		line[length++] = byte;
	line[length] = 0;
}

void tool_server_stop(struct tool_server *server)
{
	int status;
	kill(server->pid, SIGTERM);
	if (waitpid(server->pid, &status, 0) != server->pid)
		tool_die("waitpid");
	close(server->out);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		tool_fail("the server ended with status 0x%x", status);
}

/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/ptrace.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "trace.h"

enum {
	WARM_UP = 2, /* rounds */
	SITES_SIZE = 1 << 16,
};

/* One measurement as it goes on. */
struct tracer {
	struct trace *trace;
	struct tool_server *server;
	struct client *client;
	unsigned round;   /* that is under way; counts from 1 */
	unsigned waiting; /* replies of it that are still to come */
	int measures;     /* the warm-up is over */
	int patient;      /* the server may sleep in its wait */
	uint64_t before;  /* instructions when the round began */
};

struct trace_stop {
	uint64_t address; /* of the instruction that comes next */
	uint64_t call;    /* its system call, if it is one */
};

/* The C library's wrappers disagree about types; the kernel does not. */
static long trace_ptrace(long request, pid_t pid, uintptr_t address, void *data)
{
	return syscall(SYS_ptrace, request, (long)pid, address, data);
}

uint64_t trace_enters(const struct trace *trace)
{
#ifdef SYS_io_uring_enter
	return trace->calls_by_number[SYS_io_uring_enter];
#else
	(void)trace;
	return 0;
#endif
}

/* Takes what replies are there; at the end of a round begins the next. */
static void tracer_collect(struct tracer *t)
{
	struct trace *trace = t->trace;
	struct client *client = t->client;
	for (unsigned i = 0; t->waiting && i < client->count; i++) {
		/* All were sent with the number of this round. */
		if (client->peers[i].number < t->round &&
		    client_receive(client, i, 0))
			t->waiting--;
	}
	if (t->waiting)
		return;
	if (t->measures) {
		uint64_t round = trace->instructions - t->before;
		if (round < trace->least)
			trace->least = round;
		if (round > trace->most)
			trace->most = round;
	}
	t->before = trace->instructions;
	t->measures = t->round >= WARM_UP;
	if (t->round == WARM_UP + trace->rounds)
		return;
	t->round++;
	t->waiting = client->count;
	for (unsigned i = 0; i < client->count; i++)
		client_send(client, i);
}

static int tracer_is_done(const struct tracer *t)
{
	return t->round == WARM_UP + t->trace->rounds && !t->waiting;
}

static void tracer_call(struct tracer *t, uint64_t number)
{
	if (call_waits(number)) {
		tracer_collect(t);
		t->patient = 1;
	}
	if (t->measures && !tracer_is_done(t)) {
		t->trace->calls++;
		if (number < TRACE_CALLS_MAX)
			t->trace->calls_by_number[number]++;
	}
}

/* The next stop of the server; keeps the load going if it sleeps. */
static int tracer_wait(struct tracer *t)
{
	int status;
	for (;;) {
		pid_t pid = waitpid(t->server->pid, &status,
		    __WALL | (t->patient ? WNOHANG : 0));
		if (pid == t->server->pid)
			break;
		if (pid < 0 && errno != EINTR)
			tool_die("waitpid");
		if (pid != 0)
			continue;
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
		tracer_collect(t);
		if (!tracer_is_done(t))
			continue;
		/* It has sent the last reply from its sleep and stays there. */
		if (trace_ptrace(PTRACE_INTERRUPT, t->server->pid, 0, NULL) < 0)
			tool_die("PTRACE_INTERRUPT");
		t->patient = 0;
	}
	if (!WIFSTOPPED(status))
		tool_fail("the server ended while it was measured");
	t->patient = 0;
	return status;
}

/* Goes on to the next stop that is not a mere signal. */
static int tracer_resume(struct tracer *t, long request)
{
	pid_t pid = t->server->pid;
	uintptr_t signal = 0;
	for (;;) {
		if (trace_ptrace(request, pid, 0, (void *)signal) < 0)
			tool_die("ptrace");
		int status = tracer_wait(t);
		int stop = WSTOPSIG(status);
		int event = status >> 16;
		if (event)
			signal = 0;
		else if (stop == SIGTRAP || stop == (SIGTRAP | 0x80))
			return stop;
		else
			signal = (uintptr_t)stop;
	}
}

static void tracer_run_calls(struct tracer *t)
{
	struct ptrace_syscall_info info;
	while (!tracer_is_done(t)) {
		tracer_resume(t, PTRACE_SYSCALL);
		if (trace_ptrace(PTRACE_GET_SYSCALL_INFO, t->server->pid,
			sizeof(info), &info) < 0)
			tool_die("PTRACE_GET_SYSCALL_INFO");
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		tracer_call(t, info.entry.nr);
		if (t->measures && call_is_timed(t->server->pid, &info))
			t->trace->waits_timed++;
	}
}

#ifdef __x86_64__
static int trace_steps_possible(void)
{
	return 1;
}

static void trace_stop_read(pid_t pid, struct trace_stop *stop)
{
	struct user_regs_struct registers;
	if (trace_ptrace(PTRACE_GETREGS, pid, 0, &registers) < 0)
		tool_die("PTRACE_GETREGS");
	stop->address = registers.rip;
	stop->call = registers.rax;
}

static int trace_site_is_call(pid_t pid, uint64_t address)
{
	unsigned char code[2];
	struct iovec mine = {code, sizeof(code)};
	struct iovec theirs = {(void *)(uintptr_t)address, sizeof(code)};
	if (process_vm_readv(pid, &mine, 1, &theirs, 1, 0) < 0)
		tool_die("process_vm_readv");
	return code[0] == 0x0f && code[1] == 0x05;
}
#else
static int trace_steps_possible(void)
{
	return 0;
}

static void trace_stop_read(pid_t pid, struct trace_stop *stop)
{
	(void)pid;
	(void)stop;
	tool_fail("instructions are counted on x86-64 only");
}

static int trace_site_is_call(pid_t pid, uint64_t address)
{
	(void)pid;
	(void)address;
	return 0;
}
#endif

static struct trace_site *tracer_site(struct tracer *t, uint64_t address)
{
	struct trace *trace = t->trace;
	uint64_t mask = trace->sites_size - 1;
	uint64_t i = (address * 0x9e3779b97f4a7c15u) >> 40 & mask;
	for (unsigned probes = 0; probes <= mask; probes++) {
		struct trace_site *site = &trace->sites[i];
		if (site->address == address)
			return site;
		if (!site->address) {
			site->address = address;
			site->is_call =
			    trace_site_is_call(t->server->pid, address);
			return site;
		}
		i = (i + 1) & mask;
	}
	tool_fail("the server runs too much code");
}

static void tracer_run_steps(struct tracer *t)
{
	struct trace *trace = t->trace;
	uint64_t last = 0;
	trace->sites_size = SITES_SIZE;
	trace->sites = calloc(SITES_SIZE, sizeof(*trace->sites));
	if (!trace->sites)
		tool_die("calloc");
	for (;;) {
		struct trace_stop stop;
		trace_stop_read(t->server->pid, &stop);
		struct trace_site *site = tracer_site(t, stop.address);
		if (site->is_call)
			tracer_call(t, stop.call);
		if (tracer_is_done(t))
			return;
		if (stop.address == last && !site->is_call) {
			trace->repeats += (unsigned)t->measures;
		} else {
			trace->instructions++;
			site->count += (unsigned)t->measures;
		}
		last = stop.address;
		tracer_resume(t, PTRACE_SINGLESTEP);
	}
}

int trace_possible(enum trace_mode mode)
{
	if (mode == TRACE_INSTRUCTIONS && !trace_steps_possible())
		return 0;
	pid_t pid = fork();
	if (pid < 0)
		tool_die("fork");
	if (pid == 0) {
		pause();
		_exit(0);
	}
	int possible = trace_ptrace(PTRACE_SEIZE, pid, 0, NULL) == 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
	return possible;
}

void trace_begin(struct trace *trace, struct tool_server *server)
{
	pid_t pid = server->pid;
	uintptr_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
	*trace = (struct trace){
	    .mode = trace->mode,
	    .rounds = trace->rounds,
	    .least = UINT64_MAX,
	};
	int status;
	if (trace_ptrace(PTRACE_SEIZE, pid, 0, (void *)options) < 0 ||
	    trace_ptrace(PTRACE_INTERRUPT, pid, 0, NULL) < 0 ||
	    waitpid(pid, &status, __WALL) != pid)
		tool_die("PTRACE_SEIZE");
	if (!WIFSTOPPED(status))
		tool_fail("the server ended while it was measured");
	/*
	 * All messages of a round come before the server wakes: on the same
	 * cpu one of this policy takes no turn from who wakes it.
	 */
	struct sched_param plain = {0};
	if (sched_setscheduler(pid, SCHED_BATCH, &plain) < 0)
		tool_die("sched_setscheduler");
}

void trace_end(struct trace *trace, struct tool_server *server)
{
	(void)trace;
	if (trace_ptrace(PTRACE_DETACH, server->pid, 0, NULL) < 0)
		tool_die("PTRACE_DETACH");
}

void trace_run(
    struct trace *trace, struct tool_server *server, struct client *client)
{
	trace_begin(trace, server);
	struct tracer tracer = {
	    .trace = trace, .server = server, .client = client};
	/* From here the messages of all connections carry one number. */
	for (unsigned i = 0; i < client->count; i++)
		client->peers[i].number = 0;
	if (trace->mode == TRACE_CALLS)
		tracer_run_calls(&tracer);
	else
		tracer_run_steps(&tracer);
	trace_end(trace, server);
	/* Less what the steps of the warm-up added. */
	trace->instructions = 0;
	for (uint64_t i = 0; trace->sites && i < trace->sites_size; i++)
		trace->instructions += trace->sites[i].count;
}

/* Counts the call that the server is stopped at, if it is entering one. */
static void trace_count_entry(struct trace *trace, pid_t pid)
{
	struct ptrace_syscall_info info;
	if (trace_ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
		tool_die("PTRACE_GET_SYSCALL_INFO");
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	trace->calls++;
	if (info.entry.nr < TRACE_CALLS_MAX)
		trace->calls_by_number[info.entry.nr]++;
}

void trace_during(struct trace *trace, struct tool_server *server,
    void (*work)(void *argument), void *argument)
{
	pid_t child = fork();
	if (child < 0)
		tool_die("fork");
	if (child == 0) {
		work(argument);
		_exit(0);
	}
	uintptr_t signal = 0;
	int running = 0, working = 1;
	for (;;) {
		if (!running && trace_ptrace(PTRACE_SYSCALL, server->pid, 0,
				    (void *)signal) < 0)
			tool_die("PTRACE_SYSCALL");
		running = 1;
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid == child) {
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
				tool_fail("the load failed");
			working = 0;
			trace_ptrace(PTRACE_INTERRUPT, server->pid, 0, NULL);
			continue;
		}
		if (pid != server->pid || !WIFSTOPPED(status))
			tool_fail("the server ended while it was measured");
		running = 0;
		signal = 0;
		int stop = WSTOPSIG(status);
		if (stop == (SIGTRAP | 0x80))
			trace_count_entry(trace, pid);
		else if (status >> 16 == 0)
			signal = (uintptr_t)stop;
		/* Any other stop takes the place of the one asked for. */
		if (!working && !signal)
			return;
	}
}

struct trace_load {
	struct client *client;
	uint64_t messages;
};

static void trace_load_run(void *argument)
{
	struct trace_load *load = argument;
	tool_pin(1);
	client_run(load->client, load->messages, 1);
}

void trace_freely(struct trace *trace, struct tool_server *server,
    struct client *client, uint64_t messages)
{
	struct trace_load load = {client, messages};
	trace_begin(trace, server);
	trace_during(trace, server, trace_load_run, &load);
	trace_end(trace, server);
}

void trace_free(struct trace *trace)
{
	free(trace->sites);
	trace->sites = NULL;
}

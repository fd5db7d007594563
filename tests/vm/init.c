/* SPDX-License-Identifier: MIT */
/*
 * The first and only resident process of a virtual machine that has no other
 * files than test programs. It makes the system whole enough for them, runs
 * what /plan says, tells on the console what came of it, and powers off. Not
 * part of the build: tools/vm compiles it, static, for the machine's kind.
 *
 * /plan has one order a line, in this order of effect:
 *
 *	jobs N             so many programs at once
 *	env NAME=VALUE     for all that follow
 *	run SECONDS PATH   from the root; ended when it takes longer
 *
 * The console has these lines, and what each program printed between two:
 *
 *	vm: kernel RELEASE MACHINE
 *	vm: begin PATH
 *	vm: end PATH STATUS MILLISECONDS
 *	vm: complaint TEXT               a warning of the kernel, a line each
 *	vm: done N                       programs, and the end
 *
 * STATUS is as in a shell: 128 and the signal, 124 when time was up.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX       8
#define STATUS_TIME_UP 124
#define STATUS_NO_EXEC 127
#define STATUS_SIGNAL  128

/* Of klogctl(2), which has no header for them. */
#define KLOG_READ_ALL      3
#define KLOG_CLEAR         5
#define KLOG_CONSOLE_LEVEL 8
#define KLOG_EMERGENCIES   1

struct job {
	pid_t pid; /* 0: free; also its session */
	char path[128];
	char out[32];
	long begun_ms;
	long limit_ms;
	bool late;
};

static struct job jobs[JOBS_MAX];
static unsigned jobs_room = 1;
static unsigned programs;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* -- the system -- */

static void mount_at(const char *type, const char *where, const char *options)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, options) < 0)
		printf("vm: no %s at %s: %s\n", type, where, strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		printf("vm: no loopback: %s\n", strerror(errno));
	close(fd);
}

static void system_begin(void)
{
	struct utsname name;

	mount_at("devtmpfs", "/dev", NULL);
	int console = open("/dev/console", O_RDWR);
	for (int fd = 0; console >= 0 && fd < 3; fd++)
		dup2(console, fd);
	if (console > 2)
		close(console);
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_at("proc", "/proc", NULL);
	mount_at("sysfs", "/sys", NULL);
	mount_at("devpts", "/dev/pts", "mode=620,ptmxmode=666");
	mount_at("tmpfs", "/dev/shm", NULL);
	mount_at("tmpfs", "/tmp", "mode=1777");
	mkdir("/out", 0755);
	loopback_up();
	/* What the kernel says is told at the end, not between the lines. */
	klogctl(KLOG_CONSOLE_LEVEL, NULL, KLOG_EMERGENCIES);
	klogctl(KLOG_CLEAR, NULL, 0);
	uname(&name);
	/* On a line of its own: the firmware ends with none. */
	printf("\nvm: kernel %s %s\n", name.release, name.machine);
}

/*
 * A stall is no complaint: an emulated machine stalls when the real one is
 * busy.
 */
static bool is_complaint(const char *line)
{
	if (strstr(line, "stall") || strstr(line, "lockup"))
		return false;
	return strstr(line, "WARNING:") || strstr(line, "BUG:") ||
	       strstr(line, "kernel BUG") || strstr(line, "Oops") ||
	       strstr(line, "blocked for more than");
}

static void system_end(void)
{
	static char text[1 << 20];
	int len = klogctl(KLOG_READ_ALL, text, sizeof(text) - 1);

	text[len > 0 ? len : 0] = '\0';
	if (len < 0)
		printf("vm: complaint the kernel's log cannot be read\n");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (is_complaint(line))
			printf("vm: complaint %s\n", line);
	}
	printf("vm: done %u\n", programs);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
}

/* -- programs -- */

/* All that a program has left behind, its children that hang as well. */
static void session_kill(pid_t session)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 1 && getsid(pid) == session)
			kill(pid, SIGKILL);
	}
	if (dir)
		closedir(dir);
}

static void job_begin(struct job *job, long seconds, const char *path)
{
	snprintf(job->path, sizeof(job->path), "%s", path);
	snprintf(job->out, sizeof(job->out), "/out/%u", programs++);
	job->begun_ms = now_ms();
	job->limit_ms = seconds * 1000;
	job->late = false;
	fflush(stdout);
	job->pid = fork();
	if (job->pid != 0)
		return;

	sigset_t none;
	char *argv[] = {job->path, NULL};
	int out = open(job->out, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	int in = open("/dev/null", O_RDONLY);

	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	close(in);
	close(out);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir("/") == 0)
		execv(job->path, argv);
	fprintf(stderr, "%s: %s\n", job->path, strerror(errno));
	_exit(STATUS_NO_EXEC);
}

static void job_end(struct job *job, int status)
{
	char text[4096];
	char last = '\n';
	ssize_t n;
	int code = WIFEXITED(status) ? WEXITSTATUS(status)
				     : STATUS_SIGNAL + WTERMSIG(status);

	session_kill(job->pid);
	printf("vm: begin %s\n", job->path);
	int out = open(job->out, O_RDONLY);
	while (out >= 0 && (n = read(out, text, sizeof(text))) > 0) {
		fwrite(text, 1, (size_t)n, stdout);
		last = text[n - 1];
	}
	close(out);
	unlink(job->out);
	if (last != '\n')
		putchar('\n');
	printf("vm: end %s %d %ld\n", job->path,
	    job->late ? STATUS_TIME_UP : code, now_ms() - job->begun_ms);
	job->pid = 0;
}

/* Waits until something ends or a while has passed. */
static void jobs_wait(const sigset_t *child)
{
	struct timespec second = {.tv_sec = 1};
	pid_t pid;
	int status;

	sigtimedwait(child, NULL, &second);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < JOBS_MAX; i++) {
			if (jobs[i].pid == pid)
				job_end(&jobs[i], status);
		}
	}
	for (int i = 0; i < JOBS_MAX; i++) {
		struct job *job = &jobs[i];
		if (job->pid > 0 && now_ms() - job->begun_ms > job->limit_ms) {
			job->late = true;
			session_kill(job->pid);
			kill(job->pid, SIGKILL);
		}
	}
}

static unsigned jobs_running(void)
{
	unsigned n = 0;

	for (int i = 0; i < JOBS_MAX; i++)
		n += jobs[i].pid > 0;
	return n;
}

static void plan_line(const sigset_t *child, const char *line)
{
	char text[128];
	long seconds;

	if (sscanf(line, "jobs %u", &jobs_room) == 1) {
		if (jobs_room < 1 || jobs_room > JOBS_MAX)
			jobs_room = 1;
	} else if (sscanf(line, "env %127s", text) == 1) {
		putenv(strdup(text));
	} else if (sscanf(line, "run %ld %127s", &seconds, text) == 2) {
		while (jobs_running() >= jobs_room)
			jobs_wait(child);

		struct job *job = jobs;
		while (job->pid > 0)
			job++;
		job_begin(job, seconds, text);
	} else {
		printf("vm: not understood: %s", line);
	}
}

int main(void)
{
	char line[256];
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	system_begin();

	FILE *plan = fopen("/plan", "r");
	if (!plan)
		printf("vm: no plan: %s\n", strerror(errno));
	while (plan && fgets(line, sizeof(line), plan))
		plan_line(&child, line);
	while (jobs_running() > 0)
		jobs_wait(&child);
	system_end();
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* The tests' port layer, by POSIX calls: descriptors, pipes, files. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "port_posix.h"

#define FDS_SEEN 4096

int port_code(void)
{
	switch (errno) {
#define PORT_CODE(name)                                                        \
	case name:                                                             \
		return -PIKE_##name;
		PORT_CODE(EAGAIN)
		PORT_CODE(EPIPE)
		PORT_CODE(ECONNRESET)
		PORT_CODE(ECONNREFUSED)
		PORT_CODE(EADDRINUSE)
		PORT_CODE(EADDRNOTAVAIL)
		PORT_CODE(EAFNOSUPPORT)
		PORT_CODE(EACCES)
		PORT_CODE(EBADF)
		PORT_CODE(EIO)
		PORT_CODE(ENOENT)
		PORT_CODE(EMFILE)
		PORT_CODE(EMSGSIZE)
		PORT_CODE(ENOTCONN)
#undef PORT_CODE
	default:
		return -PIKE_EUNKNOWN;
	}
}

void port_cloexec(int fd)
{
	MUST(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
}

void *port_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

size_t port_huge_size(void)
{
	return SIZE_MAX > UINT32_MAX ? (size_t)(UINT64_C(5) << 30) : 0;
}

void *port_huge(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void port_huge_free(void *memory, size_t size)
{
	MUST(munmap(memory, size) == 0);
}

void port_sigpipe_default(void)
{
	signal(SIGPIPE, SIG_DFL);
}

int64_t port_cpu_ns(void)
{
	struct timespec ts;

	MUST(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t port_cpu_step_ns(void)
{
	return 0;
}

bool port_lose_rights(void)
{
	return geteuid() != 0 || seteuid(65534) == 0;
}

void port_regain_rights(void)
{
	MUST(seteuid(getuid()) == 0);
}

/* ---------------------------------------------------------- descriptors -- */

bool port_is_open(pike_fd fd)
{
	return fcntl((int)fd, F_GETFD) >= 0;
}

/* A system that has a list of them is asked for it: to ask for each is most
 * of what a case costs where system calls are dear. */
int port_open_count(void)
{
	DIR *list = opendir("/proc/self/fd");
	int n = 0;

	for (int fd = 0; !list && fd < FDS_SEEN; fd++)
		n += port_is_open(fd);
	for (struct dirent *d; list && (d = readdir(list));) {
		int fd = (int)strtol(d->d_name, NULL, 10);
		n += d->d_name[0] != '.' && fd < FDS_SEEN && fd != dirfd(list);
	}
	if (list)
		closedir(list);
	return n;
}

bool port_is_cloexec(pike_fd fd)
{
	int flags = fcntl((int)fd, F_GETFD);

	MUST(flags >= 0);
	return flags & FD_CLOEXEC;
}

bool port_is_nonblocking(pike_fd fd)
{
	int flags = fcntl((int)fd, F_GETFL);

	MUST(flags >= 0);
	return flags & O_NONBLOCK;
}

bool port_sends_wait(void)
{
	return PIKE_SENDS_WAIT;
}

void port_set_nonblocking(pike_fd fd, bool on)
{
	int flags = fcntl((int)fd, F_GETFL);

	MUST(flags >= 0);
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	MUST(fcntl((int)fd, F_SETFL, flags) == 0);
}

bool port_same(pike_fd a, pike_fd b)
{
	struct stat x, y;

	MUST(fstat((int)a, &x) == 0);
	MUST(fstat((int)b, &y) == 0);
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

pike_fd port_dup(pike_fd fd)
{
	int copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);

	MUST(copy >= 0);
	return copy;
}

pike_fd port_dup_as(pike_fd fd, pike_fd number)
{
	MUST(!port_is_open(number));
	MUST(fcntl((int)fd, F_DUPFD_CLOEXEC, (int)number) == (int)number);
	return number;
}

void port_close(pike_fd fd)
{
	MUST(close((int)fd) == 0);
}

static struct rlimit port_limit;
static int port_fillers[FDS_SEEN];
static int port_filler_count;

static void port_limit_set(int spare)
{
	if (port_filler_count == 0)
		MUST(getrlimit(RLIMIT_NOFILE, &port_limit) == 0);
	MUST(setrlimit(RLIMIT_NOFILE, &port_limit) == 0);
	while (port_filler_count > 0)
		close(port_fillers[--port_filler_count]);
	if (spare < 0)
		return;
	int top = 0;
	for (int fd = 0; fd < FDS_SEEN; fd++)
		top = port_is_open(fd) ? fd : top;
	for (int fd = 0; fd <= top;) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		MUST(fd >= 0);
		port_fillers[port_filler_count++] = fd;
	}
	top = port_fillers[port_filler_count - 1];
	struct rlimit tight = port_limit;
	tight.rlim_cur = (rlim_t)(top + 1 + spare);
	MUST(setrlimit(RLIMIT_NOFILE, &tight) == 0);
}

/* Whether a connection that finds no descriptor stays where it is: a tool that
 * plays the kernel may take it first and then find that it must not. */
static bool port_limits_hold(void)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd listener = port_bound(&addr, PIKE_SOCK_STREAM, 1);
	pike_fd caller = port_connect(&addr, PIKE_SOCK_STREAM);

	MUST(listener >= 0 && caller >= 0);
	port_limit_set(0);
	pike_fd fd = port_accept(listener);
	port_limit_set(-1);
	bool hold = fd == -PIKE_EMFILE && port_is_readable(listener);
	if (fd >= 0)
		port_close(fd);
	port_close(caller);
	port_close(listener);
	return hold;
}

bool port_limit_files(int spare)
{
	if (spare >= 0 && !port_limits_hold())
		return false;
	port_limit_set(spare);
	return true;
}

/* ---------------------------------------------------------- other kinds -- */

void port_pipe(pike_fd fd[2])
{
	int pair[2];

	MUST(pipe(pair) == 0);
	for (int i = 0; i < 2; i++) {
		port_cloexec(pair[i]);
		fd[i] = pair[i];
	}
}

int port_tty(pike_fd fd[2])
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;

	if (master < 0)
		return -PIKE_ENOTSUP;
	MUST(grantpt(master) == 0 && unlockpt(master) == 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	MUST(slave >= 0);
	MUST(tcgetattr(slave, &raw) == 0);
	cfmakeraw(&raw);
	MUST(tcsetattr(slave, TCSANOW, &raw) == 0);
	fd[0] = master;
	fd[1] = slave;
	return 0;
}

void port_tty_collects(pike_fd fd)
{
	struct termios tty;

	MUST(tcgetattr((int)fd, &tty) == 0);
	tty.c_cc[VMIN] = 10;
	tty.c_cc[VTIME] = 250;
	MUST(tcsetattr((int)fd, TCSANOW, &tty) == 0);
}

pike_fd port_file(void)
{
	char path[] = "/tmp/pike-test-XXXXXX";
	int fd = mkstemp(path);

	MUST(fd >= 0);
	MUST(unlink(path) == 0);
	port_cloexec(fd);
	return fd;
}

pike_fd port_directory(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	MUST(fd >= 0);
	return fd;
}

void port_temp(char *path, size_t size)
{
	snprintf(path, size, "/tmp/pike-test-XXXXXX");
	MUST(mkdtemp(path));
}

void port_remove(const char *path)
{
	DIR *dir = opendir(path);

	MUST(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) < 0)
			unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
	MUST(rmdir(path) == 0);
}

void port_forbid(const char *path, const char *name)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", path, name);
	MUST(mkdir(full, 0) == 0);
}

int port_fifo(const char *path)
{
	MUST(mkfifo(path, 0600) == 0);
	return 0;
}

pike_fd port_open_fifo(const char *path, bool reads, bool writes)
{
	int how = reads && writes ? O_RDWR : reads ? O_RDONLY : O_WRONLY;
	int fd = open(path, how | O_NONBLOCK | O_CLOEXEC);

	MUST(fd >= 0);
	port_set_nonblocking(fd, false);
	return fd;
}

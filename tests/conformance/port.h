/* SPDX-License-Identifier: MIT */
/*
 * What the conformance tests need of a system beside pike: peers made by
 * plain system calls, and a look at descriptors. The only files of the suite
 * that know an operating system are those beginning with port_; nothing here
 * calls pike but for the conversion of addresses. What a test cannot do without
 * fails the test; calls that are said to return a code give it as pike does.
 */
#ifndef PIKE_TESTS_PORT_H
#define PIKE_TESTS_PORT_H

#include <stdbool.h>
#include <stdio.h>

#include <pike.h>

/* What printf means to mingw's compiler is not what its headers give. */
#ifdef __MINGW_PRINTF_FORMAT
#	define PORT_PRINTF __MINGW_PRINTF_FORMAT
#else
#	define PORT_PRINTF printf
#endif

/* Memory that a forked child shares with its parent; zeroed, never freed. */
void *port_shared(size_t size);

/* Puts SIGPIPE to its default, which ends the process. */
void port_sigpipe_default(void);

/* Memory of more than 4 GiB that costs nothing until it is touched; a size of
 * 0: lengths do not go so far here. Null: the process may not have it. */
size_t port_huge_size(void);
void *port_huge(size_t size);
void port_huge_free(void *memory, size_t size);

/* The system's own number for a refused connection. */
int port_econnrefused(void);

/* CPU time that the process has used, and the steps in which it is told. */
int64_t port_cpu_ns(void);
int64_t port_cpu_step_ns(void);

/* Makes permissions apply to the process, also to root; false: cannot be. */
bool port_lose_rights(void);
void port_regain_rights(void);

/* What a system may be unable to do, or to show; a case that cannot do without
 * is skipped. */
enum port_ability {
	PORT_UNIX,         /* Unix sockets, which also pass descriptors */
	PORT_POLL_WRITERS, /* the writing end of a pipe can be polled */
	PORT_PART_SENDS,   /* a send that waits ends when part of it has gone */
	PORT_TELLS_SENT, /* a send that is cancelled tells how much has gone */
	PORT_SHOTS_UNAIDED, /* an accept needs no socket of its own before */
	PORT_DUPS_APART, /* one file can be adopted twice, or by two queues */
	PORT_REUSEPORT,
	PORT_KEEPALIVE,      /* the times of PIKE_SO_KEEPALIVE */
	PORT_CUT_CONTROL,    /* control data that were cut are told of */
	PORT_UDP_REFUSALS,   /* a connected datagram socket hears of them */
	PORT_DUAL,           /* IPv6 sockets take IPv4, unless told not to */
	PORT_OPTION_LENGTHS, /* an option that is an int is read as one */
	PORT_EVENTS_ONCE     /* what has not changed is not told again */
};
bool port_can(enum port_ability ability);

/* -- descriptors -- */

int port_open_count(void);
bool port_is_open(pike_fd fd);
bool port_is_cloexec(pike_fd fd);
bool port_is_nonblocking(pike_fd fd);
void port_set_nonblocking(pike_fd fd, bool on);
bool port_sends_wait(void); /* whether only that keeps sends from waiting */
bool port_same(pike_fd a, pike_fd b); /* one file behind both */
pike_fd port_dup(pike_fd fd);
pike_fd port_dup_as(pike_fd fd, pike_fd number); /* number must be free */
void port_close(pike_fd fd);

/*
 * Lets the process open only spare more descriptors than now; spare < 0 puts
 * the limit back. The numbers in use must have no gaps, so it also fills them,
 * and empties them again. False: limits do not bite here (under some tools).
 */
bool port_limit_files(int spare);

/* -- sockets; all of them close-on-exec -- */

/*
 * Connected pairs. Where there are no Unix sockets, a pair of them is what
 * comes nearest: TCP for a stream, UDP for datagrams; else -PIKE_ENOTSUP.
 */
void port_tcp_pair(pike_fd fd[2]);
int port_unix_pair(int type, pike_fd fd[2]);

/* 127.0.0.1 or ::1, with port 0. Of IPv4 also one whose ports no other process
 * uses, where the system has more than one; so one that is free stays free. */
struct pike_addr port_loopback(int family);
struct pike_addr port_loopback_apart(void);

/* Where nobody listens, nor can while the socket that is returned is open. */
pike_fd port_nobody(struct pike_addr *addr);

/*
 * A socket bound to addr, listening if it is of a kind that can; addr becomes
 * what the system made of it. backlog < 0: the greatest. Returns the socket
 * or a code.
 */
pike_fd port_bound(struct pike_addr *addr, int type, int backlog);
pike_fd port_socket(int family, int type);
pike_fd port_connect(const struct pike_addr *addr, int type); /* or a code */
void port_connect_with(pike_fd fd, const struct pike_addr *addr);
pike_fd port_connect_start(const struct pike_addr *addr); /* no waiting */
pike_fd port_accept(pike_fd listener);                    /* waits; or a code */
int port_name(pike_fd fd, bool peer, struct pike_addr *addr);
/* Buffers of that size, which no longer grow by themselves; waiting until
 * nothing that was sent is still on its way. */
void port_buffers(pike_fd fd, int bytes);
void port_settle(pike_fd fd);
void port_finish_writing(pike_fd fd);
void port_reset(pike_fd fd); /* closes; the peer of a TCP socket is reset */
int port_send_urgent(pike_fd fd, char byte);

/* One call each; without waiting, for any kind of stream. A count or a code;
 * -PIKE_EAGAIN when they would have to wait. */
int64_t port_read(pike_fd fd, void *buf, size_t len);
int64_t port_write(pike_fd fd, const void *buf, size_t len);
int64_t port_send_to(
    pike_fd fd, const void *buf, size_t len, const struct pike_addr *addr);
int64_t port_recv_from(
    pike_fd fd, void *buf, size_t len, struct pike_addr *addr);

/* Whether fd is readable or writable (PIKE_POLL_IN, PIKE_POLL_OUT), or hung up;
 * waits for it so long. */
bool port_ready(pike_fd fd, unsigned event, int timeout_ms);
/* The same; the first two fail after 10 s. */
void port_wait_readable(pike_fd fd);
void port_wait_writable(pike_fd fd);
bool port_is_readable(pike_fd fd);
bool port_is_writable(pike_fd fd);

/* Writes without waiting until no more fits; how many bytes. */
int64_t port_fill(pike_fd fd);

/* Sends one byte and n descriptors; takes them, returning how many came. */
void port_send_fds(pike_fd fd, const pike_fd *fds, int n);
int port_recv_fds(pike_fd fd, pike_fd *fds, int room);

/* The system's numbers of an option that pike names too. */
int port_sol_socket(void);
int port_so_keepalive(void);

/* Control data by the example of the hops that a datagram had left: asks for
 * it, makes it (0: cannot be sent so), and finds it (-1: not there). */
void port_want_ttl(pike_fd fd);
size_t port_ttl_control(void *control, size_t size, int ttl);
int port_ttl_of(const void *control, size_t len);

/* -- other kinds -- */

void port_pipe(pike_fd fd[2]);      /* [0] reads, [1] writes */
int port_tty(pike_fd fd[2]);        /* [0] the master; raw; or -PIKE_ENOTSUP */
void port_tty_collects(pike_fd fd); /* reads want 10 bytes, or 25 s */
pike_fd port_file(void); /* a regular file, empty, that has no name */
pike_fd port_directory(void);

/* A fresh directory's path; its removal with all that is in it. */
void port_temp(char *path, size_t size);
void port_remove(const char *path);

/* A directory in path that the process may not use. */
void port_forbid(const char *path, const char *name);

/* A FIFO, or -PIKE_ENOTSUP; then one end of it, or both in one. */
int port_fifo(const char *path);
pike_fd port_open_fifo(const char *path, bool reads, bool writes);

#endif

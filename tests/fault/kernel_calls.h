/* SPDX-License-Identifier: MIT */
/* Between the failing system's plan and its calls. */
#ifndef PIKE_TESTS_KERNEL_CALLS_H
#define PIKE_TESTS_KERNEL_CALLS_H

#include "backend/sys.h"

enum kernel_call {
#define SYS(result, name, parameters, arguments) CALL_##name,
#include "backend/sys.def"
#undef SYS
	/* Requests to the kernel, each of which has an answer. */
	CALL_ask_accept,
	CALL_ask_connect,
	CALL_ask_recv,
	CALL_ask_send,
	CALL_ask_recvmsg,
	CALL_ask_sendmsg,
	CALL_ask_poll,
	CALL_ask_edge, /* of the library's own */
	CALLS
};

/* By whichever name connections are taken. */
#ifdef PIKE_MAKE_CALLS
#	define CALL_ACCEPT CALL_accept
#else
#	define CALL_ACCEPT CALL_accept4
#endif

/* Counts a call on a descriptor (or -1): the error that it shall end with, or
 * 0. */
int kernel_turn(enum kernel_call call, int fd);
/* The same, with errno set: whether it shall fail. */
bool kernel_fails(enum kernel_call call, int fd);

/* No poller knows any descriptor. */
void kernel_watch_none(void);
/* Whether a descriptor's readiness is to be told again; it is told now. */
bool kernel_looks_again(int fd);
/* How many bytes of so many a stream moves at a time. */
size_t kernel_cut(int fd, size_t len);
/* The run is over: nothing is made to happen. */
bool kernel_is_over(void);

/* Gives a wait that nothing ended its time: as much of it in real time as is to
 * be, in ms, and the rest as if it had passed; -1: nothing will ever come. */
int kernel_patience(int64_t timeout_ns);
void kernel_waited(int64_t timeout_ns, int patience_ms);

/* Epoll (kernel_epoll.c). */
void kernel_epoll_install(const struct pike__sys *system);
void kernel_epoll_none(void);
void kernel_epoll_closed(int fd);

/* Kqueues (kernel_kqueue.c). */
void kernel_kqueue_install(const struct pike__sys *system);
void kernel_kqueue_none(void);

/* Rings (kernel_ring.c): what the system's calls are. */
void kernel_ring_install(const struct pike__sys *system);
void kernel_ring_closed(int fd);

#endif

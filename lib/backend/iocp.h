/* SPDX-License-Identifier: MIT */
/*
 * I/O completion ports: the system does an op by itself and puts a packet into
 * the queue's port when it has ended.
 */
#ifndef PIKE_LIB_BACKEND_IOCP_H
#define PIKE_LIB_BACKEND_IOCP_H

#include "iocp_packet.h"

struct pike__shown;
struct pike__ctrl;

/* In slot->phase, beside PIKE__IN_SYSTEM. */
enum {
	PIKE__IOCP_BEGUN = 0x01, /* a signal op: it is on the list */
	PIKE__IOCP_HELD = 0x02,  /* waits for the handle's connect, or name */
	PIKE__IOCP_KEPT = 0x04,  /* its packet waits for room for its result */
	PIKE__IOCP_SHUT = 0x08,  /* is to end as if the peer had ended */
	PIKE__IOCP_FULL = 0x10,  /* something is there for a receive that waited
				  */
	PIKE__IOCP_ANEW = 0x20,  /* a poll: has to look at what has changed */
	PIKE__IOCP_OVER = 0x40   /* a read: no more bytes come, but why? */
};

/* In handle->flags, for what the other systems need some of them for. */
#define PIKE__IOCP_REUSES                                                      \
	PIKE__UNBLOCKED                 /* PIKE_SO_REUSEADDR was asked for     \
					 */
#define PIKE__IOCP_SKIPS PIKE__RUNNABLE /* no packet for what ends at once */
#define PIKE__IOCP_BOUND PIKE__ASKED    /* has a name of its own */
#define PIKE__IOCP_SYNC  PIKE__ON_LATER /* opened for calls that wait */
#define PIKE__IOCP_ENDED PIKE__HUSHED   /* the peer's end has been read */

#define PIKE__IOCP_DEAF PIKE__DRAINS /* was told to receive no more */

/* What one call moves at most: the system holds that much memory fast. */
#define PIKE__IOCP_SEND_PART ((size_t)256 << 10)
#define PIKE__IOCP_RECV_PART ((size_t)1 << 20)
#define PIKE__IOCP_PIPE_PART ((size_t)4096) /* a write waits for all of it */

/* Results of one op in a row before others have their turn. */
#define PIKE__IOCP_BUDGET 16

/* Packets that one call takes. */
#define PIKE__IOCP_BATCH 64

struct pike__iocp {
	HANDLE port;
	ULONG batch; /* how many are asked for */
	int looks;   /* in vain, after the port was lost */
	HANDLE afd;  /* what polls of sockets are asked of; null before one */
	struct pike__packets packets;
	WSABUF *bufs; /* for the call of a datagram in many pieces */
	uint32_t bufs_cap;
	struct pike__ctrl *ctrl;    /* console events; null before a SIGNAL */
	struct pike__slot *waiters; /* SIGNAL ops, the oldest first */
	struct pike__slot *later;   /* refused transfers, through held */
	int64_t later_at;           /* when they are tried again */
	int64_t later_ns;           /* how long they rest; 0: as at first */
	struct pike__shown *shown;  /* null before pike_pollable */
	PTP_TIMER clock;            /* null before a wall clock's timer */
	int64_t clock_next;         /* what it is set to */
	volatile LONG clock_rang;   /* has come to that */
	bool inline_off;            /* all goes by way of the port */
	uint8_t skips[4];           /* by family: unknown, no, yes */
};

static inline struct pike__iocp *pike__iocp_of(struct pike_queue *q)
{
	return q->backend_state;
}

static inline const struct pike__winsock *pike__winsock_of(
    const struct pike__handle *h)
{
	struct pike__win_calls *c = &pike__win_calls;

	return &c->by[c->served[h->family == PIKE_AF_INET6]];
}

/* Never early: the next greater number of milliseconds. */
static inline DWORD pike__iocp_ms(int64_t timeout_ns)
{
	int64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);

	if (timeout_ns < 0)
		return INFINITE;
	return ms < INFINITE ? (DWORD)ms : INFINITE - 1;
}

/* What an OVERLAPPED has for a status until there is one. */
#define PIKE__STATUS_PENDING 0x103u

/* What a packet without an OVERLAPPED says: look at what was posted. */
#define PIKE__IOCP_WAKE 1

/* Where an op has gone. */
enum pike__given {
	PIKE__GIVEN,    /* to the system */
	PIKE__STOPPED,  /* paused */
	PIKE__ENDED,    /* at once, with the result */
	PIKE__ANSWERED, /* its call has ended: the packet says how */
	PIKE__RETRY     /* once more from the beginning */
};

static inline enum pike__given pike__iocp_no_memory(struct pike__result *r)
{
	*r = (struct pike__result){.res = -PIKE_ENOMEM, .err = PIKE_ENOMEM};
	return PIKE__ENDED;
}

/* Ends an op that was aborted by a cancel, or begins it anew. */
enum pike__took pike__iocp_aborted(
    struct pike__slot *slot, struct pike__result *r);

/* What has come of a call that may go on by itself: whether it succeeded at
 * once, with how many bytes, or else its error. */
enum pike__given pike__iocp_given(
    struct pike__packet *p, bool ok, DWORD bytes, DWORD error);

/* What the end of each kind of call comes to; by enum pike__taken_by. */
pike__take pike__iocp_transferred, pike__iocp_took_first,
    pike__iocp_took_second, pike__iocp_took_accept, pike__iocp_took_connect,
    pike__iocp_took_join, pike__iocp_took_poll, pike__iocp_took_pipe,
    pike__iocp_took_urgent, pike__iocp_took_over;

/* Transfers (iocp_transfer.c). */
enum pike__given pike__iocp_transfer(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
/* A transfer's end (iocp_end.c): by a code. */
void pike__iocp_failed(struct pike__handle *h, const struct pike_op *op,
    size_t moved, DWORD error, struct pike__result *r);
/* A write that the system had, and that was ended before its time. */
enum pike__took pike__iocp_write_aborted(
    struct pike__slot *slot, struct pike__packet *p, struct pike__result *r);
/* The end of the bytes: that of the stream, or what is known to have cut it. */
enum pike__took pike__iocp_end_met(
    struct pike__slot *slot, struct pike__result *r);
/* Zero bytes where some were asked for: the op has ended, or asks why. */
enum pike__took pike__iocp_over(
    struct pike__slot *slot, struct pike__result *r);
enum pike__given pike__iocp_over_ask(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
/* Whether an error of a datagram socket is about another datagram. */
bool pike__iocp_of_another(const struct pike__handle *h, DWORD error);

/* Receives from groups (iocp_group.c). */
enum pike__given pike__iocp_grouped(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);

/* Connections (iocp_accept.c). */
enum pike__given pike__iocp_accept(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
enum pike__given pike__iocp_connect(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);

/* Polls (iocp_poll.c). Of pipes only some can be. */
bool pike__iocp_pollable_pipe(
    const struct pike__handle *h, const struct pike_op *op);
enum pike__given pike__iocp_poll(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
/* Asks the sockets' driver whether any of its events holds, until timeout (in
 * its own units). */
enum pike__given pike__iocp_ask(struct pike_queue *q, struct pike__slot *slot,
    ULONG events, int64_t timeout, enum pike__taken_by by,
    struct pike__result *r);
/* What it has told, where it has told something. */
ULONG pike__iocp_told(const struct pike__packet *p);
/* Whether an op has still to ask for urgent data; whether there are any. */
bool pike__iocp_urgent(const struct pike__slot *slot);
enum pike__given pike__iocp_ask_urgent(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
/* A read or write of the handle has ended, and moved something or not: what
 * polls wait for may have changed. */
void pike__iocp_poll_anew(
    struct pike_queue *q, struct pike__handle *h, unsigned lane, bool moved);

/* Direct calls (win_socket.c). */
void pike__win_open_socket(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r);
void pike__win_listen_to(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r);
struct pike__handle *pike__win_connect_to(
    struct pike_queue *q, const struct pike_op *op, struct pike__result *r);
void pike__win_at_once(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, struct pike__result *r);
/* A new socket that is in no way known to the queue: the system's error. */
DWORD pike__win_new(int family, int type, int protocol, SOCKET *s);
/* Gives a socket without a name one, if it has none. The system's error. */
DWORD pike__win_bind_any(struct pike__handle *h);
/* The same before a receive, which waits where nobody can have written to it:
 * a name may still be chosen, which it would be too late for. */
bool pike__win_named(struct pike__handle *h);
void pike__win_connected(struct pike__handle *h);
/* Whether it has a connection, or is one that gives them, also when it has
 * become so by another's calls. */
bool pike__win_has_peer(struct pike__handle *h);
bool pike__win_listens(struct pike__handle *h);

/* Handles to and from the queue (iocp_adopt.c). */
struct pike__newcomer {
	int64_t fd;
	unsigned kind;   /* enum pike__kind */
	unsigned family; /* PIKE_AF_*, of a socket */
};
/* Gives a file, whose flags will be *flags, to the queue's port, and says there
 * what has become of it. The system's error, or 0. */
DWORD pike__iocp_attach(
    struct pike_queue *q, const struct pike__newcomer *new, unsigned *flags);
void pike__iocp_left_forget(HANDLE port);
pike_handle pike__iocp_adopt(struct pike_queue *q, pike_fd fd);
int pike__iocp_drop(
    struct pike_queue *q, struct pike__handle *h, bool close_it);

/* SIGNAL ops (win_signal.c). */
bool pike__iocp_signal_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
/* True when the op has still to be finished, with the result. */
bool pike__iocp_signal_cancel(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
void pike__iocp_signal_deliver(struct pike_queue *q);
void pike__iocp_signals_close(struct pike__iocp *u);

/* Ops (iocp_op.c). */
bool pike__iocp_attempt(struct pike_queue *q, struct pike__handle *h,
    const struct pike_op *op, size_t *moved, struct pike__result *r);
bool pike__iocp_start(
    struct pike_queue *q, struct pike__slot *slot, struct pike__result *r);
void pike__iocp_cancel(struct pike_queue *q, struct pike__slot *slot);
enum pike_route pike__iocp_route(const struct pike_queue *q, int opcode);
/* A packet has come. */
void pike__iocp_packet(struct pike_queue *q, const OVERLAPPED_ENTRY *entry);

/* Makes an op that waits go on. */
void pike__iocp_go_on(struct pike_queue *q, struct pike__slot *slot);

/* Transfers that the system refused (iocp_later.c): such a one rests; it will
 * not be tried again; how long to wait at most; their time has come, or not. */
void pike__iocp_later(struct pike__iocp *u, struct pike__slot *slot);
void pike__iocp_later_forget(struct pike__iocp *u, struct pike__slot *slot);
int64_t pike__iocp_later_limit(const struct pike__iocp *u, int64_t timeout_ns);
void pike__iocp_later_try(struct pike_queue *q);

/* The port (iocp.c). */
/* Puts a packet into it that is of no call. */
void pike__iocp_post(HANDLE port, ULONG_PTR key);
void pike__iocp_wake(struct pike_queue *q);

/* Asks for fewer packets, or rests, when they were refused for a while; false
 * when it is not that. */
bool pike__iocp_fewer(ULONG *batch, DWORD error);

/* The wall clock, while timers run by it (iocp_clock.c). */
void pike__iocp_clock_watch(struct pike_queue *q);
void pike__iocp_clock_close(struct pike__iocp *u);

/* A handle for other loops to wait for (iocp_shown.c). */
pike_fd pike__iocp_pollable(struct pike_queue *q);
void pike__iocp_show(struct pike_queue *q, bool now, int64_t next);
/* Why there is nothing more to wait for; 0. */
DWORD pike__iocp_shown_wait(struct pike_queue *q, int64_t timeout_ns);
void pike__iocp_shown_close(struct pike__iocp *u);

#endif

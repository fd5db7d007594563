/* SPDX-License-Identifier: MIT */
/*
 * pike: completion-based I/O. An application submits plain request structs
 * (struct pike_op) and reaps plain result structs (struct pike_completion)
 * from one queue. The same loop runs on every backend.
 *
 * Ownership, in one sentence: whatever an op points to belongs to pike from
 * pike_submit until the op's final completion has been reaped, also after a
 * cancel; the op struct itself is copied and is the caller's again at once.
 * Copied too, and so free again at once: addresses that an op sends to,
 * connects to or binds, and arrays of up to PIKE_IOV_COPIED pike_iovec.
 *
 * Threads: a queue belongs to the thread that uses it. Only pike_post and
 * pike_wake may be called from other threads, and from signal handlers.
 *
 * Errors: every function that can fail returns a negative PIKE_E code. A call
 * on a null or closed queue returns -PIKE_EBADF, one on a queue inherited
 * through fork -PIKE_EPERM; both touch nothing. (A closed queue is recognised
 * until 64 later ones have been closed.)
 */
#ifndef PIKE_H
#define PIKE_H

#include <stddef.h>
#include <stdint.h>

#include <pike/error.h>
#include <pike/version.h>

#ifndef PIKE_API
#	if defined(_WIN32) && !defined(PIKE_STATIC)
#		if defined(PIKE_BUILD)
#			define PIKE_API __declspec(dllexport)
#		else
#			define PIKE_API __declspec(dllimport)
#		endif
#	elif defined(__GNUC__) && defined(PIKE_BUILD)
#		define PIKE_API __attribute__((visibility("default")))
#	else
#		define PIKE_API
#	endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* One completion queue, its handles and its backend. Opaque. */
struct pike_queue;

/*
 * Something that I/O is done on: a socket, a pipe end, a terminal. Always
 * positive; holds a slot and a generation, so that a stale handle is answered
 * with -PIKE_EBADF and never names another connection.
 */
typedef int64_t pike_handle;

/* An op in flight. Always positive; never the same twice in practice. */
typedef int64_t pike_id;

/* What the system calls it: a descriptor, a SOCKET, a HANDLE. -1: none. */
typedef int64_t pike_fd;

/* ------------------------------------------------------------ addresses -- */

enum pike_family {
	PIKE_AF_UNSPEC = 0,
	PIKE_AF_UNIX = 1,
	PIKE_AF_INET = 2,
	PIKE_AF_INET6 = 10,
	PIKE_AF_SYSTEM = 255 /* u.system holds the system's own sockaddr */
};

/* An address, the same on every system. Zero what you do not use. */
struct pike_addr {
	uint16_t family;   /* PIKE_AF_* */
	uint16_t port;     /* INET, INET6: in host byte order */
	uint16_t len;      /* UNIX: bytes of the path, no final NUL counted;
			      a first byte of 0 is Linux's abstract space.
			      SYSTEM: bytes of the sockaddr */
	uint16_t reserved; /* 0 */
	uint32_t flowinfo; /* INET6 */
	uint32_t scope_id; /* INET6 */
	union {
		uint8_t ip4[4];  /* network order: 127.0.0.1 is {127,0,0,1} */
		uint8_t ip6[16]; /* network order */
		char path[112];
		uint8_t system[112];
	} u;
};

/*
 * Reads a numeric address: "127.0.0.1:80", "[::1]:80", "[fe80::1%2]:80",
 * "unix:/run/x.sock", "unix:@name" (abstract). Names are not looked up.
 * Any thread. Returns 0, or -PIKE_EINVAL (not an address, or a null pointer),
 * -PIKE_ENAMETOOLONG (a path over 107 bytes); *addr is then unchanged.
 */
PIKE_API int pike_addr_parse(struct pike_addr *addr, const char *text);

/*
 * Writes the text that pike_addr_parse reads, with its final NUL;
 * PIKE_AF_SYSTEM and unknown families become "?". PIKE_ADDR_TEXT bytes are
 * always enough. Any thread. Returns the length without the NUL, or
 * -PIKE_EINVAL (a null pointer), -PIKE_ENOSPC (size too small; text is then an
 * empty string).
 */
PIKE_API int pike_addr_format(
    const struct pike_addr *addr, char *text, size_t size);
#define PIKE_ADDR_TEXT 128

/*
 * Converts from and to the system's sockaddr, for code that has one already.
 * Any thread. pike_addr_from returns 0, pike_addr_to the length written.
 * -PIKE_EINVAL: a null pointer, len shorter than the family needs, or a field
 * that cannot be; -PIKE_ENAMETOOLONG: over 112 bytes; -PIKE_ENOSPC: size too
 * small; -PIKE_EAFNOSUPPORT: the system has no such family.
 */
PIKE_API int pike_addr_from(
    struct pike_addr *addr, const void *sockaddr, size_t len);
PIKE_API int pike_addr_to(
    const struct pike_addr *addr, void *sockaddr, size_t size);

/* ------------------------------------------------------------------ ops -- */

/*
 * What can be asked for. Beside each: the fields it reads beyond opcode,
 * flags, user_data and timeout_ns, and what res is on success. Fields that an
 * opcode does not name are ignored, but for op_flags and reserved, which must
 * be zero, and u.timer.period_ns of a single timer. The errors below
 * each come as a completion unless pike_submit says otherwise; system errors
 * beyond those named (-PIKE_ENOMEM, -PIKE_ENOBUFS, ...) may always appear.
 */
enum pike_opcode {
	/* Nothing. res: 0. */
	PIKE_NOP = 1,

	/* A new socket: u.socket.domain (PIKE_AF_*), type (PIKE_SOCK_*),
	 * protocol (0: the usual one). Close-on-exec, never blocking.
	 * res: its handle. -PIKE_EAFNOSUPPORT, -PIKE_EPROTONOSUPPORT,
	 * -PIKE_EMFILE, -PIKE_ENFILE, -PIKE_EACCES. */
	PIKE_SOCKET,

	/* Gives a socket its local name: handle, addr (copied). res: 0.
	 * -PIKE_EADDRINUSE, -PIKE_EADDRNOTAVAIL, -PIKE_EACCES, -PIKE_EINVAL
	 * (bound already), -PIKE_ENOTSOCK. */
	PIKE_BIND,

	/* Makes a socket listen: handle, u.socket.backlog (<= 0: the system's
	 * greatest). res: 0. -PIKE_EADDRINUSE, -PIKE_EOPNOTSUPP,
	 * -PIKE_ENOTSOCK. */
	PIKE_LISTEN,

	/* Connects a socket: handle, addr (copied). res: 0 when established.
	 * A failed or cancelled connect leaves a handle that only takes a
	 * close: another connect gives -PIKE_EINVAL, a send -PIKE_EPIPE.
	 * On a datagram socket it sets the peer, any number of times.
	 * -PIKE_ECONNREFUSED, -PIKE_ETIMEDOUT, -PIKE_EHOSTUNREACH,
	 * -PIKE_ENETUNREACH, -PIKE_EISCONN, -PIKE_EALREADY, -PIKE_ENOENT
	 * (no such Unix socket), -PIKE_ENOTSOCK. */
	PIKE_CONNECT,

	/* Takes a connection from a listening socket: handle; addr, when not
	 * null, receives the peer's. res: the connection's handle. With
	 * PIKE_MULTISHOT one op takes connections until it is cancelled or
	 * fails. -PIKE_EMFILE, -PIKE_ENFILE, -PIKE_ENOMEM (the connection
	 * stays queued for a later accept), -PIKE_EINVAL (not listening),
	 * -PIKE_ENOTSOCK. Errors of a single connection are not reported:
	 * the next connection is taken. */
	PIKE_ACCEPT,

	/* Ends one or both directions: handle, op_flags (PIKE_SHUT_*). Writing
	 * is ended after the sends submitted earlier. res: 0, also when the
	 * peer has gone already. -PIKE_ENOTCONN (never connected),
	 * -PIKE_EOPNOTSUPP (datagrams), -PIKE_EINVAL (a listening socket),
	 * -PIKE_ENOTSOCK. */
	PIKE_SHUTDOWN,

	/* Ends everything on a handle: what is pending completes first with
	 * -PIKE_ECANCELED (or its true result), this completion is the
	 * handle's last, and only then is the descriptor number free. Closing
	 * a stream that has unread data resets the connection, as the system
	 * does; to end gracefully shut down writing and read to the end first.
	 * It does not wait for unsent data, whatever PIKE_SO_LINGER says: the
	 * system sees to that (with a time of 0 it resets).
	 * res: 0. Takes no deadline and cannot be cancelled. */
	PIKE_CLOSE,

	/* Sets an option: handle, u.option.level and name, buf, len (the value
	 * is read during pike_submit). Level PIKE_SOL: name is PIKE_SO_*, the
	 * value an int32_t; other levels and names are the system's. res: 0.
	 * -PIKE_ENOPROTOOPT, -PIKE_EINVAL, -PIKE_ENOTSOCK. */
	PIKE_SETSOCKOPT,

	/* Reads an option into buf, len. res: the bytes written to buf. */
	PIKE_GETSOCKOPT,

	/* Writes the socket's own (peer's) address to addr. res: 0.
	 * -PIKE_ENOTCONN (no peer), -PIKE_ENOTSOCK. */
	PIKE_GETSOCKNAME,
	PIKE_GETPEERNAME,

	/* From an address (addr, copied) to a ready handle, in one op.
	 * u.socket.type: PIKE_SOCK_* (0: a stream). LISTEN_TO makes a socket,
	 * sets PIKE_SO_REUSEADDR, binds and listens (u.socket.backlog); with
	 * PIKE_SOCK_DGRAM it binds only. CONNECT_TO makes a socket and
	 * connects it. res: the handle. Errors: those of the steps; nothing
	 * is left open by a failure. */
	PIKE_LISTEN_TO,
	PIKE_CONNECT_TO,

	/* Streams of bytes (sockets, pipes, terminals): handle, buf, len, or
	 * for the V forms buf = array of pike_iovec, len = how many. offset
	 * must be 0 or -1. res: bytes; from a read, 0 is the orderly end
	 * (with PIKE_EOF) or len was 0. With PIKE_ALL they finish whole, or
	 * as far as the end, an error, a cancel or a deadline lets them.
	 * Reads: -PIKE_ECONNRESET, -PIKE_ENOTCONN, -PIKE_EISDIR. Writes:
	 * -PIKE_EPIPE, -PIKE_ECONNRESET, -PIKE_ENOTCONN. Both: -PIKE_EBADF
	 * (not open in that direction), -PIKE_ENOTSUP (a regular file or
	 * directory: no backend does those yet), -PIKE_EINVAL (a bad offset,
	 * a null iovec base with a length). */
	PIKE_READ,
	PIKE_WRITE,
	PIKE_READV,
	PIKE_WRITEV,

	/* The same on sockets, with op_flags (PIKE_MSG_*): handle, buf, len.
	 * A datagram is received or sent whole; one that did not fit has
	 * PIKE_TRUNCATED. Also -PIKE_ENOTSOCK, -PIKE_EMSGSIZE,
	 * -PIKE_EDESTADDRREQ, -PIKE_ECONNREFUSED (connected datagrams).
	 * With PIKE_GROUP, RECV takes a buffer of the group u.group.id when
	 * there is something to receive: buf must be null; len 0: as much as
	 * a buffer holds, else no more than len. With PIKE_MULTISHOT as well,
	 * op_flags 0, one op receives until the end of the stream (res 0 and
	 * PIKE_EOF), an error or a cancel; an empty datagram is res 0 with
	 * PIKE_MORE. While all buffers are out the op waits for one, and
	 * loses nothing.
	 * -PIKE_EINVAL, from pike_submit: PIKE_ALL with PIKE_MSG_PEEK or
	 * PIKE_MSG_OOB on RECV, or with PIKE_GROUP; PIKE_MULTISHOT without
	 * PIKE_GROUP; no such group. */
	PIKE_RECV,
	PIKE_SEND,

	/* With the sender's address in addr (may be null), or to addr
	 * (copied; null: the connected peer). RECVFROM with PIKE_GROUP: addr
	 * must be null; the buffer begins with the sender's struct pike_addr,
	 * the data follow at PIKE_GROUP_DATA, and res counts only them.
	 * -PIKE_EINVAL, from pike_submit: also when the group's buffers have
	 * no room for data. */
	PIKE_RECVFROM,
	PIKE_SENDTO,

	/* With buffers, address, descriptors and control data of a struct
	 * pike_msg: buf points to it, len is 1. Only RECVMSG says
	 * PIKE_CONTROL_TRUNCATED. SENDMSG: -PIKE_EBADF (a descriptor that
	 * cannot be), -PIKE_EINVAL (over 253 of them, over 4096 bytes of
	 * control, or either with no byte on a stream). */
	PIKE_RECVMSG,
	PIKE_SENDMSG,

	/* Waits for readiness: handle, op_flags (PIKE_POLL_*). A hint, as
	 * everywhere. res: the PIKE_POLL_* that hold; ERR and HUP are always
	 * waited for (op_flags 0: only those). With PIKE_MULTISHOT: at each
	 * change. On Windows sockets only, and reading ends of pipes for IN
	 * alone and once (else -PIKE_ENOTSUP); what is told there for many is
	 * told again when a read or a write of pike's on the handle has ended
	 * since. */
	PIKE_POLL,

	/* Waits for a time: u.timer.due_ns from now, or, with
	 * PIKE_TIMER_ABSOLUTE in op_flags, until the clock shows due_ns. Never
	 * early. With PIKE_MULTISHOT again each u.timer.period_ns (> 0). res:
	 * how many times it was due since the last completion; 1 for a single
	 * timer. Times beyond the clock's range wait as long as it can show.
	 * Takes no timeout_ns. */
	PIKE_TIMER,

	/* Waits for a signal of the set u.signal.set (PIKE_SIGNAL_BIT). res:
	 * its number (PIKE_SIG* for the portable ones, else the system's).
	 * buf, when not null, points to a struct pike_signal_info (len =
	 * its size) that says who sent it. Every queue and op that waits for
	 * a signal gets it; several of one kind at once may come as one. From
	 * the first op that names a signal on, the queue holds back its usual
	 * effect, and remembers one that comes between two ops, until the last
	 * op that waits for it is cancelled or times out, or until
	 * pike_queue_close: then the process's disposition is as it was.
	 * -PIKE_EINVAL, from pike_submit: an empty set, or a signal that
	 * cannot be waited for (KILL, STOP, SEGV, BUS, FPE, ILL, TRAP, SYS).
	 * On Windows console events are signals: SIGINT, SIGHUP (the console
	 * is closed), SIGTERM (the system shuts down) and 21 (Ctrl+Break, the
	 * system's SIGBREAK); after HUP and TERM the system ends the process
	 * in a few seconds. No other signal ever comes there. */
	PIKE_SIGNAL,

	/* Cancels as pike_cancel does, of u.cancel.id, or, when that is 0, as
	 * pike_cancel_handle of handle. Completes after its targets. res: 0
	 * (for a handle: how many ops), -PIKE_ENOENT, -PIKE_EALREADY,
	 * -PIKE_EBADF (no such handle), -PIKE_EINVAL (an op that cannot be
	 * cancelled: close, cancel). Takes no timeout_ns. */
	PIKE_CANCEL,

	PIKE_OPCODES /* one more than the last */
};

/* flags of an op */
#define PIKE_MULTISHOT 0x0001u /* completions with PIKE_MORE until the last */
#define PIKE_ALL                                                               \
	0x0002u            /* a stream transfer finishes whole: READ,          \
			      WRITE, READV, WRITEV, RECV, SEND, SENDMSG;       \
			      nothing on datagrams */
#define PIKE_GROUP 0x0004u /* RECV, RECVFROM: into a buffer of a group */
#define PIKE_ZERO_COPY                                                         \
	0x0008u /* SEND, SENDTO, SENDMSG, a hint: copy nothing.                \
		   Still one completion, when the memory is free               \
		   again */

/* u.socket.type */
#define PIKE_SOCK_STREAM    1
#define PIKE_SOCK_DGRAM     2
#define PIKE_SOCK_SEQPACKET 5

/* op_flags of SHUTDOWN */
#define PIKE_SHUT_READ  0x01u
#define PIKE_SHUT_WRITE 0x02u

/* op_flags of RECV, SEND and their kin */
#define PIKE_MSG_OOB       0x0001u /* urgent data */
#define PIKE_MSG_PEEK      0x0002u /* leave it in the socket */
#define PIKE_MSG_DONTROUTE 0x0004u /* local networks only */
#define PIKE_MSG_MORE      0x8000u /* more follows soon: a hint */

/* op_flags and results of POLL */
#define PIKE_POLL_IN    0x0001u
#define PIKE_POLL_PRI   0x0002u
#define PIKE_POLL_OUT   0x0004u
#define PIKE_POLL_ERR   0x0008u /* result only */
#define PIKE_POLL_HUP   0x0010u /* result only */
#define PIKE_POLL_RDHUP 0x2000u /* the peer will send no more */

/* op_flags of TIMER */
#define PIKE_TIMER_ABSOLUTE 0x01u /* due_ns is a time, not a span */
#define PIKE_TIMER_REALTIME 0x02u /* the wall clock; follows its steps */

/* u.option.level and names: the same on every system, int32_t values */
#define PIKE_SOL (-1)
enum pike_option {
	PIKE_SO_REUSEADDR = 1, /* 0, 1 */
	PIKE_SO_REUSEPORT,     /* 0, 1 */
	PIKE_SO_KEEPALIVE,     /* 0, 1 */
	PIKE_SO_KEEPIDLE,      /* seconds */
	PIKE_SO_KEEPINTVL,     /* seconds */
	PIKE_SO_KEEPCNT,       /* probes */
	PIKE_SO_NODELAY,       /* 0, 1 */
	PIKE_SO_BROADCAST,     /* 0, 1 */
	PIKE_SO_RCVBUF,        /* bytes asked for; reads back the system's */
	PIKE_SO_SNDBUF,        /* bytes asked for; reads back the system's */
	PIKE_SO_LINGER,        /* seconds; -1: off */
	PIKE_SO_V6ONLY,        /* 0, 1 */
	PIKE_SO_TTL,           /* hops of what is sent; IPv4 and IPv6 */
	PIKE_SO_TYPE           /* PIKE_SOCK_*; read only */
};

/* Portable signal numbers (Linux's). */
#define PIKE_SIGHUP         1
#define PIKE_SIGINT         2
#define PIKE_SIGQUIT        3
#define PIKE_SIGUSR1        10
#define PIKE_SIGUSR2        12
#define PIKE_SIGPIPE        13
#define PIKE_SIGALRM        14
#define PIKE_SIGTERM        15
#define PIKE_SIGCHLD        17
#define PIKE_SIGCONT        18
#define PIKE_SIGTSTP        20
#define PIKE_SIGWINCH       28
#define PIKE_SIGNAL_BIT(no) (UINT64_C(1) << ((no)-1))

/* A piece of memory; the layout of POSIX's struct iovec. */
struct pike_iovec {
	void *base;
	size_t len;
};
#define PIKE_IOV_COPIED 8

/*
 * What RECVMSG and SENDMSG move. The struct and all that it points to belong
 * to pike until the op's final completion is reaped.
 */
struct pike_msg {
	struct pike_addr *addr; /* receives the sender's, or sent to; or null */
	struct pike_iovec *iov;
	size_t iov_count;
	pike_fd *fds;       /* descriptors: to send, or room for received */
	uint32_t fd_count;  /* how many; after RECVMSG how many came. Those
			       received are close-on-exec and the caller's to
			       close; those that found no room were closed, and
			       PIKE_CONTROL_TRUNCATED says so. */
	uint32_t flags;     /* 0 */
	void *control;      /* other control data, in the system's format */
	size_t control_len; /* bytes; after RECVMSG those written */
};

/* Who sent a signal. */
struct pike_signal_info {
	int32_t number; /* as res */
	int32_t code;   /* the system's si_code */
	int64_t pid;    /* 0: not sent by a process, or not known */
	int64_t uid;
};

/*
 * A request; 128 bytes where pointers have 64 bits. Zero it, then set what
 * the opcode names.
 */
struct pike_op {
	uint16_t opcode;   /* enum pike_opcode */
	uint16_t flags;    /* PIKE_MULTISHOT, PIKE_ALL, ... */
	uint32_t op_flags; /* by opcode: PIKE_MSG_*, PIKE_POLL_*, ... */
	pike_handle handle;
	void *buf;
	size_t len;         /* lengths over 0x7ffff000 are served in part */
	void *user_data;    /* comes back untouched */
	int64_t timeout_ns; /* deadline, counted from pike_submit; 0: none.
			       Passed, it ends the op like a cancel, with
			       -PIKE_ETIME */
	int64_t offset;     /* streams: 0 or -1 */
	struct pike_addr *addr;
	union {
		struct {
			int32_t domain;
			int32_t type;
			int32_t protocol;
			int32_t backlog;
		} socket;
		struct {
			int32_t level;
			int32_t name;
		} option;
		struct {
			int64_t due_ns;
			int64_t period_ns;
		} timer;
		struct {
			uint64_t set;
		} signal;
		struct {
			pike_id id;
		} cancel;
		struct {
			uint32_t id; /* from pike_group_open */
		} group;
		uint64_t words[6];
	} u;
	uint64_t reserved[2]; /* 0 */
};

/* ---------------------------------------------------------- completions -- */

/* A result; 40 bytes where pointers have 64 bits. */
struct pike_completion {
	void *user_data;  /* the op's */
	pike_id id;       /* the op's; 0 for a posted event */
	int64_t res;      /* >= 0: bytes, a handle or a value; < 0: -PIKE_E */
	int32_t err;      /* 0, or the PIKE_E code that ended the op. After
			     bytes were moved they are in res and the reason
			     for stopping is here */
	int32_t os_error; /* the system's own code for err, where it has one */
	uint32_t flags;   /* below */
	uint32_t buffer;  /* with PIKE_BUFFER: which one; else 0 */
};

/* flags of a completion */
#define PIKE_MORE      0x01u /* not the op's last */
#define PIKE_TRUNCATED 0x02u /* a datagram was longer than the buffer */
#define PIKE_CONTROL_TRUNCATED                                                 \
	0x04u /* control data or descriptors were lost                         \
	       */
#define PIKE_EOF                                                               \
	0x08u             /* the orderly end was met; res is 0, or             \
				with PIKE_ALL what came before */
#define PIKE_POSTED 0x10u /* from pike_post */
#define PIKE_BUFFER                                                            \
	0x20u /* buffer of the op's group holds the result, and is             \
		 the caller's until pike_group_return. None comes with         \
		 an error, with the end, or with a RECV of an empty            \
		 datagram; with a RECVFROM of one only where the               \
		 system takes a buffer for it */

/* --------------------------------------------------------------- queues -- */

/* What a queue is made with. Zero is the default everywhere. */
struct pike_params {
	const char *backend;   /* a name from pike_backend_at; null: the
				  environment variable PIKE_BACKEND, else the
				  first that opens */
	uint32_t flags;        /* 0 */
	uint32_t features_off; /* PIKE_FEATURE_* to do without */
	uint32_t ops_max;      /* accepted and not yet reaped; 0: no limit. With
				  a limit all memory for ops is taken at once */
	uint32_t posts_max;    /* posted and not yet reaped; 0: 1024; rounded up
				  to a power of two, 65536 at most */
	uint32_t shots_max;    /* multishot results not yet reaped; 0: 256 */
	uint32_t reserved32;   /* 0 */
	uint64_t reserved[4];  /* 0 */
};

/* Optional features of systems that a queue can be told to do without, so
 * that each fall-back can be tried. */
#define PIKE_FEATURE_WAIT_NS                                                   \
	0x01u /* waits in ns (epoll_pwait2), else in ms                        \
	       */
#define PIKE_FEATURE_NOWAIT        0x02u /* reads and writes that cannot block */
#define PIKE_FEATURE_NOSIGNAL      0x04u /* pipe writes that raise no SIGPIPE */
#define PIKE_FEATURE_NATIVE        0x08u /* ops that the system does by itself: */
#define PIKE_FEATURE_MULTISHOT     0x10u /* those with PIKE_MULTISHOT */
#define PIKE_FEATURE_BUFFER_RING   0x20u /* buffer groups that it takes from */
#define PIKE_FEATURE_ZERO_COPY     0x40u /* sends that copy nothing */
#define PIKE_FEATURE_SINGLE_ISSUER 0x80u /* what is for one thread only */
#define PIKE_FEATURES_ALL          0xffu

/*
 * Opens a queue. params may be null. On success *q is the caller's until
 * pike_queue_close, and the queue belongs to the calling thread. Any thread.
 * Returns 0, or a code with *q set to null: -PIKE_EINVAL (a null pointer, an
 * unknown backend, flag or feature, a reserved field not zero), -PIKE_ENOTSUP
 * (the backend asked for is not available; pike_backend_report says why),
 * -PIKE_ENOMEM, -PIKE_EMFILE, -PIKE_ENFILE.
 */
PIKE_API int pike_queue_open(
    struct pike_queue **q, const struct pike_params *params);

/*
 * Cancels everything, waits until the system has let go of every buffer, and
 * frees the queue; completions not reaped are dropped. Afterwards all memory
 * is the caller's. Handles that pike opened are closed, adopted ones stay
 * open. No other thread may be inside a call on the queue other than pike_post
 * or pike_wake, which are waited for. In a forked child: frees the child's
 * memory and touches no descriptor. A null or closed queue is ignored.
 */
PIKE_API void pike_queue_close(struct pike_queue *q);

/*
 * Submits one op; it is copied. The owning thread. Returns its id (> 0), or a
 * code with nothing accepted and nothing to come: -PIKE_EINVAL (a null
 * pointer, an unknown opcode or flag, a combination that cannot be, a null
 * buffer with a length, a negative time, a reserved field not zero),
 * -PIKE_EBADF (a stale or closing handle, or a dead queue), -PIKE_ENAMETOOLONG
 * (a Unix path), -PIKE_EAGAIN (params.ops_max ops are on their way),
 * -PIKE_ENOMEM (no memory to grow), -PIKE_EPERM (a forked child).
 * Errors of the I/O itself always arrive as completions.
 */
PIKE_API pike_id pike_submit(struct pike_queue *q, const struct pike_op *op);

/*
 * Submits n ops in order, stopping at the first that is not accepted. ids may
 * be null; otherwise it receives n ids, or up to the failure and that code.
 * The owning thread. Returns how many were accepted, or, when the first was
 * not, its code (-PIKE_EINVAL also for ops null with n > 0).
 */
PIKE_API int pike_submit_many(
    struct pike_queue *q, const struct pike_op *ops, unsigned n, pike_id *ids);

/*
 * Takes up to max completions into out, waiting up to timeout_ns for the
 * first (0: not at all, -1: without end). Anything submitted is on its way
 * before it waits. The owning thread. Returns how many; 0: the time is up or
 * pike_wake was called; -PIKE_EINVAL (a null pointer, max 0, timeout_ns < -1);
 * or why the system serves the queue no more, which then can only be closed
 * (-PIKE_EPERM: a filter of system calls came after it was opened).
 * Never interrupted: signals do not end the wait. A multishot op that writes
 * to memory of its own (addr, buf) writes again at the earliest in the call
 * of pike_reap after the one that returned its last result.
 */
PIKE_API int pike_reap(struct pike_queue *q, struct pike_completion *out,
    unsigned max, int64_t timeout_ns);

/*
 * Asks that an op end. A request, not an answer: the op itself then completes
 * once, with its true result if that came first, else with -PIKE_ECANCELED.
 * The owning thread. Returns 0 (asked), -PIKE_ENOENT (stale, or finished
 * already), -PIKE_EALREADY (asked before), -PIKE_EINVAL (a close or a cancel).
 * Cannot fail for lack of room. After a cancelled send that moved some of its
 * bytes the sending direction only gives -PIKE_EPIPE; on Windows, where that is
 * not told, after any that was begun.
 */
PIKE_API int pike_cancel(struct pike_queue *q, pike_id id);

/*
 * The same for all ops pending on a handle (not a close). The owning thread.
 * Returns how many were asked, or -PIKE_EBADF.
 */
PIKE_API int pike_cancel_handle(struct pike_queue *q, pike_handle h);

/* -------------------------------------------------------------- handles -- */

/*
 * Takes a descriptor of the caller's (socket, pipe end, terminal, ...) into
 * the queue; adopt each only once at a time, and leave it alone meanwhile.
 * It stays open at pike_queue_close. Its O_NONBLOCK is left as it is, except
 * on a socket that listens or connects (macOS, NetBSD: on all sockets), on the
 * master of a pair of terminals and on what is no socket, pipe, terminal or
 * file: there it is set until pike_release or pike_queue_close puts it back. A
 * terminal that blocks is opened once more for pike's own use. flags: 0. The
 * owning thread. Returns the handle, or -PIKE_EINVAL (flags), -PIKE_EBADF (not
 * a descriptor), -PIKE_ENOMEM.
 *
 * On Windows fd is a SOCKET, or the HANDLE of a named pipe that was opened with
 * FILE_FLAG_OVERLAPPED (ops on other files say -PIKE_ENOTSUP). -PIKE_EBUSY: it
 * belongs to another completion port, also by a duplicate. A Unix socket that
 * connects does not wait from then on, for good. -PIKE_ENOTSUP: its
 * owner has set FILE_SKIP_COMPLETION_PORT_ON_SUCCESS on a socket of datagrams,
 * on a pipe that is read by messages, or on a socket with layers.
 */
PIKE_API pike_handle pike_adopt(
    struct pike_queue *q, pike_fd fd, uint32_t flags);

/*
 * Takes a handle out of the queue and gives the descriptor to the caller, who
 * has to close it, also when pike had opened it. The owning thread. Returns
 * the descriptor, or -PIKE_EBADF (stale), -PIKE_EBUSY (ops are pending). On
 * Windows before 8.1 it stays with the queue's port: no other queue can adopt
 * it (-PIKE_EBUSY), this one can. A connection that pike had opened has
 * FILE_SKIP_COMPLETION_PORT_ON_SUCCESS set there, for good.
 */
PIKE_API pike_fd pike_release(struct pike_queue *q, pike_handle h);

/*
 * The descriptor behind a handle, which stays pike's. The owning thread.
 * Returns it, or -PIKE_EBADF.
 */
PIKE_API pike_fd pike_fd_of(struct pike_queue *q, pike_handle h);

/* ------------------------------------------------------- buffer groups -- */

/*
 * Buffers that many receives share: an op with PIKE_GROUP takes one at the
 * moment at which it has something to put into it. So a connection that waits
 * holds none, and a few serve thousands.
 *
 * Makes a group of count buffers (1 to 32768) of size bytes each (a multiple
 * of 8, 0x7ffff000 at most). memory, aligned to 8, is count * size bytes of
 * the caller's, and pike's until pike_group_close; null: pike allocates it.
 * The owning thread. Returns the group's id (1 to 65535), or -PIKE_EINVAL (a
 * count, a size or an alignment that cannot be), -PIKE_ENOMEM.
 */
PIKE_API int pike_group_open(
    struct pike_queue *q, uint32_t count, uint32_t size, void *memory);

/* Where a buffer's data in a RECVFROM begin: after a struct pike_addr. */
#define PIKE_GROUP_DATA 128

/*
 * The memory of a buffer, which is the caller's to use from the completion
 * that named it until pike_group_return. The owning thread. Returns it; null:
 * no such buffer or group, or not the queue's owner.
 */
PIKE_API void *pike_group_buffer(
    struct pike_queue *q, uint32_t group, uint32_t buffer);

/*
 * Gives a buffer back for other receives. The oldest op that waits for one
 * goes on. The owning thread. Returns 0, or -PIKE_EINVAL (no such group, or
 * the buffer is not out: never given, or returned already), which changes
 * nothing. Allocates nothing.
 */
PIKE_API int pike_group_return(
    struct pike_queue *q, uint32_t group, uint32_t buffer);

/*
 * Ends a group: its memory is the caller's, or no more, also that of buffers
 * which were not returned. pike_queue_close ends all. The owning thread.
 * Returns 0, or -PIKE_EBUSY (ops use it), -PIKE_EINVAL (no such group).
 */
PIKE_API int pike_group_close(struct pike_queue *q, uint32_t group);

/* -------------------------------------------- from threads and handlers -- */

/*
 * Delivers a completion made by the application: user_data and res as given
 * (a res that is a negated PIKE_E code is in err too), id 0, flags
 * PIKE_POSTED. Those of one thread arrive in order. Any thread,
 * any signal handler (errno is kept). Returns 0, or -PIKE_EAGAIN (posts_max
 * are waiting: nothing was posted).
 */
PIKE_API int pike_post(struct pike_queue *q, void *user_data, int64_t res);

/*
 * Makes the pike_reap that waits, or else the next one, return, with 0 when
 * it has nothing to give. Several wakes before that count as one. Any thread,
 * any signal handler (errno is kept). Returns 0.
 */
PIKE_API int pike_wake(struct pike_queue *q);

/*
 * A descriptor to sit inside another event loop: it is readable whenever
 * pike_reap with timeout 0 has something to give or to do (now and then also
 * when not). Level-triggered pollers only; do nothing else with it; it stays
 * pike's. The owning thread.
 *
 * On Linux ask for it before the first op and the first group, and allow what
 * pike_queue_open needs: with newer kernels the queue then goes over to another
 * io_uring, whose events may interrupt the owning thread like a signal without
 * SA_RESTART (epoll_wait: EINTR; a write: short). Later than that it is
 * readable some milliseconds late there. On Windows it is the HANDLE of an
 * event to wait for, and the queue has a thread of its own from the first call
 * on.
 *
 * Returns it, or -PIKE_EMFILE, -PIKE_ENFILE, -PIKE_ENOMEM; -PIKE_ENOTSUP
 * (kqueue by way of libkqueue, whose descriptor shows nothing), -PIKE_EPERM (a
 * filter of system calls forbids what it takes): the queue works without.
 */
PIKE_API pike_fd pike_pollable(struct pike_queue *q);

/* -------------------------------------------------------------- queries -- */

/* The i-th backend that this library was built with, in order of preference;
 * null after the last. Any thread. */
PIKE_API const char *pike_backend_at(unsigned i);

/* The name of the backend that runs a queue; null for a dead queue. */
PIKE_API const char *pike_backend_name(const struct pike_queue *q);

/*
 * Says in words which backend runs the queue and why each one before it was
 * refused; one line each. With a null queue it tries each backend now. The
 * owning thread. Returns the length of the whole text without its NUL (cut
 * when size is smaller), -PIKE_EINVAL (text null with size > 0).
 */
PIKE_API int pike_backend_report(
    const struct pike_queue *q, char *text, size_t size);

/* How a queue does an opcode. */
enum pike_route {
	PIKE_ROUTE_UNSUPPORTED = 0,
	PIKE_ROUTE_NATIVE,   /* the system completes it */
	PIKE_ROUTE_EMULATED, /* pike makes the call when it can be made */
	PIKE_ROUTE_THREADED  /* on a thread of pike's */
};
/* The owning thread. Returns a route, or -PIKE_EINVAL (no such opcode). */
PIKE_API int pike_route(const struct pike_queue *q, int opcode);

/* "PIKE_RECV" for an opcode, "PIKE_ECANCELED" for a code of either sign, and
 * what it means in English. Never null ("?" when unknown). Any thread. */
PIKE_API const char *pike_opcode_name(int opcode);
PIKE_API const char *pike_error_name(int64_t code);
PIKE_API const char *pike_error_text(int64_t code);

/* The version of the library that runs: PIKE_VERSION, and as text. Any
 * thread. */
PIKE_API unsigned pike_version(void);
PIKE_API const char *pike_version_text(void);

/* What sizeof says in C, for bindings in other languages. Any thread. */
PIKE_API size_t pike_op_size(void);
PIKE_API size_t pike_completion_size(void);

#ifdef __cplusplus
}
#endif

#endif

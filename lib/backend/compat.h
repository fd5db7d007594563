/* SPDX-License-Identifier: MIT */
/*
 * What systems do each in their own way, as small functions of one name. The
 * first file makes descriptors: with flags, or by calls afterwards. The second
 * is the rest: as Linux has it, or as POSIX and the BSDs do. configure chooses
 * one of each, and each of them works on Linux too (as the tests of kqueue
 * use them).
 *
 * pike__make_socket, pike__make_accept
 *	socket and accept of descriptors that do not block, are closed by exec
 *	and raise no SIGPIPE.
 * pike__make_received, PIKE__MSG_CLOEXEC
 *	closes a received descriptor by exec, unless the flag of recvmsg did.
 * PIKE__MSG_QUIET
 *	the flag of a send that raises no SIGPIPE.
 * pike__hush, pike__unhush
 *	a descriptor whose writes raise no SIGPIPE: true when that was changed,
 *	and as it was.
 * pike__take_sigpipe
 *	takes back the SIGPIPE that this thread has blocked and raised.
 * pike__recv_packet
 *	like recv, but more than len when the packet was longer.
 * pike__poll_to_system, pike__poll_from_system
 *	PIKE_POLL_ bits and those of poll. The latter may ask the descriptor.
 * pike__terminal_is_master, pike__terminal_reopen
 *	of a pair of terminals; one more description of a terminal, or -1.
 * pike__cannot_take, PIKE__TORN
 *	whether an error of a send says that there is no room now, though no
 *	edge will tell when there is; one that another try turns into EPIPE.
 * pike__is_mute
 *	whether a pipe is one of whose last writer's end no poller tells.
 * PIKE__SCM_FD
 *	control data that are a descriptor beside SCM_RIGHTS; -1: none.
 */
#ifndef PIKE_LIB_BACKEND_COMPAT_H
#define PIKE_LIB_BACKEND_COMPAT_H

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <pike.h>

#include "sys.h"

/* On macOS the other one counts ticks. */
#ifndef SO_LINGER_SEC
#	define SO_LINGER_SEC SO_LINGER
#endif

/* On FreeBSD the other one gives all to who came last. */
#ifndef SO_REUSEPORT_LB
#	define SO_REUSEPORT_LB SO_REUSEPORT
#endif

#include PIKE_COMPAT_REST
#include PIKE_COMPAT_MAKE

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The error codes of pike: the same numbers on every system (Linux's errno
 * values). Functions and completions carry them negated: -PIKE_EBADF.
 */
#ifndef PIKE_ERROR_H
#define PIKE_ERROR_H

/* X(name, number, text) for each code, in order of number. */
#define PIKE_ERRORS(X)                                                         \
	X(EPERM, 1, "operation not permitted")                                 \
	X(ENOENT, 2, "no such thing")                                          \
	X(ESRCH, 3, "no such process")                                         \
	X(EINTR, 4, "interrupted")                                             \
	X(EIO, 5, "input/output error")                                        \
	X(ENXIO, 6, "no such device or address")                               \
	X(E2BIG, 7, "argument list too long")                                  \
	X(EBADF, 9, "bad handle")                                              \
	X(ECHILD, 10, "no such child process")                                 \
	X(EAGAIN, 11, "no room at the moment")                                 \
	X(ENOMEM, 12, "out of memory")                                         \
	X(EACCES, 13, "permission denied")                                     \
	X(EFAULT, 14, "bad address")                                           \
	X(EBUSY, 16, "in use")                                                 \
	X(EEXIST, 17, "exists already")                                        \
	X(EXDEV, 18, "across file systems")                                    \
	X(ENODEV, 19, "no such device")                                        \
	X(ENOTDIR, 20, "not a directory")                                      \
	X(EISDIR, 21, "is a directory")                                        \
	X(EINVAL, 22, "invalid argument")                                      \
	X(ENFILE, 23, "too many open files in the system")                     \
	X(EMFILE, 24, "too many open files")                                   \
	X(ENOTTY, 25, "not a terminal")                                        \
	X(ETXTBSY, 26, "program file in use")                                  \
	X(EFBIG, 27, "file too large")                                         \
	X(ENOSPC, 28, "no space left")                                         \
	X(ESPIPE, 29, "not seekable")                                          \
	X(EROFS, 30, "read-only file system")                                  \
	X(EMLINK, 31, "too many links")                                        \
	X(EPIPE, 32, "the other end is closed")                                \
	X(EDOM, 33, "out of domain")                                           \
	X(ERANGE, 34, "out of range")                                          \
	X(EDEADLK, 35, "would deadlock")                                       \
	X(ENAMETOOLONG, 36, "name too long")                                   \
	X(ENOLCK, 37, "no locks left")                                         \
	X(ENOSYS, 38, "not implemented by the system")                         \
	X(ENOTEMPTY, 39, "directory not empty")                                \
	X(ELOOP, 40, "too many symbolic links")                                \
	X(ETIME, 62, "deadline passed")                                        \
	X(EPROTO, 71, "protocol error")                                        \
	X(EOVERFLOW, 75, "value too large")                                    \
	X(EILSEQ, 84, "invalid byte sequence")                                 \
	X(ENOTSOCK, 88, "not a socket")                                        \
	X(EDESTADDRREQ, 89, "destination address required")                    \
	X(EMSGSIZE, 90, "message too long")                                    \
	X(EPROTOTYPE, 91, "wrong protocol type for socket")                    \
	X(ENOPROTOOPT, 92, "no such option")                                   \
	X(EPROTONOSUPPORT, 93, "protocol not supported")                       \
	X(ESOCKTNOSUPPORT, 94, "socket type not supported")                    \
	X(ENOTSUP, 95, "not supported")                                        \
	X(EPFNOSUPPORT, 96, "protocol family not supported")                   \
	X(EAFNOSUPPORT, 97, "address family not supported")                    \
	X(EADDRINUSE, 98, "address in use")                                    \
	X(EADDRNOTAVAIL, 99, "address not available")                          \
	X(ENETDOWN, 100, "network is down")                                    \
	X(ENETUNREACH, 101, "network unreachable")                             \
	X(ENETRESET, 102, "connection lost by the network")                    \
	X(ECONNABORTED, 103, "connection aborted")                             \
	X(ECONNRESET, 104, "connection reset by the peer")                     \
	X(ENOBUFS, 105, "no buffer space")                                     \
	X(EISCONN, 106, "already connected")                                   \
	X(ENOTCONN, 107, "not connected")                                      \
	X(ESHUTDOWN, 108, "shut down")                                         \
	X(ETOOMANYREFS, 109, "too many descriptors in flight")                 \
	X(ETIMEDOUT, 110, "timed out by the network")                          \
	X(ECONNREFUSED, 111, "connection refused")                             \
	X(EHOSTDOWN, 112, "host is down")                                      \
	X(EHOSTUNREACH, 113, "host unreachable")                               \
	X(EALREADY, 114, "already under way")                                  \
	X(EINPROGRESS, 115, "in progress")                                     \
	X(ESTALE, 116, "stale file handle")                                    \
	X(EDQUOT, 122, "disk quota exceeded")                                  \
	X(ECANCELED, 125, "cancelled")                                         \
	X(EUNKNOWN, 4095, "an error that pike does not know; see os_error")

enum pike_error {
	PIKE_OK = 0,
#define PIKE_ERROR_ENUM(name, number, text) PIKE_##name = number,
	PIKE_ERRORS(PIKE_ERROR_ENUM)
#undef PIKE_ERROR_ENUM
	PIKE_EOPNOTSUPP = PIKE_ENOTSUP
};

#endif

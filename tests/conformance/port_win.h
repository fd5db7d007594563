/* SPDX-License-Identifier: MIT */
/* What the files of the tests' Windows port share. */
#ifndef PIKE_TESTS_PORT_WIN_H
#define PIKE_TESTS_PORT_WIN_H

#include <winsock2.h>

#include <mswsock.h>
#include <windows.h>
#include <ws2tcpip.h>

#include <check.h>

#include "port.h"

/* Winsock's functions and the others' remember their errors in one place. */
#define MUST(x)                                                                \
	do {                                                                   \
		if (!(x))                                                      \
			ck_abort_msg("%s: error %lu", #x, GetLastError());     \
	} while (0)

/* Windows' code as pike's, negative; of the last call. */
int port_code_of(DWORD code);
int port_code(void);

/* Winsock wants to be begun; the rest of this begins it. */
void port_begin(void);

HANDLE port_handle(pike_fd fd);
bool port_is_socket(pike_fd fd);
pike_fd port_dup_socket(pike_fd fd);

/* What is no socket: one call each, without waiting. */
int64_t port_pipe_read(HANDLE h, void *buf, size_t len);
int64_t port_pipe_write(HANDLE h, const void *buf, size_t len);

/* Whether fd is so within timeout_ms. */
bool port_pipe_readable(HANDLE h, int timeout_ms);
bool port_pipe_writable(HANDLE h, int timeout_ms);

#endif

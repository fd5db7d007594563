/* SPDX-License-Identifier: MIT */
/* Socket options: the portable ones by table, others as they are. */
#ifndef PIKE_LIB_BACKEND_OPTION_H
#define PIKE_LIB_BACKEND_OPTION_H

#include <stdint.h>

struct pike__handle;
struct pike_op;

/*
 * Set or read what op names (u.option, buf, len); *done is how many bytes were
 * written to buf. Return 0, or the system's code: errno's on POSIX, Winsock's
 * on Windows. A portable option has 4 bytes exactly, an int32_t (EINVAL), and
 * a value that the option can have (EINVAL); a socket that does not know it
 * answers ENOPROTOOPT. A handle that was given a LINGER is marked as one.
 */
uint32_t pike__option_set(struct pike__handle *h, const struct pike_op *op);
uint32_t pike__option_get(
    const struct pike__handle *h, const struct pike_op *op, int *done);

#endif

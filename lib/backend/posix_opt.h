/* SPDX-License-Identifier: MIT */
/* Socket options: the portable ones by table, others as they are. */
#ifndef PIKE_LIB_BACKEND_POSIX_OPT_H
#define PIKE_LIB_BACKEND_POSIX_OPT_H

struct pike_op;

/*
 * Set or read what op names (u.option, buf, len). Return 0, or the bytes
 * written to buf, or a negated errno of the system. A portable option has 4
 * bytes exactly, an int32_t (EINVAL), and a value that the option can have
 * (EINVAL); a socket that does not know it answers ENOPROTOOPT.
 */
int pike__opt_set(int fd, const struct pike_op *op);
int pike__opt_get(int fd, const struct pike_op *op);

#endif

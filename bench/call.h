/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_CALL_H
#define PIKE_BENCH_CALL_H

#include <linux/ptrace.h>
#include <stdint.h>
#include <sys/types.h>

/* What is to be known of the system calls that servers make. */

/* NULL for a system call that has no business in an echo server. */
const char *call_name(unsigned number);
/* Whether it may wait for events. */
int call_waits(uint64_t number);
/* Whether this wait, or look, would end though nothing ever happens. */
int call_is_timed(pid_t pid, const struct ptrace_syscall_info *info);

#endif

# SPDX-License-Identifier: MIT
# For tests/local.mk, beside list.mk: more programs, NAME.c each, linked with
# the harness and with these; memory also with CONFORMANCE_HEAP.
CONFORMANCE_OPS_HARNESS = every.c pending.c port_proc_posix.c \
	every.h pending.h port_proc.h random.h
CONFORMANCE_HEAP = port_heap_posix.c port_heap.h
CONFORMANCE_OPS = badcalls badinput badrandom cancel cancel_each \
	cancel_race close_each close_handle close_queue deadline eintr fork idle limits \
	memory nop pollable post post_threads signals signals_process timer

# SPDX-License-Identifier: MIT
#
# Three kinds of Check programs, one per file, and a few shell scripts.
#
# conformance  what the contract promises, on every backend; linked with the
#              library as it is installed
# unit, fault  the parts, and the whole when the system fails; linked with
#              libpike-test.la, whose system calls can be replaced
#
# A new program is one line in its list; one that is not conformance has its
# flags below, as Automake wants them spelled out.  The source's name is the
# program's.

conformance_tests = \
	tests/conformance/accept \
	tests/conformance/accept_many \
	tests/conformance/address \
	tests/conformance/again \
	tests/conformance/badcalls \
	tests/conformance/badinput \
	tests/conformance/badrandom \
	tests/conformance/cancel \
	tests/conformance/cancel_each \
	tests/conformance/cancel_race \
	tests/conformance/close \
	tests/conformance/close_each \
	tests/conformance/close_handle \
	tests/conformance/close_queue \
	tests/conformance/connect \
	tests/conformance/connect_to \
	tests/conformance/deadline \
	tests/conformance/descriptor \
	tests/conformance/dual \
	tests/conformance/edge \
	tests/conformance/eintr \
	tests/conformance/fork \
	tests/conformance/group \
	tests/conformance/group_packet \
	tests/conformance/group_share \
	tests/conformance/group_stream \
	tests/conformance/group_wait \
	tests/conformance/handover \
	tests/conformance/idle \
	tests/conformance/limits \
	tests/conformance/memory \
	tests/conformance/msg \
	tests/conformance/nop \
	tests/conformance/option \
	tests/conformance/pipe \
	tests/conformance/poll \
	tests/conformance/pollable \
	tests/conformance/post \
	tests/conformance/post_threads \
	tests/conformance/shutdown \
	tests/conformance/signals \
	tests/conformance/signals_process \
	tests/conformance/socket_setup \
	tests/conformance/tcp \
	tests/conformance/terminal \
	tests/conformance/timer \
	tests/conformance/transfer \
	tests/conformance/udp \
	tests/conformance/unix \
	tests/conformance/vector \
	tests/conformance/zero_copy

unit_tests = \
	tests/unit/addr \
	tests/unit/background \
	tests/unit/cancel \
	tests/unit/close \
	tests/unit/core \
	tests/unit/done \
	tests/unit/errors \
	tests/unit/group \
	tests/unit/grow \
	tests/unit/handle \
	tests/unit/inbox \
	tests/unit/open \
	tests/unit/opt \
	tests/unit/reap \
	tests/unit/shots \
	tests/unit/signals \
	tests/unit/signals_restore \
	tests/unit/signals_storm \
	tests/unit/slot \
	tests/unit/timer

fault_tests = \
	tests/fault/alloc \
	tests/fault/syscalls

# Random programs on two backends at a time.
differ_tests = tests/differ/differ

# About io_uring, by its name.
uring_tests =
if HAVE_URING
uring_tests += \
	tests/uring/blocked \
	tests/uring/flood \
	tests/uring/lost \
	tests/uring/names \
	tests/uring/probe \
	tests/uring/ring \
	tests/uring/told
endif

# kqueue: what the emulation does, and what the backend does on it.
kqueue_tests =
if KQUEUE_EMULATION
kqueue_tests += \
	tests/kqueue/changes \
	tests/kqueue/descriptors \
	tests/kqueue/ends \
	tests/kqueue/figures \
	tests/kqueue/names \
	tests/kqueue/quirks \
	tests/kqueue/strict
endif

# About Windows, by its name; and the parts that know no system, once more.
windows_tests = \
	tests/windows/answers \
	tests/windows/console \
	tests/windows/errors \
	tests/windows/files \
	tests/windows/owner \
	tests/windows/refused \
	tests/windows/trace \
	tests/windows/unix
windows_units = \
	tests/unit/done \
	tests/unit/grow \
	tests/unit/handle \
	tests/unit/slot \
	tests/unit/timer

# In the order of how long they take: the longest first.
script_tests = \
	tests/kqueue-emulation/shapes.sh \
	tests/headers/headers.sh \
	tests/install/install.sh \
	tests/install/readme.sh \
	tests/man/errors.sh \
	tests/man/pages.sh \
	tests/support/closing-line.sh

if ENABLE_EXAMPLES
script_tests += tests/examples/run.sh
endif
if HAVE_URING
if ENABLE_TESTS
script_tests += tests/uring/older.sh
check_PROGRAMS += tests/uring/older
endif
endif

# What all conformance programs stand in, and what they are linked with unless
# something else is said.
if ENABLE_TESTS
check_LTLIBRARIES += libpike-harness.la
endif
libpike_harness_la_SOURCES = \
	tests/conformance/book.h \
	tests/conformance/every.c \
	tests/conformance/every.h \
	tests/conformance/harness.c \
	tests/conformance/harness.h \
	tests/conformance/harness_check.c \
	tests/conformance/harness_peer.c \
	tests/conformance/grouped.h \
	tests/conformance/ops.h \
	tests/conformance/pending.c \
	tests/conformance/pending.h \
	tests/conformance/port.h \
	tests/conformance/port_any.c \
	tests/conformance/port_proc.h \
	tests/conformance/random.h
tests_conformance_memory_SOURCES = \
	tests/conformance/memory.c \
	tests/conformance/port_heap.h

AM_CPPFLAGS += $(CHECK_CFLAGS)
LDADD = libpike-harness.la libpike.la $(CHECK_LIBS) $(PTHREAD_LIBS) \
	$(WINDOWS_LIBS)

if HAVE_WINDOWS
AM_CPPFLAGS += -D_WIN32_WINNT=0x0A00 -D__USE_MINGW_ANSI_STDIO=1
libpike_harness_la_SOURCES += \
	tests/conformance/port_proc_win.c \
	tests/conformance/port_win.c \
	tests/conformance/port_win.h \
	tests/conformance/port_win_control.c \
	tests/conformance/port_win_socket.c
tests_conformance_memory_SOURCES += tests/conformance/port_heap_win.c
else
libpike_harness_la_SOURCES += \
	tests/conformance/port_posix.c \
	tests/conformance/port_posix.h \
	tests/conformance/port_posix_socket.c \
	tests/conformance/port_proc_posix.c
tests_conformance_memory_SOURCES += tests/conformance/port_heap_posix.c
endif

tests_differ_differ_SOURCES = \
	tests/differ/arrive.c \
	tests/differ/cancels.c \
	tests/differ/compare.c \
	tests/differ/differ.c \
	tests/differ/differ.h \
	tests/differ/links.c \
	tests/differ/model.c \
	tests/differ/paper.c \
	tests/differ/program.c \
	tests/differ/run.c \
	tests/differ/shrink.c \
	tests/differ/try.c \
	tests/differ/world.c \
	tests/differ/world.h

seam_libs = libpike-test.la $(CHECK_LIBS) $(PTHREAD_LIBS) $(WINDOWS_LIBS)
seam_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/lib -DPIKE_STATIC -DPIKE_SEAM \
	$(PIKE_KQUEUE_CPPFLAGS)
unit_headers = tests/unit/sleeper.h tests/unit/unit.h
unit_script = tests/unit/script.c tests/unit/script.h $(unit_headers)

tests_unit_addr_SOURCES = tests/unit/addr.c $(unit_headers)
tests_unit_addr_CPPFLAGS = $(seam_cppflags)
tests_unit_addr_LDADD = $(seam_libs)
tests_unit_background_SOURCES = tests/unit/background.c $(unit_headers)
tests_unit_background_CPPFLAGS = $(seam_cppflags)
tests_unit_background_LDADD = $(seam_libs)
tests_unit_cancel_SOURCES = tests/unit/cancel.c $(unit_script)
tests_unit_cancel_CPPFLAGS = $(seam_cppflags)
tests_unit_cancel_LDADD = $(seam_libs)
tests_unit_close_SOURCES = tests/unit/close.c $(unit_script)
tests_unit_close_CPPFLAGS = $(seam_cppflags)
tests_unit_close_LDADD = $(seam_libs)
tests_unit_core_SOURCES = tests/unit/core.c $(unit_script)
tests_unit_core_CPPFLAGS = $(seam_cppflags)
tests_unit_core_LDADD = $(seam_libs)
tests_unit_done_SOURCES = tests/unit/done.c $(unit_headers)
tests_unit_done_CPPFLAGS = $(seam_cppflags)
tests_unit_done_LDADD = $(seam_libs)
tests_unit_errors_SOURCES = tests/unit/errors.c $(unit_headers)
tests_unit_errors_CPPFLAGS = $(seam_cppflags)
tests_unit_errors_LDADD = $(seam_libs)
tests_unit_group_SOURCES = tests/unit/group.c $(unit_script)
tests_unit_group_CPPFLAGS = $(seam_cppflags)
tests_unit_group_LDADD = $(seam_libs)
tests_unit_grow_SOURCES = tests/unit/grow.c $(unit_headers)
tests_unit_grow_CPPFLAGS = $(seam_cppflags)
tests_unit_grow_LDADD = $(seam_libs)
tests_unit_handle_SOURCES = tests/unit/handle.c $(unit_headers)
tests_unit_handle_CPPFLAGS = $(seam_cppflags)
tests_unit_handle_LDADD = $(seam_libs)
tests_unit_inbox_SOURCES = tests/unit/inbox.c $(unit_headers)
tests_unit_inbox_CPPFLAGS = $(seam_cppflags)
tests_unit_inbox_LDADD = $(seam_libs)
tests_unit_open_SOURCES = tests/unit/open.c $(unit_script)
tests_unit_open_CPPFLAGS = $(seam_cppflags)
tests_unit_open_LDADD = $(seam_libs)
tests_unit_opt_SOURCES = tests/unit/opt.c $(unit_headers)
tests_unit_opt_CPPFLAGS = $(seam_cppflags)
tests_unit_opt_LDADD = $(seam_libs)
tests_unit_reap_SOURCES = tests/unit/reap.c $(unit_script)
tests_unit_reap_CPPFLAGS = $(seam_cppflags)
tests_unit_reap_LDADD = $(seam_libs)
tests_unit_shots_SOURCES = tests/unit/shots.c $(unit_script)
tests_unit_shots_CPPFLAGS = $(seam_cppflags)
tests_unit_shots_LDADD = $(seam_libs)
tests_unit_signals_SOURCES = tests/unit/signals.c $(unit_headers)
tests_unit_signals_CPPFLAGS = $(seam_cppflags)
tests_unit_signals_LDADD = $(seam_libs)
tests_unit_signals_restore_SOURCES = tests/unit/signals_restore.c $(unit_headers)
tests_unit_signals_restore_CPPFLAGS = $(seam_cppflags)
tests_unit_signals_restore_LDADD = $(seam_libs)
tests_unit_signals_storm_SOURCES = tests/unit/signals_storm.c $(unit_headers)
tests_unit_signals_storm_CPPFLAGS = $(seam_cppflags)
tests_unit_signals_storm_LDADD = $(seam_libs)
tests_unit_slot_SOURCES = tests/unit/slot.c $(unit_headers)
tests_unit_slot_CPPFLAGS = $(seam_cppflags)
tests_unit_slot_LDADD = $(seam_libs)
tests_unit_timer_SOURCES = tests/unit/timer.c $(unit_headers)
tests_unit_timer_CPPFLAGS = $(seam_cppflags)
tests_unit_timer_LDADD = $(seam_libs)

# Whole runs of the library over a system and an allocator that fail.
fault_sources = \
	tests/fault/errors.h \
	tests/fault/kernel.c \
	tests/fault/kernel.h \
	tests/fault/kernel_calls.c \
	tests/fault/kernel_calls.h \
	tests/fault/kernel_epoll.c \
	tests/fault/kernel_kqueue.c \
	tests/fault/kernel_ring.c \
	tests/fault/memory.c \
	tests/fault/memory.h \
	tests/fault/run.c \
	tests/fault/run.h \
	tests/fault/scenarios.h \
	tests/fault/scenarios_local.c \
	tests/fault/scenarios_group.c \
	tests/fault/scenarios_net.c \
	tests/unit/unit.h
tests_fault_alloc_SOURCES = tests/fault/alloc.c $(fault_sources)
tests_fault_alloc_CPPFLAGS = $(seam_cppflags)
tests_fault_alloc_LDADD = $(seam_libs)
tests_fault_syscalls_SOURCES = tests/fault/syscalls.c $(fault_sources)
tests_fault_syscalls_CPPFLAGS = $(seam_cppflags)
tests_fault_syscalls_LDADD = $(seam_libs)

# By filters of the system; and through the seam.
uring_headers = tests/uring/use.h tests/unit/unit.h
tests_uring_blocked_SOURCES = tests/uring/blocked.c $(uring_headers)
tests_uring_blocked_CPPFLAGS = $(seam_cppflags)
tests_uring_blocked_LDADD = $(seam_libs)
tests_uring_flood_SOURCES = tests/uring/flood.c $(uring_headers)
tests_uring_flood_CPPFLAGS = $(seam_cppflags)
tests_uring_flood_LDADD = $(seam_libs)
tests_uring_lost_SOURCES = tests/uring/lost.c $(uring_headers)
tests_uring_lost_CPPFLAGS = $(seam_cppflags)
tests_uring_lost_LDADD = $(seam_libs)
tests_uring_names_SOURCES = tests/uring/names.c $(uring_headers)
tests_uring_names_CPPFLAGS = $(seam_cppflags)
tests_uring_names_LDADD = $(seam_libs)
tests_uring_probe_SOURCES = tests/uring/probe.c $(uring_headers)
tests_uring_probe_CPPFLAGS = $(seam_cppflags)
tests_uring_probe_LDADD = $(seam_libs)
tests_uring_ring_SOURCES = tests/uring/ring.c $(uring_headers)
tests_uring_ring_CPPFLAGS = $(seam_cppflags)
tests_uring_ring_LDADD = $(seam_libs)
tests_uring_told_SOURCES = tests/uring/told.c $(uring_headers)
tests_uring_told_CPPFLAGS = $(seam_cppflags)
tests_uring_told_LDADD = $(seam_libs)
# A program to run others.
tests_uring_older_SOURCES = tests/uring/older.c
tests_uring_older_LDADD =

# The emulation by itself.
kqueue_queue = tests/kqueue/queue.c tests/kqueue/queue.h tests/unit/unit.h
kqueue_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/kqueue-emulation
kqueue_libs = libkqueue-emulation.la $(CHECK_LIBS) $(PTHREAD_LIBS)
tests_kqueue_changes_SOURCES = tests/kqueue/changes.c $(kqueue_queue)
tests_kqueue_changes_CPPFLAGS = $(kqueue_cppflags)
tests_kqueue_changes_LDADD = $(kqueue_libs)
tests_kqueue_descriptors_SOURCES = tests/kqueue/descriptors.c $(kqueue_queue)
tests_kqueue_descriptors_CPPFLAGS = $(kqueue_cppflags)
tests_kqueue_descriptors_LDADD = $(kqueue_libs)
tests_kqueue_strict_SOURCES = tests/kqueue/strict.c $(kqueue_queue)
tests_kqueue_strict_CPPFLAGS = $(kqueue_cppflags)
tests_kqueue_strict_LDADD = $(kqueue_libs)
# The backend on it, through the seam.
kqueue_between = tests/kqueue/between.c tests/kqueue/between.h $(uring_headers)
tests_kqueue_ends_SOURCES = tests/kqueue/ends.c $(kqueue_between)
tests_kqueue_ends_CPPFLAGS = $(seam_cppflags)
tests_kqueue_ends_LDADD = $(seam_libs)
tests_kqueue_figures_SOURCES = tests/kqueue/figures.c $(kqueue_between)
tests_kqueue_figures_CPPFLAGS = $(seam_cppflags)
tests_kqueue_figures_LDADD = $(seam_libs)
tests_kqueue_names_SOURCES = tests/kqueue/names.c tests/unit/unit.h
tests_kqueue_names_CPPFLAGS = $(seam_cppflags)
tests_kqueue_names_LDADD = $(seam_libs)
tests_kqueue_quirks_SOURCES = tests/kqueue/quirks.c $(kqueue_between)
tests_kqueue_quirks_CPPFLAGS = $(seam_cppflags)
tests_kqueue_quirks_LDADD = $(seam_libs)

tests_windows_answers_SOURCES = tests/windows/answers.c
tests_windows_answers_CPPFLAGS = $(seam_cppflags)
tests_windows_answers_LDADD = libpike-harness.la $(seam_libs)
tests_windows_console_SOURCES = tests/windows/console.c
tests_windows_console_CPPFLAGS = $(seam_cppflags)
tests_windows_console_LDADD = libpike-harness.la $(seam_libs)
tests_windows_errors_SOURCES = tests/windows/errors.c tests/unit/unit.h
tests_windows_errors_CPPFLAGS = $(seam_cppflags)
tests_windows_errors_LDADD = $(seam_libs)
tests_windows_files_SOURCES = tests/windows/files.c
tests_windows_files_CPPFLAGS = $(seam_cppflags)
tests_windows_files_LDADD = libpike-harness.la $(seam_libs)
tests_windows_refused_SOURCES = tests/windows/refused.c
tests_windows_refused_CPPFLAGS = $(seam_cppflags)
tests_windows_refused_LDADD = libpike-harness.la $(seam_libs)
tests_windows_owner_SOURCES = tests/windows/owner.c
tests_windows_owner_CPPFLAGS = $(seam_cppflags)
tests_windows_owner_LDADD = libpike-harness.la $(seam_libs)
tests_windows_trace_SOURCES = \
	tests/windows/trace.c \
	tests/windows/watch.c \
	tests/windows/watch.h
tests_windows_trace_CPPFLAGS = $(seam_cppflags)
tests_windows_trace_LDADD = libpike-harness.la $(seam_libs)
tests_windows_unix_SOURCES = tests/windows/unix.c
tests_windows_unix_CPPFLAGS = $(seam_cppflags)
tests_windows_unix_LDADD = libpike-harness.la $(seam_libs)

if ENABLE_TESTS
EXTRA_PROGRAMS += $(windows_tests)
check_PROGRAMS += $(conformance_tests) $(unit_tests) $(fault_tests) \
	$(differ_tests) $(uring_tests) $(kqueue_tests)
TESTS += $(script_tests) $(differ_tests) $(fault_tests) $(uring_tests) \
	$(kqueue_tests) \
	$(conformance_tests) \
	$(unit_tests)
endif

# What tools/test runs with sanitizers, which do not bear to be traced as
# bench/budget does and have a heap of their own; with TSan, which calls
# handlers when it sees fit, and on the emulation of kqueue those that wake; and
# under valgrind, where the longest take too long and signals do not interrupt.
sanitizer_tests = $(filter-out tests/conformance/memory,\
	$(fault_tests) $(uring_tests) $(kqueue_tests) $(conformance_tests) \
	$(unit_tests))
if ENABLE_EXAMPLES
sanitizer_tests += tests/examples/run.sh
endif
# For each set of features: all but those that take longest and say nothing of
# them. tools/test says so.
not_for_masks = tests/conformance/badrandom tests/conformance/cancel_race
mask_tests = $(filter-out $(not_for_masks),$(conformance_tests))
not_for_valgrind = \
	tests/conformance/cancel_race \
	tests/conformance/eintr \
	tests/conformance/memory \
	tests/conformance/post \
	tests/conformance/post_threads \
	tests/unit/signals_storm
not_for_tsan = \
	tests/conformance/eintr \
	tests/conformance/memory \
	tests/conformance/signals \
	tests/conformance/signals_process
wake_tests = tests/conformance/pollable tests/conformance/post \
	tests/conformance/post_threads
thread_tests = $(filter-out $(not_for_tsan),$(conformance_tests)) \
	tests/unit/inbox tests/unit/signals_storm
valgrind_tests = $(filter-out $(not_for_valgrind),$(unit_tests) $(conformance_tests))

# For tools/vm, which builds and runs them elsewhere.
list-tests:
	@printf '%s\n' $(conformance_tests) $(uring_tests) $(unit_tests) \
		$(fault_tests)

# For tools/test, which says what it does not run.
list-not-for-masks:
	@printf '%s\n' $(not_for_masks)

# For tools/windows, which runs them under Wine.
list-windows-tests:
	@printf '%s\n' $(conformance_tests) $(windows_tests) $(windows_units)

# What hangs shall fail, what is only slow on a busy machine shall not: all
# limits of time are three times what the tests say.
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT:-20}; \
	CK_TIMEOUT_MULTIPLIER=$${CK_TIMEOUT_MULTIPLIER:-3}; \
	CC='$(CC)'; CFLAGS='$(CFLAGS)'; LDFLAGS='$(LDFLAGS)'; \
	PIKE_SANITIZE='$(PIKE_SANITIZE)'; PKG_CONFIG='$(PKG_CONFIG)'; \
	PIKE_SYMVERS='$(have_vscript)'; MAKE='$(MAKE)'; \
	top_srcdir='$(top_srcdir)'; top_builddir='$(top_builddir)'; \
	export CK_DEFAULT_TIMEOUT CK_TIMEOUT_MULTIPLIER; \
	export CC CFLAGS LDFLAGS PIKE_SANITIZE PKG_CONFIG \
		PIKE_SYMVERS MAKE top_srcdir top_builddir;

# One line for all that ran, whichever way each test counts its cases.  Every
# backend must have run some, unless TESTS was set to others.
check-summary:
	@$(SHELL) $(top_srcdir)/tests/support/summary \
		-b '$(if $(filter $(conformance_tests),$(TESTS)),$(PIKE_BACKENDS))' \
		$(TEST_LOGS)
if ENABLE_TESTS
check-local: check-TESTS
	@$(MAKE) $(AM_MAKEFLAGS) check-summary
else
check-local:
	@echo 'No tests were built: configure found no Check.'
endif

# The same consumer as in make check, against what make install has put down.
installcheck-local:
	$(AM_TESTS_ENVIRONMENT) PIKE_INSTALLED='$(DESTDIR)$(pkgconfigdir)' \
		$(SHELL) $(top_srcdir)/tests/install/install.sh

EXTRA_DIST += \
	$(script_tests) \
	tests/conformance/MUTANTS \
	tests/conformance/MUTANTS-group \
	tests/conformance/MUTANTS-ops \
	tests/differ/MUTANTS \
	tests/install/consumer.c \
	tests/kqueue/MUTANTS \
	tests/kqueue/QUIRKS \
	tests/support/summary \
	tests/uring/MUTANTS \
	tests/uring/older.sh \
	tests/windows/MISSING \
	tests/windows/WINE-CANNOT \
	tests/windows/coverage \
	tests/windows/examples \
	tests/windows/installed \
	tests/windows/program \
	tests/vm/init.c \
	tests/vm/left-out

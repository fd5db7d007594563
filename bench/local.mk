# SPDX-License-Identifier: MIT
#
# Servers that do the same work in different ways, and what measures them.
# bench/budget is a test, and what it measures is built with it; the rest is
# built with --enable-bench, and what needs libuv only where that was found.

bench_programs = \
	bench/driver \
	bench/epoll-echo \
	bench/stepcount

bench_uv_programs = bench/libuv-echo

bench_budget_programs = \
	bench/budget \
	bench/pike-datagram \
	bench/pike-echo \
	bench/pike-multishot

bench_uring_programs = \
	bench/uring-datagram \
	bench/uring-echo \
	bench/uring-multishot

if HAVE_EPOLL
if ENABLE_BENCH
noinst_PROGRAMS += $(bench_programs)
if HAVE_UV
noinst_PROGRAMS += $(bench_uv_programs)
endif
endif
# Compares with libuv when that has been built, and does the rest anyway.
if ENABLE_TESTS
check_PROGRAMS += $(bench_budget_programs)
TESTS += bench/budget
if HAVE_URING
check_PROGRAMS += $(bench_uring_programs)
endif
else
if ENABLE_BENCH
noinst_PROGRAMS += $(bench_budget_programs)
if HAVE_URING
noinst_PROGRAMS += $(bench_uring_programs)
endif
endif
endif
endif

bench_server = bench/server.c bench/server.h
bench_queue = bench/queue.c bench/queue.h $(bench_server)
bench_ring = bench/ring.c bench/ring.h $(bench_server)
bench_tool = bench/client.c bench/client.h bench/tool.c bench/tool.h
bench_trace = bench/call.c bench/call.h bench/trace.c bench/trace.h

bench_epoll_echo_LDADD =
bench_epoll_echo_SOURCES = bench/epoll-echo.c $(bench_server)

bench_libuv_echo_SOURCES = bench/libuv-echo.c $(bench_server)
bench_libuv_echo_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
bench_libuv_echo_LDADD = $(UV_LIBS)

bench_uring_datagram_SOURCES = bench/uring-datagram.c $(bench_ring)
bench_uring_datagram_CFLAGS = $(AM_CFLAGS) $(LIBURING_CFLAGS)
bench_uring_datagram_LDADD = $(LIBURING_LIBS)
bench_uring_echo_SOURCES = bench/uring-echo.c $(bench_ring)
bench_uring_echo_CFLAGS = $(AM_CFLAGS) $(LIBURING_CFLAGS)
bench_uring_echo_LDADD = $(LIBURING_LIBS)
bench_uring_multishot_SOURCES = bench/uring-multishot.c $(bench_ring)
bench_uring_multishot_CFLAGS = $(AM_CFLAGS) $(LIBURING_CFLAGS)
bench_uring_multishot_LDADD = $(LIBURING_LIBS)

# Static, so that no script stands between the server and who measures it.
bench_pike_datagram_SOURCES = bench/pike-datagram.c $(bench_queue)
bench_pike_datagram_LDADD = libpike.la
bench_pike_datagram_LDFLAGS = $(AM_LDFLAGS) -static
bench_pike_echo_SOURCES = bench/pike-echo.c $(bench_queue)
bench_pike_echo_LDADD = libpike.la
bench_pike_echo_LDFLAGS = $(AM_LDFLAGS) -static
bench_pike_multishot_SOURCES = bench/pike-multishot.c $(bench_queue)
bench_pike_multishot_LDADD = libpike.la
bench_pike_multishot_LDFLAGS = $(AM_LDFLAGS) -static

bench_driver_LDADD =
bench_driver_SOURCES = bench/driver.c $(bench_tool)
bench_stepcount_LDADD =
bench_stepcount_SOURCES = bench/stepcount.c bench/symbols.c bench/symbols.h \
	$(bench_tool) $(bench_trace)
bench_budget_LDADD =
bench_budget_SOURCES = bench/budget.c bench/budget-uring.c bench/budget.h \
	bench/idle.c bench/idle.h \
	$(bench_tool) $(bench_trace)

# The whole table: some minutes on an idle machine.
if ENABLE_BENCH
bench: all $(check_PROGRAMS)
	$(SHELL) $(srcdir)/bench/run -d bench
	$(SHELL) $(srcdir)/bench/run -d bench --idle
else
bench:
	@echo 'No benchmarks were built: configure with --enable-bench.'
	@false
endif
.PHONY: bench

EXTRA_DIST += bench/run

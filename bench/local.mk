# SPDX-License-Identifier: MIT
#
# Servers that do the same work in different ways, and what measures them.
# bench/budget is a test; the rest is built with --enable-bench, and what
# needs libuv only where that was found.

bench_programs = \
	bench/driver \
	bench/epoll-echo \
	bench/stepcount

bench_uv_programs = bench/libuv-echo

if HAVE_EPOLL
if ENABLE_BENCH
noinst_PROGRAMS += $(bench_programs)
if HAVE_UV
noinst_PROGRAMS += $(bench_uv_programs)
endif
endif
# Compares with libuv when that has been built, and does the rest anyway.
if ENABLE_TESTS
check_PROGRAMS += bench/budget bench/pike-echo
TESTS += bench/budget
else
if ENABLE_BENCH
noinst_PROGRAMS += bench/budget bench/pike-echo
endif
endif
endif

bench_server = bench/server.c bench/server.h
bench_tool = bench/client.c bench/client.h bench/tool.c bench/tool.h
bench_trace = bench/trace.c bench/trace.h

bench_epoll_echo_LDADD =
bench_epoll_echo_SOURCES = bench/epoll-echo.c $(bench_server)

bench_libuv_echo_SOURCES = bench/libuv-echo.c $(bench_server)
bench_libuv_echo_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
bench_libuv_echo_LDADD = $(UV_LIBS)

# Static, so that no script stands between the server and who measures it.
bench_pike_echo_SOURCES = bench/pike-echo.c $(bench_server)
bench_pike_echo_LDADD = libpike.la
bench_pike_echo_LDFLAGS = $(AM_LDFLAGS) -static

bench_driver_LDADD =
bench_driver_SOURCES = bench/driver.c $(bench_tool)
bench_stepcount_LDADD =
bench_stepcount_SOURCES = bench/stepcount.c bench/symbols.c bench/symbols.h \
	$(bench_tool) $(bench_trace)
bench_budget_LDADD =
bench_budget_SOURCES = bench/budget.c bench/idle.c bench/idle.h \
	$(bench_tool) $(bench_trace)

# The whole table: some minutes on an idle machine.
if ENABLE_BENCH
bench: $(bench_programs) bench/budget bench/pike-echo
	$(SHELL) $(srcdir)/bench/run -d bench
	$(SHELL) $(srcdir)/bench/run -d bench --idle
else
bench:
	@echo 'No benchmarks were built: configure with --enable-bench.'
	@false
endif
.PHONY: bench

EXTRA_DIST += bench/run

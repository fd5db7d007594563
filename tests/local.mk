# SPDX-License-Identifier: MIT
#
# Three kinds of Check programs, one per file, and a few shell scripts.
#
# conformance  what the contract promises, on every backend; linked with the
#              library as it is installed
# unit, fault  the parts, and the whole when the system fails; linked with
#              libpike-test.la, whose system calls can be replaced
#
# A new program is one line in its list and, as Automake wants them spelled
# out, its flags below the list.  The source's name is the program's.

conformance_tests = \
	tests/conformance/accept \
	tests/conformance/accept_many \
	tests/conformance/close \
	tests/conformance/connect \
	tests/conformance/shutdown \
	tests/conformance/tcp \
	tests/conformance/udp \
	tests/conformance/unix

unit_tests =

fault_tests =

# In the order of how long they take: the longest first.
script_tests = \
	tests/headers/headers.sh \
	tests/install/install.sh \
	tests/install/readme.sh

# What all conformance programs stand in.
if ENABLE_TESTS
check_LTLIBRARIES += libpike-harness.la
endif
libpike_harness_la_SOURCES = \
	tests/conformance/harness.c \
	tests/conformance/harness_check.c \
	tests/conformance/harness_peer.c \
	tests/conformance/port_posix.c \
	tests/conformance/port_posix_socket.c \
	tests/conformance/book.h \
	tests/conformance/harness.h \
	tests/conformance/ops.h \
	tests/conformance/port.h \
	tests/conformance/port_posix.h
libpike_harness_la_CPPFLAGS = $(conformance_cppflags)

conformance_libs = libpike-harness.la libpike.la $(CHECK_LIBS) $(PTHREAD_LIBS)
conformance_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
seam_libs = libpike-test.la $(CHECK_LIBS) $(PTHREAD_LIBS)
seam_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) -I$(top_srcdir)/lib \
	-DPIKE_STATIC -DPIKE_SEAM

# --- flags, two lines for each program, in the order of the lists
tests_conformance_accept_CPPFLAGS = $(conformance_cppflags)
tests_conformance_accept_LDADD = $(conformance_libs)
tests_conformance_accept_many_CPPFLAGS = $(conformance_cppflags)
tests_conformance_accept_many_LDADD = $(conformance_libs)
tests_conformance_close_CPPFLAGS = $(conformance_cppflags)
tests_conformance_close_LDADD = $(conformance_libs)
tests_conformance_connect_CPPFLAGS = $(conformance_cppflags)
tests_conformance_connect_LDADD = $(conformance_libs)
tests_conformance_shutdown_CPPFLAGS = $(conformance_cppflags)
tests_conformance_shutdown_LDADD = $(conformance_libs)
tests_conformance_tcp_CPPFLAGS = $(conformance_cppflags)
tests_conformance_tcp_LDADD = $(conformance_libs)
tests_conformance_udp_CPPFLAGS = $(conformance_cppflags)
tests_conformance_udp_LDADD = $(conformance_libs)
tests_conformance_unix_CPPFLAGS = $(conformance_cppflags)
tests_conformance_unix_LDADD = $(conformance_libs)
# --- end of flags

if ENABLE_TESTS
check_PROGRAMS += $(conformance_tests) $(unit_tests) $(fault_tests)
TESTS += $(script_tests) $(fault_tests) $(conformance_tests) $(unit_tests)
endif

# What tools/test runs under TSan and under valgrind, where the longest take
# too long.
slow_tests =
thread_tests = $(conformance_tests)
valgrind_tests = $(filter-out $(slow_tests),$(unit_tests) $(conformance_tests))

# Cases have a minute; what hangs shall fail, what is only slow shall not.
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT:-60}; \
	CC='$(CC)'; CFLAGS='$(CFLAGS)'; LDFLAGS='$(LDFLAGS)'; \
	PIKE_SANITIZE='$(PIKE_SANITIZE)'; PKG_CONFIG='$(PKG_CONFIG)'; \
	PIKE_SYMVERS='$(have_vscript)'; MAKE='$(MAKE)'; \
	top_srcdir='$(top_srcdir)'; top_builddir='$(top_builddir)'; \
	export CK_DEFAULT_TIMEOUT CC CFLAGS LDFLAGS PIKE_SANITIZE PKG_CONFIG \
		PIKE_SYMVERS MAKE top_srcdir top_builddir;

# One line for all that ran, whichever way each test counts its cases.
check-summary:
	@$(SHELL) $(top_srcdir)/tests/support/summary \
		-b '$(PIKE_BACKENDS)' $(TEST_LOGS)
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
		PIKE_PREFIX='$(prefix)' \
		$(SHELL) $(top_srcdir)/tests/install/install.sh

EXTRA_DIST += \
	$(script_tests) \
	tests/install/consumer.c \
	tests/support/summary

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

conformance_tests =

unit_tests = \
	tests/unit/done \
	tests/unit/grow \
	tests/unit/handle \
	tests/unit/inbox \
	tests/unit/slot \
	tests/unit/timer

fault_tests =

# In the order of how long they take: the longest first.
script_tests = \
	tests/headers/headers.sh \
	tests/install/install.sh \
	tests/install/readme.sh \
	tests/man/pages.sh

if ENABLE_EXAMPLES
script_tests += tests/examples/run.sh
endif

conformance_libs = libpike.la $(CHECK_LIBS) $(PTHREAD_LIBS)
conformance_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(CHECK_CFLAGS)
seam_libs = libpike-test.la $(CHECK_LIBS) $(PTHREAD_LIBS)
seam_cppflags = $(conformance_cppflags) -I$(top_srcdir)/lib \
	-DPIKE_STATIC -DPIKE_SEAM

unit_header = tests/unit/unit.h

tests_unit_done_SOURCES = tests/unit/done.c $(unit_header)
tests_unit_done_CPPFLAGS = $(seam_cppflags)
tests_unit_done_LDADD = $(seam_libs)

tests_unit_grow_SOURCES = tests/unit/grow.c $(unit_header)
tests_unit_grow_CPPFLAGS = $(seam_cppflags)
tests_unit_grow_LDADD = $(seam_libs)

tests_unit_handle_SOURCES = tests/unit/handle.c $(unit_header)
tests_unit_handle_CPPFLAGS = $(seam_cppflags)
tests_unit_handle_LDADD = $(seam_libs)

tests_unit_inbox_SOURCES = tests/unit/inbox.c $(unit_header)
tests_unit_inbox_CPPFLAGS = $(seam_cppflags)
tests_unit_inbox_LDADD = $(seam_libs)

tests_unit_slot_SOURCES = tests/unit/slot.c $(unit_header)
tests_unit_slot_CPPFLAGS = $(seam_cppflags)
tests_unit_slot_LDADD = $(seam_libs)

tests_unit_timer_SOURCES = tests/unit/timer.c $(unit_header)
tests_unit_timer_CPPFLAGS = $(seam_cppflags)
tests_unit_timer_LDADD = $(seam_libs)

if ENABLE_TESTS
check_PROGRAMS += $(conformance_tests) $(unit_tests) $(fault_tests)
TESTS += $(script_tests) $(fault_tests) $(conformance_tests) $(unit_tests)
endif

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

# SPDX-License-Identifier: MIT

# Not installed: says which backends this build can open on this machine.
noinst_PROGRAMS += pike-info
pike_info_SOURCES = tools/pike-info.c
pike_info_LDADD = libpike.la

check-style:
	cd $(top_srcdir) && tools/check-style


EXTRA_DIST += \
	tools/check-semantics \
	tools/check-style \
	tools/demo \
	tools/macos \
	tools/setup-lib.sh \
	tools/test \
	tools/vm \
	tools/vm-fetch \
	tools/windows

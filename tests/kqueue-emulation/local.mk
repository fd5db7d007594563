# SPDX-License-Identifier: MIT
#
# kqueue() and kevent() on top of epoll, for tests; never installed.

if KQUEUE_EMULATION
noinst_LTLIBRARIES += libkqueue-emulation.la
endif
libkqueue_emulation_la_SOURCES = \
	tests/kqueue-emulation/calls.c \
	tests/kqueue-emulation/emulation.h \
	tests/kqueue-emulation/filters.c \
	tests/kqueue-emulation/kevent.c \
	tests/kqueue-emulation/queue.c \
	tests/kqueue-emulation/strict.c \
	tests/kqueue-emulation/sys/event.h
libkqueue_emulation_la_CPPFLAGS = -I$(top_srcdir)/tests/kqueue-emulation
libkqueue_emulation_la_CFLAGS = $(AM_CFLAGS) $(PIKE_HIDDEN)
EXTRA_DIST += \
	tests/kqueue-emulation/README \
	tests/kqueue-emulation/shapes/dragonfly/sys/event.h \
	tests/kqueue-emulation/shapes/freebsd/sys/event.h \
	tests/kqueue-emulation/shapes/freebsd11/sys/event.h \
	tests/kqueue-emulation/shapes/macos/sys/event.h \
	tests/kqueue-emulation/shapes/netbsd/sys/event.h \
	tests/kqueue-emulation/shapes/netbsd9/sys/event.h \
	tests/kqueue-emulation/shapes/openbsd/sys/event.h

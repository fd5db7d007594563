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
	tests/kqueue-emulation/signals.c \
	tests/kqueue-emulation/strict.c \
	tests/kqueue-emulation/sys/event.h
libkqueue_emulation_la_CPPFLAGS = -I$(top_srcdir)/tests/kqueue-emulation
libkqueue_emulation_la_CFLAGS = $(AM_CFLAGS) $(PIKE_HIDDEN)

# SPDX-License-Identifier: MIT
#
# The library.  A new source file is one line in one of these lists.

pike_core = \
	lib/addr.c \
	lib/backend.c \
	lib/cancel.c \
	lib/done.c \
	lib/error.c \
	lib/group.c \
	lib/handle.c \
	lib/inbox.c \
	lib/lane.c \
	lib/op.c \
	lib/queue.c \
	lib/reap.c \
	lib/slot.c \
	lib/submit.c \
	lib/timer.c \
	lib/version.c

pike_core_headers = \
	lib/alloc.h \
	lib/backend.h \
	lib/done.h \
	lib/group.h \
	lib/grow.h \
	lib/handle.h \
	lib/inbox.h \
	lib/op.h \
	lib/port.h \
	lib/queue.h \
	lib/shape.h \
	lib/slot.h \
	lib/timer.h

# Alike on every system, by its own declarations.
pike_alike = \
	lib/backend/option.c \
	lib/backend/sockaddr.c \
	lib/backend/option.h \
	lib/backend/sockaddr.h

pike_reactor = \
	lib/backend/sys.def \
	lib/backend/posix_adopt.c \
	lib/backend/posix_error.c \
	lib/backend/posix_io.c \
	lib/backend/posix_msg.c \
	lib/backend/posix_pipe.c \
	lib/backend/posix_signal.c \
	lib/backend/posix_socket.c \
	lib/backend/reactor.c \
	lib/backend/reactor_group.c \
	lib/backend/reactor_refused.c \
	lib/backend/reactor_signal.c \
	lib/backend/reactor_urgent.c \
	lib/backend/compat.h \
	lib/backend/compat_calls.h \
	lib/backend/compat_flags.h \
	lib/backend/compat_linux.h \
	lib/backend/compat_posix.h \
	lib/backend/hb.h \
	lib/backend/posix_error.h \
	lib/backend/posix_io.h \
	lib/backend/posix_opt.h \
	lib/backend/posix_signal.h \
	lib/backend/reactor.h \
	lib/backend/sys.h

pike_linux_fds = \
	lib/backend/own.c \
	lib/backend/own.h

pike_epoll = \
	lib/backend/epoll.c

pike_kqueue = \
	lib/backend/bell.c \
	lib/backend/bell.h \
	lib/backend/kqueue.c \
	lib/backend/kqueue.h \
	lib/backend/kqueue_show.c

pike_iocp = \
	lib/backend/win_sys.def \
	lib/backend/iocp.c \
	lib/backend/iocp_accept.c \
	lib/backend/iocp_adopt.c \
	lib/backend/iocp_clock.c \
	lib/backend/iocp_end.c \
	lib/backend/iocp_group.c \
	lib/backend/iocp_later.c \
	lib/backend/iocp_op.c \
	lib/backend/iocp_packet.c \
	lib/backend/iocp_poll.c \
	lib/backend/iocp_shown.c \
	lib/backend/iocp_transfer.c \
	lib/backend/win_calls.c \
	lib/backend/win_error.c \
	lib/backend/win_signal.c \
	lib/backend/win_socket.c \
	lib/backend/iocp.h \
	lib/backend/iocp_packet.h \
	lib/backend/win_error.h \
	lib/backend/win_opt.h \
	lib/backend/win_signal.h \
	lib/backend/win_sys.h

pike_uring = \
	lib/backend/uring.c \
	lib/backend/uring_answer.c \
	lib/backend/uring_group.c \
	lib/backend/uring_msg.c \
	lib/backend/uring_op.c \
	lib/backend/uring_wait.c \
	lib/backend/uring.h \
	lib/backend/uring_sys.h

lib_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/lib $(LIBURING_CFLAGS) \
	$(PIKE_KQUEUE_CPPFLAGS)
lib_libadd = $(LIBURING_LIBS) $(LIBKQUEUE_LIBS) $(PTHREAD_LIBS) \
	$(WINDOWS_LIBS)

pike_sources = $(pike_core) $(pike_core_headers) $(pike_alike)
if HAVE_WINDOWS
pike_sources += lib/port_win.c
pike_seam = lib/backend/win_seam.c
else
pike_sources += lib/port_posix.c
pike_seam = lib/backend/seam.c
endif
if HAVE_REACTOR
pike_sources += $(pike_reactor)
endif
if HAVE_LINUX_FDS
pike_sources += $(pike_linux_fds)
endif
if HAVE_EPOLL
pike_sources += $(pike_epoll)
endif
if KQUEUE_EMULATION
lib_libadd += libkqueue-emulation.la
endif
if HAVE_KQUEUE
pike_sources += $(pike_kqueue)
endif
if HAVE_IOCP
pike_sources += $(pike_iocp)
endif
if HAVE_URING
pike_sources += $(pike_uring)
endif

# What is installed.
include_HEADERS = include/pike.h
pikeincludedir = $(includedir)/pike
pikeinclude_HEADERS = \
	include/pike/error.h \
	include/pike/version.h
pkgconfig_DATA = lib/pike.pc

lib_LTLIBRARIES += libpike.la
libpike_la_SOURCES = $(pike_sources)
libpike_la_CPPFLAGS = $(lib_cppflags) -DPIKE_BUILD
libpike_la_CFLAGS = $(AM_CFLAGS) $(PIKE_HIDDEN)
libpike_la_LIBADD = $(lib_libadd)
libpike_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined \
	-version-info $(PIKE_LT_CURRENT):$(PIKE_LT_REVISION):$(PIKE_LT_AGE)
if HAVE_WINDOWS
# 32 bits divide 64 by a function of the compiler's, whose DLL few machines have.
libpike_la_LDFLAGS += -static-libgcc
endif
if HAVE_VSCRIPT
libpike_la_LDFLAGS += $(VSCRIPT_LDFLAGS),$(top_srcdir)/lib/libpike.map
endif
EXTRA_libpike_la_DEPENDENCIES = lib/libpike.map

# The same sources with every system call and allocation going through a
# table that a test can replace.  Never installed.
check_LTLIBRARIES += libpike-test.la
libpike_test_la_SOURCES = $(pike_sources) $(pike_seam)
libpike_test_la_CPPFLAGS = $(lib_cppflags) -DPIKE_STATIC -DPIKE_SEAM
libpike_test_la_LIBADD = $(lib_libadd)

EXTRA_DIST += lib/libpike.map lib/pike.pc.in

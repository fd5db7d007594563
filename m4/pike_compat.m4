# SPDX-License-Identifier: MIT

# PIKE_COMPAT
# -----------
# Chooses, of the files that lib/backend/compat.h tells of, those of this
# system.  With the emulation of kqueue they are what a system has that lacks
# everything else, so that they are tried too.
AC_DEFUN([PIKE_COMPAT], [
  AC_CHECK_FUNCS([accept4])
  pike_compat_rest=posix pike_compat_make=calls pike_abstract=0
  pike_sends_wait=0
  AS_CASE([$host_os], [linux*],
    [pike_compat_rest=linux pike_compat_make=flags pike_abstract=1],
    [mingw*], [pike_abstract=1],
    [darwin*|netbsd*], [pike_sends_wait=1])
  AS_IF([test "x$ac_cv_func_accept4" = xyes], [pike_compat_make=flags])
  AS_IF([test "x$kqueue_from" = xemulation],
    [pike_compat_rest=posix pike_compat_make=calls pike_sends_wait=1])
  AC_DEFINE_UNQUOTED([PIKE_COMPAT_REST], ["compat_$pike_compat_rest.h"],
    [What the system does in its own way.])
  AC_DEFINE_UNQUOTED([PIKE_COMPAT_MAKE], ["compat_$pike_compat_make.h"],
    [How descriptors are made.])
  AS_IF([test $pike_compat_rest = linux],
    [AC_DEFINE([PIKE_COMPAT_LINUX], [1],
      [Define to 1 when compat_linux.h is used.])])
  AS_IF([test $pike_compat_make = calls],
    [AC_DEFINE([PIKE_MAKE_CALLS], [1],
      [Define to 1 when compat_calls.h is used.])])
  AS_IF([test "x$have_epoll" = xyes || test "x$have_uring" = xyes],
    [AC_DEFINE([PIKE_LINUX_FDS], [1],
      [Define to 1 when a backend uses epoll, eventfd and timerfd.])])
  AC_DEFINE_UNQUOTED([PIKE_SENDS_WAIT], [$pike_sends_wait],
    [1 when a send waits for room in spite of MSG_DONTWAIT.])
  AC_DEFINE_UNQUOTED([PIKE_ABSTRACT], [$pike_abstract],
    [1 when Unix sockets can have names that are no paths.])
])

# SPDX-License-Identifier: MIT

# PIKE_KQUEUE
# -----------
# The kqueue backend: where the system has it, or with libkqueue, or on the
# emulation that the tests bring along.  A build with the emulation is not to be
# installed.  Sets kqueue_from to what it stands on, or no.
AC_DEFUN([PIKE_KQUEUE], [
  AC_ARG_ENABLE([kqueue],
    [AS_HELP_STRING([--disable-kqueue], [leave the kqueue backend out])],
    [], [enable_kqueue=auto])
  AC_ARG_WITH([libkqueue],
    [AS_HELP_STRING([--with-libkqueue],
      [build the kqueue backend with libkqueue @<:@no@:>@])],
    [], [with_libkqueue=no])
  AC_ARG_ENABLE([kqueue-emulation],
    [AS_HELP_STRING([--enable-kqueue-emulation],
      [build the kqueue backend, for tests only, on the emulation in
       tests/kqueue-emulation; such a build cannot be installed @<:@no@:>@])],
    [], [enable_kqueue_emulation=no])
  AS_IF([test "x$with_libkqueue" != xno &&
         test "x$enable_kqueue_emulation" != xno],
    [AC_MSG_ERROR([--with-libkqueue and --enable-kqueue-emulation are two])])
  AS_IF([test "x$enable_kqueue" = xno &&
         test "x$with_libkqueue.$enable_kqueue_emulation" != xno.no],
    [AC_MSG_ERROR([--disable-kqueue leaves nothing for what was asked for])])
  kqueue_from=no
  PIKE_KQUEUE_CPPFLAGS=
  pike_libkqueue=0
  AS_IF(
    [test "x$enable_kqueue" = xno], [],
    [test "x$with_libkqueue" != xno],
      [PKG_CHECK_MODULES([LIBKQUEUE], [libkqueue], [],
         [AC_MSG_ERROR([--with-libkqueue needs libkqueue and pkg-config])])
       kqueue_from=libkqueue
       pike_libkqueue=1
       PIKE_KQUEUE_CPPFLAGS=$LIBKQUEUE_CFLAGS
       PIKE_REQUIRES="${PIKE_REQUIRES:+$PIKE_REQUIRES, }libkqueue"],
    [test "x$enable_kqueue_emulation" != xno],
      [kqueue_from=emulation
       PIKE_KQUEUE_CPPFLAGS='-I$(top_srcdir)/tests/kqueue-emulation'],
    [AC_CHECK_FUNC([kqueue],
       [AC_CHECK_HEADER([sys/event.h], [kqueue_from=system], [],
          [#include <sys/types.h>])])])
  AS_IF([test "x$enable_kqueue.$kqueue_from" = xyes.no],
    [AC_MSG_ERROR([--enable-kqueue was given but there is none here])])
  AS_IF([test "x$kqueue_from" != xno],
    [AC_DEFINE([PIKE_HAVE_KQUEUE], [1],
      [Define to 1 when the kqueue backend is built in.])
     PIKE_BACKENDS="${PIKE_BACKENDS:+$PIKE_BACKENDS }kqueue"])
  AC_DEFINE_UNQUOTED([PIKE_LIBKQUEUE], [$pike_libkqueue],
    [1 when kevent is that of libkqueue.])
  AC_SUBST([PIKE_KQUEUE_CPPFLAGS])
  AM_CONDITIONAL([HAVE_KQUEUE], [test "x$kqueue_from" != xno])
  AM_CONDITIONAL([KQUEUE_EMULATION], [test "x$kqueue_from" = xemulation])
])

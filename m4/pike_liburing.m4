# SPDX-License-Identifier: MIT

# PIKE_LIBURING
# -------------
# The io_uring backend, which is built with liburing: taken in when it is
# there, unless --with-liburing says otherwise.  Goes before the backends that
# serve when the kernel refuses it.
AC_DEFUN([PIKE_LIBURING], [
  AC_ARG_WITH([liburing],
    [AS_HELP_STRING([--with-liburing=auto|yes|no],
      [build the uring backend, which needs liburing 2.3 @<:@auto@:>@])],
    [], [with_liburing=auto])
  have_uring=no
  PIKE_REQUIRES=
  AS_CASE([$with_liburing],
    [no], [],
    [yes|auto], [PKG_CHECK_MODULES([LIBURING], [liburing >= 2.3],
      [have_uring=yes], [have_uring=no])],
    [AC_MSG_ERROR([--with-liburing takes auto, yes or no])])
  # Not what pkg-config found for the machine that builds.
  AS_IF([test "x$have_uring" = xyes],
    [pike_save_CPPFLAGS=$CPPFLAGS
     CPPFLAGS="$CPPFLAGS $LIBURING_CFLAGS"
     AC_CHECK_HEADER([liburing.h], [], [have_uring=no])
     CPPFLAGS=$pike_save_CPPFLAGS])
  AS_IF([test "x$have_uring" = xno], [LIBURING_CFLAGS= LIBURING_LIBS=])
  AS_IF([test "x$with_liburing.$have_uring" = xyes.no],
    [AC_MSG_ERROR(
      [--with-liburing needs liburing 2.3 or newer (Debian: liburing-dev)])])
  AS_IF([test "x$have_uring" = xyes],
    [AC_DEFINE([PIKE_HAVE_URING], [1],
      [Define to 1 when the uring backend is built in.])
     PIKE_REQUIRES='liburing >= 2.3'
     PIKE_BACKENDS="${PIKE_BACKENDS:+$PIKE_BACKENDS }uring"])
  AC_SUBST([PIKE_REQUIRES])
  AM_CONDITIONAL([HAVE_URING], [test "x$have_uring" = xyes])
])

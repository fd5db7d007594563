# SPDX-License-Identifier: MIT

# PIKE_SYSTEM
# -----------
# Which family of systems the host is of.  On Windows sockets are two libraries
# and threads are the system's own: those of POSIX are not looked for there, as
# a compiler that has them would tie every program to one more DLL.
AC_DEFUN([PIKE_SYSTEM], [
  AC_REQUIRE([AC_CANONICAL_HOST])
  WINDOWS_LIBS=
  AS_CASE([$host_os],
    [mingw*],
      [pike_windows=yes
       WINDOWS_LIBS='-lmswsock -lws2_32'
       AC_DEFINE([_WIN32_WINNT], [0x0A00],
         [Which Windows the headers show; what is newer is asked for.])
       AC_DEFINE([__USE_MINGW_ANSI_STDIO], [1],
         [Define to 1 for printf as C11 has it.])],
    [pike_windows=no
     AX_PTHREAD([], [AC_MSG_ERROR([pike needs POSIX threads])])])
  AC_SUBST([WINDOWS_LIBS])
  AC_SUBST([PTHREAD_CFLAGS])
  AC_SUBST([PTHREAD_LIBS])
  AM_CONDITIONAL([HAVE_WINDOWS], [test "x$pike_windows" = xyes])
])

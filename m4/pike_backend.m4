# SPDX-License-Identifier: MIT

# PIKE_BACKEND(NAME, HEADER)
# --------------------------
# Takes the backend NAME in when HEADER is there and $enable_NAME does not
# forbid it; an explicit yes that cannot be met is an error.  Sets have_NAME,
# the conditional and the macro, and adds NAME to PIKE_BACKENDS.
AC_DEFUN([PIKE_BACKEND], [
  have_$1=no
  AS_IF([test "x$enable_$1" != xno], [AC_CHECK_HEADER([$2], [have_$1=yes])])
  AS_IF([test "x$enable_$1.$have_$1" = xyes.no],
    [AC_MSG_ERROR([--enable-$1 was given but $2 is not here])])
  AM_CONDITIONAL([HAVE_]AS_TR_CPP([$1]), [test "x$have_$1" = xyes])
  AS_IF([test "x$have_$1" = xyes],
    [AC_DEFINE([PIKE_HAVE_]AS_TR_CPP([$1]), [1],
      [Define to 1 when the $1 backend is built in.])
     PIKE_BACKENDS="${PIKE_BACKENDS:+$PIKE_BACKENDS }$1"])
])

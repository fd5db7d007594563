# SPDX-License-Identifier: MIT

# PIKE_ADD_CFLAGS(FLAGS), PIKE_ADD_LDFLAGS(FLAGS)
# -----------------------------------------------
# Appends each flag that the compiler (the linker) takes without complaint.
# -Werror is there for compilers that only warn about flags they do not know.
AC_DEFUN([PIKE_ADD_CFLAGS], [
  AC_SUBST([PIKE_CFLAGS])
  m4_foreach_w([pike_flag], [$1],
    [AX_CHECK_COMPILE_FLAG(pike_flag,
      [PIKE_CFLAGS="${PIKE_CFLAGS:+$PIKE_CFLAGS }]pike_flag["],
      [], [-Werror])])
])

AC_DEFUN([PIKE_ADD_LDFLAGS], [
  AC_SUBST([PIKE_LDFLAGS])
  AX_CHECK_LINK_FLAG([$1],
    [PIKE_LDFLAGS="${PIKE_LDFLAGS:+$PIKE_LDFLAGS }$1"], [], [-Werror])
])

# PIKE_WARNINGS
# -------------
# Warnings are on for everyone, errors only for those who ask.
AC_DEFUN([PIKE_WARNINGS], [
  AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [warnings are errors @<:@no@:>@])],
    [], [enable_werror=no])
  PIKE_ADD_CFLAGS([-pedantic -Wall -Wextra -Wshadow -Wundef -Wvla
    -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wformat=2])
  AS_IF([test "x$enable_werror" = xyes],
    [PIKE_CFLAGS="$PIKE_CFLAGS -Werror"])
])

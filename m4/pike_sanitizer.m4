# SPDX-License-Identifier: MIT

# PIKE_SANITIZER
# --------------
# --with-sanitizer=address,undefined or =thread: what is asked for must work.
# Sets $pike_sanitizer, and PIKE_SANITIZE to the flags that anything linked
# with the library needs as well.
AC_DEFUN([PIKE_SANITIZER], [
  AC_ARG_WITH([sanitizer],
    [AS_HELP_STRING([--with-sanitizer=LIST],
      [address,undefined or thread: build everything with it @<:@no@:>@])],
    [], [with_sanitizer=no])
  pike_sanitizer=$with_sanitizer
  PIKE_SANITIZE=
  AS_CASE([$pike_sanitizer],
    [no], [],
    [yes|''], [AC_MSG_ERROR([--with-sanitizer needs a list])],
    [PIKE_SANITIZE="-fsanitize=$pike_sanitizer -fno-sanitize-recover=all"
     PIKE_SANITIZE="$PIKE_SANITIZE -fno-omit-frame-pointer"
     AX_CHECK_LINK_FLAG([$PIKE_SANITIZE], [],
       [AC_MSG_ERROR([$CC has no sanitizer $pike_sanitizer])])
     PIKE_CFLAGS="$PIKE_CFLAGS $PIKE_SANITIZE"
     PIKE_LDFLAGS="${PIKE_LDFLAGS:+$PIKE_LDFLAGS }$PIKE_SANITIZE"])
  AC_SUBST([PIKE_SANITIZE])
])

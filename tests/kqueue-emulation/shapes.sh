#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The kqueue backend compiles against the shapes that sys/event.h has on the
# systems of shapes/, which were written by hand: with each compiler that is
# here, with the seam of the tests and without, for 64 bits and for 32, where
# nothing is linked and so nothing is needed.  Also each shape is as wide as
# that of its system, and a use of a shape that another system has not fails.
set -eu
: "${top_srcdir:=.}" "${top_builddir:=.}"

here=$top_srcdir/tests/kqueue-emulation
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

# As configure would say it of such a system; the other headers are ours.
mkdir -p "$dir/config" "$dir/32/gnu"
cat >"$dir/config/config.h" <<'END'
#define _GNU_SOURCE 1
#define PIKE_HAVE_KQUEUE 1
#define PIKE_LIBKQUEUE 0
#define PIKE_ABSTRACT 0
#define PIKE_MAKE_CALLS 1
#define PIKE_COMPAT_MAKE "compat_calls.h"
#define PIKE_COMPAT_REST "compat_posix.h"
END
# What a libc for 32 bits has, and this machine need not.
: >"$dir/32/gnu/stubs-32.h"

cat >"$dir/width.c" <<'END'
#include <sys/event.h>
#define IS(system, bits, size, filter_size, data_size) \
	_Static_assert(sizeof(void *) * 8 != bits || \
	    (sizeof(struct kevent) == size && \
	    sizeof((struct kevent *)0)->filter == filter_size && \
	    sizeof((struct kevent *)0)->data == data_size), system);
WIDTHS
static struct kevent event;
int main(void)
{
	EV_SET(&event, 1, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, 0);
	return (int)event.ident;
}
END

# What a struct kevent takes on 64 and 32 bits (of x86, where a uint64_t is
# aligned to 4 bytes), of that its filter, its data.
widths() {
  case $1 in
  freebsd) echo "IS(\"$1\", 64, 64, 2, 8) IS(\"$1\", 32, 56, 2, 8)" ;;
  freebsd11 | dragonfly | macos)
    echo "IS(\"$1\", 64, 32, 2, 8) IS(\"$1\", 32, 20, 2, 4)" ;;
  openbsd) echo "IS(\"$1\", 64, 32, 2, 8) IS(\"$1\", 32, 24, 2, 8)" ;;
  netbsd9) echo "IS(\"$1\", 64, 40, 4, 8) IS(\"$1\", 32, 28, 4, 8)" ;;
  netbsd) echo "IS(\"$1\", 64, 72, 4, 8) IS(\"$1\", 32, 60, 4, 8)" ;;
  esac
}

flags='-std=c11 -O1 -pedantic -Wall -Wextra -Wshadow -Wundef -Wvla
  -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Werror'

# compile WHAT SHAPE COMPILER FLAG...: -S, as some warnings need optimization
compile() {
  what=$1 shape=$2
  shift 2
  if "$@" -I"$here/shapes/$shape" -I"$dir/config" -I"$top_srcdir/include" \
    -I"$top_srcdir/lib" -I"$top_srcdir/lib/backend" -S -o "$dir/out.s" \
    >"$dir/out" 2>&1
  then
    echo "PASS $what"
  else
    cat "$dir/out"
    echo "FAIL $what: does not compile"
    status=1
  fi
}

# shape NAME COMPILER [FLAG...]
shape() {
  name=$1 said="$2${3:+ $3}" seams=
  case $name in freebsd | netbsd9) seams=-DPIKE_SEAM ;; esac
  shift
  for file in "$top_srcdir"/lib/backend/kqueue*.c \
    "$top_srcdir/lib/backend/bell.c"
  do
    for seam in '' $seams; do
      # shellcheck disable=SC2086 # flags
      compile "${file##*/} for $name with $said${seam:+ $seam}" "$name" "$@" \
        $flags $seam -DPIKE_STATIC "$file"
    done
  done
  sed "s|^WIDTHS|$(widths "$name")|" "$dir/width.c" >"$dir/width-$name.c"
  # shellcheck disable=SC2086 # flags
  compile "width of $name with $said" "$name" "$@" $flags "$dir/width-$name.c"
}

for compiler in gcc clang; do
  if ! command -v $compiler >/dev/null 2>&1; then
    echo "SKIP $compiler: no such compiler here"
    continue
  fi
  bits32=
  echo '#include <sys/socket.h>' >"$dir/try.c"
  # The headers are the same, but not found where another width is.
  here32="-I$dir/32 -idirafter /usr/include/$(gcc -print-multiarch 2>&1 || :)"
  # shellcheck disable=SC2086 # flags
  if $compiler -m32 $here32 -fsyntax-only "$dir/try.c" 2>/dev/null; then
    bits32="-m32 $here32"
  else
    echo "SKIP $compiler -m32: does not compile a header here"
  fi
  for name in freebsd freebsd11 netbsd netbsd9 openbsd dragonfly macos; do
    shape $name $compiler
    # There is no macOS of 32 bits any more.
    if [ -n "$bits32" ] && [ $name != macos ]; then
      # shellcheck disable=SC2086 # flags
      shape $name $compiler $bits32
    fi
  done
done
exit $status

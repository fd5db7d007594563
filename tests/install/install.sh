#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs pike into a scratch directory (or takes PIKE_INSTALLED, the
# pkg-config directory of an installed one) and shows that a program finds
# it with nothing but pkg-config, shared and static, and that the shared
# library exports what the header declares and the map lists: no more, no
# less.
set -eu
: "${top_srcdir:=.}" "${top_builddir:=.}" "${CC:=cc}" "${MAKE:=make}"
: "${PKG_CONFIG:=pkg-config}" "${PIKE_SANITIZE:=}" "${CFLAGS:=}" "${LDFLAGS:=}"
: "${PIKE_SYMVERS:=yes}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

pass() { echo "PASS $1"; }
fail() { echo "FAIL $1: $2"; status=1; }
skip() { echo "SKIP $1: $2"; }

# --- Where it is installed ------------------------------------------------

if [ -n "${PIKE_INSTALLED:-}" ]; then
  pc=$PIKE_INSTALLED
  root=${PIKE_INSTALLED%"$(sed -n 's/^prefix=//p' "$pc/pike.pc")"*}
else
  # The make that runs this test must not lend its flags to this one.
  unset MAKEFLAGS MFLAGS MAKELEVEL
  root=$dir/root
  if ! $MAKE -C "$top_builddir" install DESTDIR="$root" \
    >"$dir/log" 2>&1
  then
    cat "$dir/log"
    fail install 'make install failed'
    exit 1
  fi
  pc=$(dirname "$(find "$root" -name pike.pc)")
fi
PKG_CONFIG_PATH=$pc
# Prefixed to -I and -L, as for any staged tree; empty for a real prefix.
[ -z "$root" ] || export PKG_CONFIG_SYSROOT_DIR="$root"
export PKG_CONFIG_PATH
libdir=$root$($PKG_CONFIG --variable=libdir pike)
includedir=$root$($PKG_CONFIG --variable=includedir pike)
[ -d "$libdir" ] || libdir=$($PKG_CONFIG --variable=libdir pike)
[ -d "$includedir" ] || includedir=$($PKG_CONFIG --variable=includedir pike)

# --- A consumer -----------------------------------------------------------

# build NAME FLAG...: only the user's flags, the sanitizer's and pkg-config's
build() {
  name=$1
  shift
  # shellcheck disable=SC2086 # these are lists of flags
  if ! $CC $CFLAGS $PIKE_SANITIZE $LDFLAGS -o "$dir/$name" \
    "$top_srcdir/tests/install/consumer.c" "$@" >"$dir/log" 2>&1
  then
    cat "$dir/log"
    fail "consumer-$name" 'does not build'
    return
  fi
  if LD_LIBRARY_PATH=$libdir "$dir/$name" >"$dir/log" 2>&1; then
    pass "consumer-$name"
  else
    cat "$dir/log"
    fail "consumer-$name" 'does not run'
  fi
}

if [ -n "$(find "$libdir" -name 'libpike.so.*')" ]; then
  # shellcheck disable=SC2046
  build shared $($PKG_CONFIG --cflags --libs pike)
  if $PKG_CONFIG --libs pike | grep -q pthread; then
    fail pc-shared 'tells users of the shared library to link threads'
  else
    pass pc-shared
  fi
else
  skip consumer-shared 'configured with --disable-shared'
fi

if [ ! -f "$libdir/libpike.a" ]; then
  skip consumer-static 'configured with --disable-static'
elif [ -n "$PIKE_SANITIZE" ]; then
  skip consumer-static 'the sanitizers have no static programs'
elif ! echo 'int main(void) { return 0; }' | $CC -static -x c - \
  -o "$dir/try" >/dev/null 2>&1
then
  skip consumer-static 'the system has no static C library'
else
  # shellcheck disable=SC2046
  build static -static $($PKG_CONFIG --static --cflags --libs pike)
fi

# --- What is exported -----------------------------------------------------

declared() {
  tr "\n" " " <"$includedir/pike.h" | sed "s/PIKE_API /\n&/g" |
    sed -n 's/^PIKE_API [^;(]*[ *]\(pike_[a-z0-9_]*\)(.*/\1/p' | sort
}
mapped() {
  sed -n 's/^[[:space:]]*\(pike_[a-z0-9_]*\);.*/\1/p' \
    "$top_srcdir/lib/libpike.map" | sort
}
exported() {
  nm -D --defined-only "$libdir/libpike.so" | awk '$2 != "A" { print $3 }' |
    sed 's/@.*//' | sort
}
# same NAME FILE FILE
same() {
  if [ -s "$2" ] && diff "$2" "$3"; then
    pass "$1"
  else
    fail "$1" 'the lists differ'
  fi
}

declared >"$dir/declared"
mapped >"$dir/mapped"
same header-is-map "$dir/declared" "$dir/mapped"
if [ ! -e "$libdir/libpike.so" ]; then
  skip exports-are-map 'configured with --disable-shared'
elif [ "$PIKE_SYMVERS" != yes ]; then
  skip exports-are-map 'the linker takes no version script'
elif ! command -v nm >/dev/null 2>&1; then
  skip exports-are-map 'no nm here'
else
  exported >"$dir/exported"
  same exports-are-map "$dir/mapped" "$dir/exported"
fi
exit $status

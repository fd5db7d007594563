#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The public header compiles alone, twice, and first, in every C from C99 on
# and every C++ from C++11 on, with each compiler that is here, without one
# warning.
set -eu
: "${top_srcdir:=.}" "${CC:=cc}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

cat >"$dir/alone.c" <<'END'
#include <pike.h>
int main(void) { return 0; }
END
cat >"$dir/twice.c" <<'END'
#include <pike.h>
#include <pike.h>
#include <pike/version.h>
int main(void) { return 0; }
END
# A user's header that is included after pike.h sees nothing changed.
cat >"$dir/before.c" <<'END'
#include <pike.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
int main(void) { return (int)sizeof(struct pike_op) == 0; }
END
for name in alone twice before; do
  cp "$dir/$name.c" "$dir/$name.cc"
done

# compile COMPILER LANGUAGE STANDARD SUFFIX
compile() {
  for name in alone twice before; do
    what="$1 -std=$3 $name"
    if $1 -x "$2" -std="$3" -pedantic -Wall -Wextra -Wundef -Werror \
      -I"$top_srcdir/include" -fsyntax-only "$dir/$name.$4" \
      >"$dir/out" 2>&1
    then
      echo "PASS $what"
    else
      cat "$dir/out"
      echo "FAIL $what: does not compile"
      status=1
    fi
  done
}

# try COMPILER LANGUAGE SUFFIX STANDARD...
try() {
  compiler=$1 language=$2 suffix=$3
  shift 3
  if ! command -v "${compiler%% *}" >/dev/null 2>&1; then
    echo "SKIP $compiler: no such compiler here"
    return
  fi
  for std do
    if echo 'int main(void) { return 0; }' | $compiler -x "$language" \
      -std="$std" -fsyntax-only - >/dev/null 2>&1
    then
      compile "$compiler" "$language" "$std" "$suffix"
    else
      echo "SKIP $compiler -std=$std: not known to this compiler"
    fi
  done
}

for compiler in gcc clang; do
  try $compiler c c c99 c11 c17 c2x
done
for compiler in g++ clang++; do
  try $compiler c++ cc c++11 c++14 c++17 c++20
done
exit $status

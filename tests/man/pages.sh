#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The manual is sound, names everything that the header declares, and its
# examples compile; and each rule of the contract has the tests that it names.
set -u
: "${top_srcdir:=.}" "${CC:=cc}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

pass() { echo "PASS $1"; }
fail() { echo "FAIL $1: $2"; status=1; }

header=$top_srcdir/include/pike.h

if command -v mandoc >/dev/null 2>&1; then
  for page in "$top_srcdir"/man/*.[37]; do
    if mandoc -Tlint -Wwarning "$page" >"$dir/lint"; then
      pass "lint ${page##*/}"
    else
      fail "lint ${page##*/}" "$(cat "$dir/lint")"
    fi
  done
else
  echo "SKIP lint: no mandoc here"
fi

# Functions: those behind PIKE_API, which may end their line with a type.
sed -n '/^PIKE_API/,/(/p' "$header" | tr '\n' ' ' |
  sed 's/PIKE_API/\n/g' | sed -n 's/^[^(]*[ *]\(pike_[a-z_]*\)(.*/\1/p' \
  >"$dir/functions"
[ "$(wc -l <"$dir/functions")" -ge 25 ] ||
  fail functions 'the header declares fewer than it should'
while read -r name; do
  page=$(sed -n "s/^[[:space:]]*$name=\([a-z_]*\).*/\1/p" \
    "$top_srcdir/man/local.mk")
  page=$top_srcdir/man/${page:-$name}.3
  if [ ! -f "$page" ]; then
    fail "page of $name" 'there is none'
  elif ! grep -q "^\.F[no] .*$name" "$page"; then
    fail "page of $name" "${page##*/} does not declare it"
  elif [ "${page##*/}" != "$name.3" ] &&
    ! grep -q "man/$name\.3 *\\\\*\$" "$top_srcdir/man/local.mk"; then
    fail "page of $name" 'it is missing in man_aliases'
  else
    pass "page of $name"
  fi
done <"$dir/functions"

# Every other public name appears on some page.
cat "$top_srcdir"/man/*.[37] >"$dir/all"
sed -n '/^enum pike_opcode {/,/^}/s/^\t\(PIKE_[A-Z_]*\)[, ].*/\1/p' \
  "$header" | grep -v PIKE_OPCODES >"$dir/opcodes"
[ "$(wc -l <"$dir/opcodes")" -ge 25 ] ||
  fail opcodes 'the header has fewer than it should'
while read -r name; do
  if grep -q "^\.Ss \(.*, \)*$name\(,.*\)*\$" "$top_srcdir/man/pike_ops.7"
  then
    pass "page of $name"
  else
    fail "page of $name" 'pike_ops.7 has no section'
  fi
done <"$dir/opcodes"
grep -Eo '\bPIKE_(MSG|POLL|SHUT|SOCK|SO|TIMER|FEATURE|ROUTE|AF)_[A-Z0-9_]+' \
  "$header" | grep -Ev '_$|FEATURES' | sort -u >"$dir/names"
for name in $(cat "$dir/names") PIKE_MULTISHOT PIKE_ALL PIKE_MORE \
  PIKE_TRUNCATED PIKE_CONTROL_TRUNCATED PIKE_EOF PIKE_POSTED PIKE_BUFFER \
  PIKE_GROUP PIKE_GROUP_DATA PIKE_ZERO_COPY; do
  if grep -qw -e "$name" "$dir/all"; then
    pass "mention of $name"
  else
    fail "mention of $name" 'no page has it'
  fi
done

# And no page names what there is not.
grep -Eoh '\bPIKE_E[A-Z0-9]+' "$dir/all" | sort -u |
  grep -Ev 'PIKE_(EOF|ERROR)$' >"$dir/errors"
while read -r name; do
  grep -Eqw -e "(PIKE_)?${name#PIKE_}" "$top_srcdir/include/pike/error.h" ||
    fail "error $name" 'error.h does not have it'
done <"$dir/errors"
pass 'errors exist'

# What an example may take for granted.
cat >"$dir/before.h" <<'END'
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <pike.h>
struct job { int answer, question; };
extern struct pike_queue *q;
extern struct pike_addr addr;
extern struct pike_completion *done;
extern struct job *job;
extern pike_handle h;
extern pike_id accept_id;
extern char buf[4096], head[64], body[64];
extern size_t len, head_len, body_len;
extern void *connection;
extern const char *peer_name;
extern int other;
int compute(int question);
void print_statistics(void);
void on_completion(void *user_data, const struct pike_completion *c);
END

# The literal blocks of a page as C, each in a file: below EXAMPLES, and in
# pike_ops.7 everywhere but where a struct is shown.
blocks() {
  awk -v out="$dir/block" -v everywhere="$2" '
    /^\.Sh / { on = everywhere || /EXAMPLES/ }
    on && /^\.Bd -literal/ { n++; inside = 1; next }
    /^\.Ed/ { inside = 0 }
    inside { gsub(/\\e/, "\\"); print > (out "." n ".txt") }
  ' "$1"
}

for page in "$top_srcdir"/man/*.[37]; do
  everywhere=0
  [ "${page##*/}" = pike_ops.7 ] && everywhere=1
  rm -f "$dir"/block.*
  blocks "$page" $everywhere
  good=0
  for block in "$dir"/block.*.txt; do
    [ -f "$block" ] || continue
    what="example $((good + 1)) of ${page##*/}"
    grep -q '^struct [a-z_]* {' "$block" && continue
    if grep -q '^int main' "$block"; then
      cp "$block" "$dir/example.c"
    else
      { cat "$dir/before.h"
        echo 'int example(void); int example(void) {'
        cat "$block"
        echo '; return 0; }'; } >"$dir/example.c"
    fi
    # Declared and not used is what an example may do.
    if $CC -std=gnu11 -Wall -Wextra -Wno-unused -Werror -fsyntax-only \
      -I"$top_srcdir/include" "$dir/example.c" >"$dir/errors" 2>&1; then
      good=$((good + 1))
    else
      fail "$what" "does not compile: $(cat "$block" "$dir/errors")"
    fi
  done
  if [ $good -gt 0 ]; then
    pass "examples of ${page##*/}: $good compile"
  else
    fail "examples of ${page##*/}" 'there are none'
  fi
done

if said=$(sh "$top_srcdir/tools/check-semantics"); then
  pass 'tests of doc/SEMANTICS.md'
else
  fail 'tests of doc/SEMANTICS.md' "$said"
fi
exit $status

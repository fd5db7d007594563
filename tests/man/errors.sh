#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What each public function can return is documented: every code that the core
# returns on the way from it stands in the header, at the function or in the
# sentence that is about all, and what stands at the function is on its page.
# What a backend takes from its system comes through variables, and is not seen
# here: tests/fault makes the system say it.
set -u
: "${top_srcdir:=.}"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0

pass() { echo "PASS $1"; }
fail() { echo "FAIL $1: $2"; status=1; }

# FUNCTION CODE... of the header: what the comment above a function says.
awk '
  /^\/\*/ { text = ""; inside = 1 }
  inside { text = text $0 " " }
  /\*\// { inside = 0 }
  /^PIKE_API/ { declared = "" ; declares = 1 }
  declares { declared = declared $0 " " }
  declares && /;/ {
    declares = 0
    match(declared, /pike_[a-z_]+\(/)
    line = substr(declared, RSTART, RLENGTH - 1)
    rest = text
    while (match(rest, /-PIKE_E[A-Z0-9]+/)) {
      line = line " " substr(rest, RSTART + 1, RLENGTH - 1)
      rest = substr(rest, RSTART + RLENGTH)
    }
    print line
  }
  /^$/ && !inside { text = "" }
' "$top_srcdir/include/pike.h" >"$dir/header"
[ "$(wc -l <"$dir/header")" -ge 25 ] ||
  fail functions 'the header declares fewer than it should'

# FUNCTION TYPE (CODE or CALLED)... of each function of the core.
cat "$top_srcdir"/lib/*.c | awk '
  { gsub(/\/\*.*\*\//, ""); gsub(/"[^"]*"/, "\"\"") }
  /\/\*/ { comment = 1 }
  comment { if (/\*\//) comment = 0; next }
  /^{/ {
    body = ""
    match(head, /[a-z_0-9]+\(/)
    name = substr(head, RSTART, RLENGTH - 1)
    type = head ~ /void [a-z_0-9]+\(/ ? "void" : "value"
    next
  }
  /^}/ {
    line = name " " type
    gsub(/[!=]= *-PIKE_E[A-Z0-9]+|case -PIKE_E[A-Z0-9]+/, "", body)
    while (match(body, /-PIKE_E[A-Z0-9]+|[a-z_0-9]+\(/)) {
      word = substr(body, RSTART, RLENGTH)
      line = line " " (word ~ /^-/ ? substr(word, 2) : word)
      body = substr(body, RSTART + RLENGTH)
    }
    print line
    head = ""
  }
  /^[^\t ]/ || /^    / { if (/^[a-z]/) head = ""; head = head $0 " "; next }
  { body = body $0 " " }
' >"$dir/calls"

# FUNCTION CODE... of those, on all ways that return something.
awk '
  { n = split($0, word, " "); type[$1] = $2
    for (i = 3; i <= n; i++) says[$1] = says[$1] " " word[i] }
  END {
    for (name in type) {
      if (name !~ /^pike_[a-z]/ || type[name] == "void")
        continue
      split("", seen); split("", found)
      list = name "("
      while (list != "") {
        split(list, first, " ")
        one = first[1]
        list = substr(list, length(one) + 2)
        sub(/\($/, "", one)
        if (one in seen || (one != name && type[one] == "void"))
          continue
        seen[one] = 1
        m = split(says[one], word, " ")
        for (i = 1; i <= m; i++) {
          if (word[i] ~ /^PIKE_E/) found[word[i]] = 1
          else if (!((substr(word[i], 1, length(word[i]) - 1)) in seen))
            list = list (list == "" ? "" : " ") word[i]
        }
      }
      line = name
      for (code in found) line = line " " code
      print line
    }
  }
' "$dir/calls" >"$dir/code"

# Said of all functions of a queue, at the top of the header; and what the way
# from a function passes, but does not return: results of ops and posts, and what
# sends it to the next backend.
general='PIKE_EBADF PIKE_EPERM'
passed='
pike_backend_report PIKE_EACCES PIKE_ENOMEM PIKE_ENOSYS PIKE_ENOTSUP
pike_cancel_handle PIKE_EALREADY PIKE_EINVAL
pike_queue_open PIKE_EACCES PIKE_ENOSYS
pike_reap PIKE_EUNKNOWN
pike_submit PIKE_EALREADY PIKE_ENOENT
pike_submit_many PIKE_EALREADY PIKE_ENOENT'

# words_of FILE NAME: the rest of the line that begins with it
words_of() { sed -n "s/^$2 //p" "$1"; }

cp "$dir/header" "$dir/list"
while read -r name said; do
  missing=
  case $name in
  pike_submit_many) said="$said $(words_of "$dir/header" pike_submit)" ;;
  esac
  for code in $(words_of "$dir/code" "$name"); do
    case " $said $general $(echo "$passed" | words_of /dev/stdin "$name") " in
    *" $code "*) ;;
    *) missing="$missing $code" ;;
    esac
  done
  page=$(sed -n "s/^[[:space:]]*$name=\([a-z_]*\).*/\1/p" \
    "$top_srcdir/man/local.mk")
  unwritten=
  for code in $said; do
    grep -qw -e "-$code" "$top_srcdir/man/${page:-$name}.3" ||
      unwritten="$unwritten $code"
  done
  if [ -n "$missing" ]; then
    fail "errors of $name" "pike.h does not have$missing"
  elif [ -n "$unwritten" ]; then
    fail "errors of $name" "${page:-$name}.3 does not have$unwritten"
  else
    pass "errors of $name"
  fi
done <"$dir/list"

# The ways are found at all.
for known in 'pike_submit PIKE_ENAMETOOLONG' 'pike_group_open PIKE_ENOMEM' \
  'pike_release PIKE_EBUSY' 'pike_post PIKE_EAGAIN'
do
  case " $(words_of "$dir/code" "${known% *}") " in
  *" ${known#* } "*) pass "way from ${known% *} to ${known#* }" ;;
  *) fail "way from ${known% *} to ${known#* }" 'is not seen' ;;
  esac
done
exit $status

# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# To be sourced.  `setup GROUP...` makes sure that what the groups need is on
# this machine: it installs what is missing with apt-get where it may, and
# otherwise says exactly what to install and ends the script.  Nothing is
# downloaded, and apt-get not asked, when nothing is missing.

# need PACKAGE PROBE...: PACKAGE (Debian's name) is missing if PROBE fails.
need() {
  setup_package=$1
  shift
  if ! "$@" >/dev/null 2>&1; then
    setup_missing="$setup_missing $setup_package"
  fi
}

has() { command -v "$1"; }
has_header() { echo "#include <$1>" | gcc -E -x c -; }
has_macro() { ls "$(aclocal --print-ac-dir)/$1.m4"; }
has_module() { pkg-config --exists "$1"; }

# From a checkout to programs.
setup_build() {
  need gcc has gcc
  need libc6-dev has_header stdio.h
  need make has make
  need autoconf has autoconf
  need automake has automake
  need libtool has libtoolize
  need autoconf-archive has_macro ax_check_vscript
  need liburing-dev has_module 'liburing >= 2.3'
  need pkg-config has pkg-config
}

# Clients that others wrote, and what counts system calls.
setup_demo() {
  need curl has curl
  need socat has socat
  need strace has strace
  need wrk has wrk
}

# All that tools/test runs.
setup_test() {
  need check has_module 'check >= 0.15.2'
  need clang has clang
  need clang-format has clang-format
  need curl has curl
  need g++ has g++
  need git has git
  need libuv1-dev has_module libuv
  need mandoc has mandoc
  need shellcheck has shellcheck
  need socat has socat
  need valgrind has valgrind
  need wrk has wrk
  need xz-utils has xz
}

# Other kernels and processors.  Not gcc-multilib: it cannot be had beside a
# compiler for another processor.
setup_vm() {
  need cpio has cpio
  need gcc-aarch64-linux-gnu has aarch64-linux-gnu-gcc
  need gcc-s390x-linux-gnu has s390x-linux-gnu-gcc
  need libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/lib/libc.a
  need libc6-dev-s390x-cross test -e /usr/s390x-linux-gnu/lib/libc.a
  need libsubunit-dev has_module libsubunit
  need qemu-system-arm has qemu-system-aarch64
  need qemu-system-misc has qemu-system-s390x
  need qemu-system-x86 has qemu-system-x86_64
  need qemu-user has qemu-s390x
}

# A compiler for macOS, and what looks at what it makes.
setup_macos() {
  need llvm has llvm-nm
  need llvm has llvm-objdump
  need npm has npm
}

# Programs for Windows, and what runs them here.  Check for them is built from
# its source: nobody has packaged it.
setup_windows() {
  need curl has curl
  need g++-mingw-w64-i686-win32 has i686-w64-mingw32-g++-win32
  need g++-mingw-w64-x86-64-win32 has x86_64-w64-mingw32-g++-win32
  need socat has socat
  need wine64 test -x /usr/lib/wine/wine64
}

setup_list() {
  setup_missing=
  for setup_group do
    "setup_$setup_group"
  done
}

setup_refuse() {
  cat >&2 <<END
$0: $1.
These packages are missing (names as in Debian and Ubuntu):
   $setup_missing
As root: apt-get update && apt-get install$setup_missing
END
  exit 1
}

# setup GROUP...
setup() {
  setup_list "$@"
  if [ -z "$setup_missing" ]; then
    return
  fi
  if ! has apt-get >/dev/null; then
    setup_refuse 'this machine has no apt-get'
  fi
  setup_root=
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      setup_refuse 'only root can install packages, and sudo wants a password'
    fi
    setup_root='sudo -n'
  fi
  echo "Installing:$setup_missing"
  # shellcheck disable=SC2086 # these are lists
  {
    $setup_root apt-get -qq update &&
      $setup_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o DPkg::Lock::Timeout=600 --no-install-recommends \
        install $setup_missing
  } >/dev/null </dev/null || setup_refuse 'apt-get failed'
  setup_list "$@"
  if [ -n "$setup_missing" ]; then
    setup_refuse 'still missing after they were installed'
  fi
}

# setup_configure DIRECTORY OPTION...: an out-of-tree build, configured.
setup_configure() {
  setup_dir=$1
  shift
  if [ -f config.status ]; then
    echo "$0: the source directory is configured: run make distclean" >&2
    return 1
  fi
  if ! [ -x configure ] || ! [ -f Makefile.in ]; then
    ./autogen.sh || return
  fi
  mkdir -p "$setup_dir" &&
    (cd "$setup_dir" && "$OLDPWD/configure" "$@")
}

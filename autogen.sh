#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes ./configure from a git checkout.  Needs autoconf, autoconf-archive,
# automake, libtool and pkg-config; a release tarball needs none of them.
set -eu
cd "$(dirname "$0")"
exec autoreconf --force --install

/* SPDX-License-Identifier: MIT */
#ifndef PIKE_VERSION_H
#define PIKE_VERSION_H

/* The one place where the version is written; configure reads it here. */
#define PIKE_VERSION_MAJOR 0
#define PIKE_VERSION_MINOR 1
#define PIKE_VERSION_PATCH 0

/* Comparable in the preprocessor: PIKE_VERSION >= 0x000200 means 0.2.0. */
#define PIKE_VERSION                                                           \
	((PIKE_VERSION_MAJOR << 16) | (PIKE_VERSION_MINOR << 8) |              \
	    PIKE_VERSION_PATCH)

#endif

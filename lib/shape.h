/* SPDX-License-Identifier: MIT */
/* What a compiler is told of the shape that the code shall have. */
#ifndef PIKE_LIB_SHAPE_H
#define PIKE_LIB_SHAPE_H

/* Rarely called, and kept out of the way of what is often; called often, and
 * kept apart so that its caller needs no stack; part of its caller. */
#ifdef __GNUC__
#	define PIKE__COLD              __attribute__((noinline, cold))
#	define PIKE__APART             __attribute__((noinline))
#	define PIKE__WITHIN            inline __attribute__((always_inline))
#	define PIKE__SELDOM(condition) __builtin_expect(!!(condition), 0)
#else
#	define PIKE__COLD
#	define PIKE__APART
#	define PIKE__WITHIN            inline
#	define PIKE__SELDOM(condition) (condition)
#endif

#endif

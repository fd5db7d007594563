/* SPDX-License-Identifier: MIT */
/*
 * What ThreadSanitizer cannot see: that whatever a thread did before its bytes
 * went into the kernel was done when they come out of it in another thread. Of
 * calls it knows that by itself, and takes all sockets for one; of requests and
 * answers in a ring it knows nothing, so that what two queues hand to each
 * other by their connections would look like a race.
 *
 * PIKE__HB_GIVE stands before memory goes to the kernel, PIKE__HB_TAKE behind
 * what came of it: beside the ring, and beside the calls of which the other end
 * may be in a ring. Waits and calls that move nothing have neither, lest they
 * hide races of our own. Without the sanitizer both are nothing. A peer that
 * calls the system by itself is not seen: only where it is the ring's.
 */
#ifndef PIKE_LIB_BACKEND_HB_H
#define PIKE_LIB_BACKEND_HB_H

#if defined(__SANITIZE_THREAD__)
#	define PIKE__HB
#elif defined(__has_feature)
#	if __has_feature(thread_sanitizer)
#		define PIKE__HB
#	endif
#endif

#if defined(PIKE__HB)
#	include <sanitizer/tsan_interface.h>

/* The kernel: one for all queues. */
extern char pike__hb_kernel;

#	define PIKE__HB_GIVE() __tsan_release(&pike__hb_kernel)
#	define PIKE__HB_TAKE() __tsan_acquire(&pike__hb_kernel)
#else
#	define PIKE__HB_GIVE() ((void)0)
#	define PIKE__HB_TAKE() ((void)0)
#endif

#endif

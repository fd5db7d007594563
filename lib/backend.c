/* SPDX-License-Identifier: MIT */
/* The table of the backends that this library was built with. */
#include "config.h"

#include "backend.h"

#ifdef PIKE_HAVE_URING
extern const struct pike__backend pike__backend_uring;
#endif
#ifdef PIKE_HAVE_EPOLL
extern const struct pike__backend pike__backend_epoll;
#endif
#ifdef PIKE_HAVE_KQUEUE
extern const struct pike__backend pike__backend_kqueue;
#endif
#ifdef PIKE_HAVE_IOCP
extern const struct pike__backend pike__backend_iocp;
#endif

const struct pike__backend *const pike__backends[] = {
#ifdef PIKE_HAVE_URING
    &pike__backend_uring,
#endif
#ifdef PIKE_HAVE_EPOLL
    &pike__backend_epoll,
#endif
#ifdef PIKE_HAVE_KQUEUE
    &pike__backend_kqueue,
#endif
#ifdef PIKE_HAVE_IOCP
    &pike__backend_iocp,
#endif
    NULL,
};

/* SPDX-License-Identifier: MIT */
#ifndef PIKE_LIB_BACKEND_POSIX_ERROR_H
#define PIKE_LIB_BACKEND_POSIX_ERROR_H

/* The PIKE_E code of an errno value; both positive. PIKE_EUNKNOWN for one
 * that pike has no name for. */
int pike__error_from_errno(int err);

#endif

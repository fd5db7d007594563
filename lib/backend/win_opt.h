/* SPDX-License-Identifier: MIT */
/* Socket options by Winsock. */
#ifndef PIKE_LIB_BACKEND_WIN_OPT_H
#define PIKE_LIB_BACKEND_WIN_OPT_H

#include "../handle.h"
#include "win_sys.h"

/* Each moves the number of bytes to *done. 0, or the system's error. */
DWORD pike__win_opt_set(struct pike__handle *h, const struct pike_op *op);
DWORD pike__win_opt_get(
    struct pike__handle *h, const struct pike_op *op, int *done);

#endif

/* SPDX-License-Identifier: MIT */
/* Console events as signals. */
#ifndef PIKE_LIB_BACKEND_WIN_SIGNAL_H
#define PIKE_LIB_BACKEND_WIN_SIGNAL_H

#include "../queue.h"
#include "win_sys.h"

/* By Linux's numbers; that of Ctrl+Break is Windows' own. */
#define PIKE__SIGBREAK 21

/* The signal that a console event is; 0: none. */
int pike__win_signal_of(DWORD event);

#endif

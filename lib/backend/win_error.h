/* SPDX-License-Identifier: MIT */
/* From the codes of Winsock, Windows and the kernel to pike's. */
#ifndef PIKE_LIB_BACKEND_WIN_ERROR_H
#define PIKE_LIB_BACKEND_WIN_ERROR_H

#include "../queue.h"
#include "win_sys.h"

struct pike__win_row {
	uint32_t system; /* the three ranges do not meet */
	int32_t code;    /* PIKE_E */
};

/* All that is known; the last has 0 for system. */
extern const struct pike__win_row pike__win_rows[];

/* PIKE_EUNKNOWN when there is no row for it. */
int pike__error_from_windows(uint32_t system);

/* Whether it is a refusal for want of memory in the system, or of what it may
 * keep in memory for the process: the next time it may be there. */
bool pike__win_passes(uint32_t system);

/* A failed result by a code; by one that stands for what the system said. */
void pike__win_error(struct pike__result *r, uint32_t system);
void pike__win_error_named(
    struct pike__result *r, uint32_t system, uint32_t named);

/* How an operation on a file (null: none) ended: 0, or its code. */
DWORD pike__win_ended(
    HANDLE file, const struct pike__handle *h, OVERLAPPED *ov);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef PIKE_BENCH_SYMBOLS_H
#define PIKE_BENCH_SYMBOLS_H

#include <stdint.h>
#include <sys/types.h>

/* Which function of which file an address of another process belongs to. */

enum {
	SYMBOLS_FILES = 32,
};

struct symbol {
	uint64_t address;
	uint64_t size;
	uint64_t bias; /* what loading added to addresses in the file */
	char name[64];
	char file[32]; /* without directories */
};

struct symbols {
	struct symbol *list; /* by address */
	size_t count;
	size_t room;
	/* Whole files, for what has no symbol. */
	struct symbol files[SYMBOLS_FILES];
	size_t file_count;
};

void symbols_load(struct symbols *symbols, pid_t pid);
/* Never NULL; the name is "?" when no symbol covers the address. */
const struct symbol *symbols_find(
    const struct symbols *symbols, uint64_t address);
void symbols_free(struct symbols *symbols);

#endif

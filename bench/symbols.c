/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "symbols.h"
#include "tool.h"

/* A mapping of code and the whole file behind it. */
struct image {
	unsigned char *bytes;
	size_t size;
	const char *name;
	uint64_t start;  /* where the code is mapped */
	uint64_t offset; /* from where in the file */
};

static void symbols_add(struct symbols *symbols, const struct image *image,
    uint64_t bias, const char *name, const ElfW(Sym) * from)
{
	if (symbols->count == symbols->room) {
		symbols->room = symbols->room ? symbols->room * 2 : 1024;
		symbols->list = realloc(
		    symbols->list, symbols->room * sizeof(*symbols->list));
		if (!symbols->list)
			tool_die("realloc");
	}
	struct symbol *symbol = &symbols->list[symbols->count++];
	symbol->address = from->st_value + bias;
	symbol->size = from->st_size;
	symbol->bias = bias;
	snprintf(symbol->name, sizeof(symbol->name), "%s", name);
	snprintf(symbol->file, sizeof(symbol->file), "%s", image->name);
}

static void symbols_add_file(
    struct symbols *symbols, const struct image *image, uint64_t end)
{
	if (symbols->file_count == SYMBOLS_FILES)
		return;
	struct symbol *file = &symbols->files[symbols->file_count++];
	file->address = image->start;
	file->size = end - image->start;
	snprintf(file->name, sizeof(file->name), "?");
	snprintf(file->file, sizeof(file->file), "%s", image->name);
}

/* What to add to an address in the file to get the one in memory. */
static uint64_t image_bias(const struct image *image)
{
	const ElfW(Ehdr) *header = (const void *)image->bytes;
	const ElfW(Phdr) *segments =
	    (const void *)(image->bytes + header->e_phoff);
	for (unsigned i = 0; i < header->e_phnum; i++) {
		const ElfW(Phdr) *segment = &segments[i];
		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X)
			return image->start - image->offset +
			       segment->p_offset - segment->p_vaddr;
	}
	return 0;
}

static void symbols_add_image(
    struct symbols *symbols, const struct image *image)
{
	const ElfW(Ehdr) *header = (const void *)image->bytes;
	if (image->size < sizeof(*header) ||
	    memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_shoff + header->e_shnum * sizeof(ElfW(Shdr)) >
		image->size)
		return;
	const ElfW(Shdr) *sections =
	    (const void *)(image->bytes + header->e_shoff);
	uint64_t bias = image_bias(image);
	for (unsigned i = 0; i < header->e_shnum; i++) {
		const ElfW(Shdr) *table = &sections[i];
		if (table->sh_type != SHT_SYMTAB &&
		    table->sh_type != SHT_DYNSYM)
			continue;
		const ElfW(Sym) *list =
		    (const void *)(image->bytes + table->sh_offset);
		const char *names = (const char *)image->bytes +
				    sections[table->sh_link].sh_offset;
		for (size_t n = 0; n < table->sh_size / sizeof(*list); n++) {
			/* The low bits are the type, in 32 and 64 bits. */
			unsigned type = ELF64_ST_TYPE(list[n].st_info);
			if ((type == STT_FUNC || type == STT_GNU_IFUNC) &&
			    list[n].st_value && list[n].st_size)
				symbols_add(symbols, image, bias,
				    names + list[n].st_name, &list[n]);
		}
	}
}

static int image_read_file(struct image *image, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -1;
	image->size = (size_t)status.st_size;
	image->bytes = malloc(image->size + 1);
	if (!image->bytes)
		tool_die("malloc");
	size_t have = 0;
	ssize_t n = 1;
	while (have < image->size && n > 0) {
		n = read(fd, image->bytes + have, image->size - have);
		have += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return have == image->size ? 0 : -1;
}

/* The vdso is a file that exists in memory only. */
static int image_read_memory(struct image *image, pid_t pid, uint64_t end)
{
	image->size = (size_t)(end - image->start);
	image->bytes = malloc(image->size);
	if (!image->bytes)
		tool_die("malloc");
	struct iovec mine = {image->bytes, image->size};
	struct iovec theirs = {(void *)(uintptr_t)image->start, image->size};
	return process_vm_readv(pid, &mine, 1, &theirs, 1, 0) ==
		       (ssize_t)image->size
		   ? 0
		   : -1;
}

static int symbol_order(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;
	return x->address < y->address ? -1 : x->address > y->address;
}

void symbols_load(struct symbols *symbols, pid_t pid)
{
	char line[4352];
	snprintf(line, sizeof(line), "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(line, "r");
	if (!maps)
		tool_die(line);
	*symbols = (struct symbols){0};
	while (fgets(line, sizeof(line), maps)) {
		struct image image = {0};
		uint64_t end;
		char permissions[8];
		int at = 0;
		if (sscanf(line,
			"%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %n",
			&image.start, &end, permissions, &image.offset,
			&at) < 4 ||
		    permissions[2] != 'x')
			continue;
		line[strcspn(line, "\n")] = 0;
		const char *path = line + at;
		const char *slash = strrchr(path, '/');
		image.name = slash ? slash + 1 : path;
		symbols_add_file(symbols, &image, end);
		int failed = strcmp(path, "[vdso]") == 0
				 ? image_read_memory(&image, pid, end)
				 : image_read_file(&image, path);
		if (!failed)
			symbols_add_image(symbols, &image);
		free(image.bytes);
	}
	fclose(maps);
	qsort(symbols->list, symbols->count, sizeof(*symbols->list),
	    symbol_order);
}

const struct symbol *symbols_find(
    const struct symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (symbols->list[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* An alias or a shorter symbol may hide the one that covers it. */
	for (size_t i = low; i > 0 && low - i < 8; i--) {
		const struct symbol *symbol = &symbols->list[i - 1];
		if (address - symbol->address < symbol->size)
			return symbol;
	}
	for (size_t i = 0; i < symbols->file_count; i++) {
		const struct symbol *file = &symbols->files[i];
		if (address - file->address < file->size)
			return file;
	}
	static const struct symbol none = {.name = "?", .file = "?"};
	return &none;
}

void symbols_free(struct symbols *symbols)
{
	free(symbols->list);
	*symbols = (struct symbols){0};
}

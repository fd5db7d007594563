/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "queue.h"

static struct pike_op stop = {
    .opcode = PIKE_SIGNAL,
    .flags = PIKE_MULTISHOT,
    .user_data = &stop,
    .u.signal.set = PIKE_SIGNAL_BIT(PIKE_SIGTERM) |
		    PIKE_SIGNAL_BIT(PIKE_SIGINT) |
		    PIKE_SIGNAL_BIT(PIKE_SIGUSR1),
};

_Noreturn void queue_die(int64_t code, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, pike_error_text(code));
	exit(1);
}

/* 0 with a C library that does not tell. */
static void heap_print(void)
{
	size_t bytes = 0;
#if defined(__GLIBC_PREREQ)
#	if __GLIBC_PREREQ(2, 33)
	struct mallinfo2 info = mallinfo2();
	bytes = info.uordblks + info.hblkhd;
#	endif
#endif
	printf("%zu\n", bytes);
	fflush(stdout);
}

static pike_handle queue_do(
    struct pike_queue *queue, const struct pike_op *op, const char *what)
{
	struct pike_completion done;
	queue_check(pike_submit(queue, op), what);
	queue_check(pike_reap(queue, &done, 1, -1), "reap");
	queue_check(done.res, what);
	return done.res;
}

struct pike_queue *queue_open(
    const struct server_options *options, int32_t type, pike_handle *handle)
{
	struct pike_queue *queue;
	struct pike_addr address;
	queue_check(pike_queue_open(&queue, NULL), "pike_queue_open");
	queue_check(pike_addr_parse(&address, "127.0.0.1:0"), "address");
	struct pike_op op = {
	    .opcode = PIKE_LISTEN_TO,
	    .addr = &address,
	    .u.socket = {.type = type, .backlog = SERVER_BACKLOG},
	};
	*handle = op.handle = queue_do(queue, &op, "listen");
	op.opcode = PIKE_GETSOCKNAME;
	queue_do(queue, &op, "getsockname");
	queue_check(pike_submit(queue, &stop), "signal");
	server_port_tell(options, address.port);
	return queue;
}

int queue_on_signal(
    struct pike_queue *queue, const struct pike_completion *done)
{
	if (done->user_data != &stop)
		return 0;
	queue_check(done->res, "signal");
	if (done->res == PIKE_SIGUSR1) {
		heap_print();
		return 1;
	}
	pike_queue_close(queue);
	exit(0);
}

void *queue_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		server_die("mmap");
	return memory;
}

uint32_t queue_group(struct pike_queue *queue, char **memory)
{
	*memory =
	    queue_memory((size_t)SERVER_GROUP_BUFFERS * SERVER_GROUP_BUFFER);
	int id = pike_group_open(
	    queue, SERVER_GROUP_BUFFERS, SERVER_GROUP_BUFFER, *memory);
	queue_check(id, "group");
	return (uint32_t)id;
}

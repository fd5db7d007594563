/* SPDX-License-Identifier: MIT */
/* Queues: their opening and end, what becomes of them at a fork, and the list
 * of what is active. */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emulation.h"

struct kq *kq_all;

pthread_mutex_t kq_mutex = PTHREAD_MUTEX_INITIALIZER;

void kq_lock(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
	pthread_mutex_lock(&kq_mutex);
}

void kq_unlock(const sigset_t *before)
{
	int err = errno;

	pthread_mutex_unlock(&kq_mutex);
	pthread_sigmask(SIG_SETMASK, before, NULL);
	errno = err;
}

/* ---- opening and closing ---- */

static void queue_free(struct kq *q)
{
	struct kq **at = &kq_all;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	for (int i = 0; i < KQ_KNOTES; i++) {
		if (i == q->top)
			i = 2 * KQ_FDS;
		if (q->knote[i].used)
			kq_drop(q, &q->knote[i]);
	}
	for (int i = 0; i < 2; i++)
		if (q->set[i] >= 0)
			kq_close(q->set[i]);
	if (q->bell >= 0)
		kq_close(q->bell);
	munmap(q, sizeof *q);
}

static bool queue_add(struct kq *q, int fd, uint64_t name)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = name};

	return fd >= 0 && epoll_ctl(q->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool queue_open(struct kq *q)
{
	q->bell = q->set[0] = q->set[1] = -1;
	q->fd = epoll_create1(EPOLL_CLOEXEC);
	if (q->fd < 0)
		return false;
	q->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!queue_add(q, q->bell, KQ_NAME_BELL))
		return false;
	for (int i = 0; i < 2; i++) {
		q->set[i] = epoll_create1(EPOLL_CLOEXEC);
		if (!queue_add(q, q->set[i], (uint64_t)i))
			return false;
	}
	return true;
}

static sigset_t fork_mask;

static void fork_begins(void)
{
	kq_lock(&fork_mask);
}

static void fork_is_over(void)
{
	kq_unlock(&fork_mask);
}

/* "The queue is not inherited by a child created with fork(2)": kqueue(2) of
 * all. The number is free there. */
static void queues_forget(void)
{
	while (kq_all) {
		struct kq *q = kq_all;

		/* Not what was watched: the sets are the parent's as well. */
		for (int i = 2 * KQ_FDS; i < KQ_KNOTES; i++)
			if (q->knote[i].used && q->knote[i].fd >= 0)
				kq_close(q->knote[i].fd);
		for (int i = 0; i < 2; i++)
			kq_close(q->set[i]);
		kq_close(q->bell);
		kq_close(q->fd);
		kq_all = q->next;
		munmap(q, sizeof *q);
	}
	fork_is_over();
}

static void queues_begin(void)
{
	kq_begin();
	if (pthread_atfork(fork_begins, fork_is_over, queues_forget))
		kq_blame("pthread_atfork failed");
}

int kqueue(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sigset_t before;
	int fd, err;

	pthread_once(&once, queues_begin);
	/* Not from the heap: a test may count what is there. */
	struct kq *q = mmap(NULL, sizeof *q, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (q == MAP_FAILED)
		return -1;
	kq_lock(&before);
	q->next = kq_all;
	kq_all = q;
	fd = queue_open(q) ? q->fd : -1;
	if (fd < 0) {
		err = errno;
		if (q->fd >= 0)
			kq_close(q->fd);
		queue_free(q);
		errno = err;
	}
	kq_unlock(&before);
	return fd;
}

/* "Calling close() on a file descriptor will remove any kevents that reference
 * the descriptor": kqueue(2) of all. Of this number, dup or not. */
void kq_closing(int fd)
{
	struct kq *next;

	if (fd < 0 || fd >= KQ_FDS)
		return;
	for (struct kq *q = kq_all; q; q = next) {
		next = q->next;
		if (q->fd == fd) {
			if (q->waiters)
				kq_blame("a queue is closed in which a thread "
					 "waits: FreeBSD does not wake it");
			queue_free(q);
			continue;
		}
		for (int i = 2 * fd; i <= 2 * fd + 1; i++)
			if (q->knote[i].used)
				kq_drop(q, &q->knote[i]);
	}
}

/* ---- knotes that are active ---- */

/* The descriptor of the queue can be polled: it shows what is on the list. It
 * may be a handler that does so, which must not be the first to look for what
 * calls.c stands before. */
void kq_show(struct kq *q)
{
	eventfd_t count;

	if (q->rings == (q->first != NULL))
		return;
	q->rings = !q->rings;
	if (q->rings ? eventfd_write(q->bell, 1)
		     : eventfd_read(q->bell, &count))
		kq_blame("the bell is broken");
}

void kq_activate(struct kq *q, struct knote *kn)
{
	if (kn->active)
		return;
	kn->active = true;
	kn->next = NULL;
	kn->previous = q->last;
	*(q->last ? &q->last->next : &q->first) = kn;
	q->last = kn;
}

void kq_deactivate(struct kq *q, struct knote *kn)
{
	if (!kn->active)
		return;
	kn->active = false;
	*(kn->previous ? &kn->previous->next : &q->first) = kn->next;
	*(kn->next ? &kn->next->previous : &q->last) = kn->previous;
}

void kq_drop(struct kq *q, struct knote *kn)
{
	kq_deactivate(q, kn);
	kq_detach(q, kn);
	kn->used = false;
}

/* SPDX-License-Identifier: MIT */
/*
 * A kqueue is three epoll sets: one for READ and all that is not about
 * descriptors, one for WRITE, and one around these and a bell, whose descriptor
 * is the kqueue's. Two, because an edge of one direction must not look like one
 * of the other. What the manuals of the BSDs say is quoted by their names where
 * it is done; nothing here was compared with a BSD (see README beside).
 */
#ifndef PIKE_TESTS_KQUEUE_EMULATION_H
#define PIKE_TESTS_KQUEUE_EMULATION_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#undef KQUEUE_EMULATION_PLAIN
#include <sys/event.h>

#define KQ_FDS    65536 /* descriptors that can be watched are below */
#define KQ_OTHERS 128   /* knotes of one queue that are not about them */
#define KQ_KNOTES (2 * KQ_FDS + KQ_OTHERS)

/* Of the bell, in the set around the others; theirs are 0 and 1. */
#define KQ_NAME_BELL UINT64_MAX

enum kq_kind {
	KQ_OTHER,
	KQ_SOCKET,
	KQ_PIPE,
	KQ_FILE
};

struct knote {
	struct knote *next,
	    *previous;       /* on the list of those that are active */
	uint32_t generation; /* of its events in the epoll set */
	bool used;
	bool active;         /* on the list */
	bool watched;        /* in its epoll set */
	bool on;             /* USER: triggered, and not yet cleared */
	bool held;           /* chaos: not to be told in this call */
	unsigned short keep; /* of CLEAR, ONESHOT: what it has */
	int fd;              /* what is watched; -1: nothing */
	enum kq_kind kind;
	dev_t device; /* what the descriptor was when it was added */
	ino_t inode;
	int64_t count; /* TIMER: times that were not told */
	struct kevent event;
};

struct kq {
	struct kq *next; /* of all that are open */
	int fd, bell;
	int set[2]; /* of READ and others, of WRITE */
	bool rings;
	int waiters;
	int top; /* above the knotes of all descriptors so far */
	struct knote *first, *last; /* active */
	struct knote knote[KQ_KNOTES];
};

/* ---- queue.c ---- */

/* Everything is under one lock, with all signals blocked, so that a handler may
 * call kevent(). */
void kq_lock(sigset_t *before);
void kq_unlock(const sigset_t *before);
extern pthread_mutex_t kq_mutex;
extern struct kq *kq_all;
void kq_activate(struct kq *q, struct knote *kn);
void kq_deactivate(struct kq *q, struct knote *kn);
/* Shows by the queue's descriptor whether there is anything. */
void kq_show(struct kq *q);
void kq_drop(struct kq *q, struct knote *kn);
/* A descriptor is about to be closed, and may be a queue. */
void kq_closing(int fd);

/* ---- filters.c ---- */

/* Finds what the change is about, or a place for it. */
struct knote *kq_find(struct kq *q, const struct kevent *change);
/* Begins to watch what was filled in; 0 or an error of the system. */
int kq_attach(struct knote *kn);
void kq_detach(struct kq *q, struct knote *kn);
int kq_watch(struct kq *q, struct knote *kn);
/* Whether the condition holds; then the event is filled in. */
bool kq_holds(struct knote *kn, struct kevent *event);
/* It was told. */
void kq_told(struct knote *kn);

/* ---- calls.c ---- */

/* The error of a socket, which it keeps for the program. */
int kq_socket_error(int fd);
int kq_close(int fd);

/* ---- strict.c ---- */

struct kq_system {
	const char *name;
	bool has_user;          /* EVFILT_USER */
	bool receipt_waits;     /* EV_RECEIPT may wait as if nothing was told */
	bool fresh_is_writable; /* a socket that was never connected */
	bool pipe_end_reads;    /* a pipe's writer is told by READ */
	bool sends_wait;        /* MSG_DONTWAIT is for those who receive */
	int pipe_error;         /* to add WRITE to a pipe without reader */
	int64_t timeout_max;    /* in seconds */
	unsigned short receipt; /* of the change's flags, what stays */
	unsigned short always;  /* flags in each event */
	unsigned short nothing; /* flags of EV_EOF without data */
};

/* The one that PIKE_KQ_SYSTEM names; FreeBSD. */
extern const struct kq_system *kq_system;

void kq_begin(void);
/* What no program should do. */
void kq_blame(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void kq_check_call(const struct kevent *changes, int nchanges,
    const struct kevent *events, int nevents, const struct timespec *timeout);
void kq_check_change(const struct kevent *change, bool has_room, bool waits);

/* By chance, if PIKE_KQ_CHAOS is set: once in so many times. */
bool kq_chance(unsigned times);
unsigned kq_below(unsigned n);
void kq_shuffle(struct kevent *events, int n);

#endif

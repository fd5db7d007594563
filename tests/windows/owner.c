/* SPDX-License-Identifier: MIT */
/*
 * Files whose owner does with them, before they are adopted and after, what
 * other programs than tests of pike do.
 */
#include "../conformance/harness.h"
#include "backend/win_sys.h"

#include "alloc.h"

/* ------------------------------------ no packet for what succeeds at once --
 */

static void owner_quiet(pike_fd fd)
{
	ck_assert(SetFileCompletionNotificationModes(
	    (HANDLE)(intptr_t)fd, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
}

CASE(a_quiet_connection_works)
{
	pike_fd fd[2];
	char in[8];

	port_tcp_pair(fd);
	owner_quiet(fd[0]);
	rig_own(rig, fd[1]);
	pike_handle h = rig_adopt(rig, fd[0]);
	expect_op(rig, op_send(h, "there", 5), 5);
	peer_read(rig, fd[1], in, 5);
	pike_id id = submit(rig, op_recv(h, in, 8));
	fence(rig);
	peer_write(rig, fd[1], "waited", 6);
	expect_one(rig, id, 6, 0, 0);
	peer_write(rig, fd[1], "is there", 8);
	port_wait_readable(fd[0]);
	expect_op(rig, op_recv(h, in, 8), 8);
	expect_cancelled(rig, submit(rig, op_recv(h, in, 8)));
}

CASE(a_quiet_pipe_works)
{
	pike_fd fd[2];
	char in[8];

	port_pipe(fd);
	owner_quiet(fd[0]);
	owner_quiet(fd[1]);
	pike_handle reads = rig_adopt(rig, fd[0]);
	pike_handle writes = rig_adopt(rig, fd[1]);
	for (int i = 0; i < 3; i++) {
		expect_op(rig, op_io(PIKE_WRITE, writes, "first", 5), 5);
		expect_op(rig, op_io(PIKE_READ, reads, in, 8), 5);
		pike_id id = submit(rig, op_io(PIKE_READ, reads, in, 8));
		fence(rig);
		expect_op(rig, op_io(PIKE_WRITE, writes, "then", 4), 4);
		expect_one(rig, id, 4, 0, 0);
	}
}

/* Whether what was cut has a packet is not known of these. */
CASE(quiet_datagrams_are_refused)
{
	struct pike_addr addr = port_loopback(PIKE_AF_INET);
	pike_fd fd = port_bound(&addr, PIKE_SOCK_DGRAM, 0);

	owner_quiet(fd);
	ck_assert_int_eq(pike_adopt(rig->q, fd, 0), -PIKE_ENOTSUP);
	port_close(fd);
}

CASE(a_quiet_pipe_of_messages_is_refused)
{
	HANDLE pipe = CreateNamedPipeA("\\\\.\\pipe\\pike-test-messages",
	    PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
	    PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 0, 0, 0, NULL);

	ck_assert(pipe != INVALID_HANDLE_VALUE);
	owner_quiet((intptr_t)pipe);
	ck_assert_int_eq(pike_adopt(rig->q, (intptr_t)pipe, 0), -PIKE_ENOTSUP);
	CloseHandle(pipe);
}

/* ------------------------------------------------------- the port is lost --
 */

static struct pike__win_sys owner_real;
static struct {
	bool lost;
	bool kept;     /* and nothing is ever cancelled */
	int cancel_at; /* of waits, when what was cancelled is */
	HANDLE file;
	OVERLAPPED *cancelled;
} owner;

static BOOL owner_wait(HANDLE port, OVERLAPPED_ENTRY *entries, ULONG n,
    ULONG *taken, DWORD timeout_ms, BOOL alertable)
{
	if (owner.cancel_at && --owner.cancel_at == 0 && owner.cancelled)
		owner_real.CancelIoEx(owner.file, owner.cancelled);
	if (!owner.lost)
		return owner_real.GetQueuedCompletionStatusEx(
		    port, entries, n, taken, timeout_ms, alertable);
	SetLastError(ERROR_ABANDONED_WAIT_0);
	return FALSE;
}

/* One may take its time. */
static BOOL owner_cancel(HANDLE file, OVERLAPPED *ov)
{
	if (!owner.cancel_at && !owner.kept)
		return owner_real.CancelIoEx(file, ov);
	owner.file = file;
	owner.cancelled = ov;
	return TRUE;
}

/* Who has closed what is not his own has his memory again all the same when the
 * queue is closed. */
static void owner_loses(bool shown)
{
	struct rig *other = rig_new(NULL);
	struct pike_completion c;
	pike_fd fd[2];
	char in[4];

	port_tcp_pair(fd);
	rig_own(other, fd[1]);
	pike_handle h = rig_adopt(other, fd[0]);
	submit(other, op_recv(h, in, 4));
	if (shown)
		ck_assert_int_gt(pike_pollable(other->q), 0);
	owner.lost = true;
	if (shown) /* its thread waits already */
		ck_assert_int_eq(pike_wake(other->q), 0);
	while (pike_reap(other->q, &c, 1, shown ? 0 : -1) == 0)
		continue;
	ck_assert_int_eq(pike_reap(other->q, &c, 1, -1), -PIKE_EBADF);
	owner.cancel_at = shown ? 0 : 3;
	rig_close(other);
	ck_assert_int_eq(owner.cancel_at, 0);
	owner.lost = false;
	ck_assert_int_eq(port_write(fd[1], "four", 4), 4);
	port_wait_readable(fd[0]);
	ck_assert_int_eq(port_read(fd[0], in, 4), 4);
}

CASE(a_queue_whose_port_is_lost_waits_for_its_calls)
{
	owner_loses(false);
	owner_loses(true);
}

/* What is freed is another's at once. */
static void *owner_realloc(void *old, size_t size)
{
	if (size)
		return realloc(old, size);
	memset(old, 0x55, _msize(old));
	return NULL;
}

/*
 * Of some calls the system tells only through the port. A queue closes without
 * them, but what they write to is not given back.
 */
static void owner_keeps(pike_handle group, struct pike_op op)
{
	struct rig *other = rig_new(NULL);
	struct pike_completion c;
	pike_fd fd[2];
	char in[4];

	port_tcp_pair(fd);
	rig_own(other, fd[1]);
	op.handle = rig_adopt(other, fd[0]);
	if (group)
		op.u.group.id =
		    (uint32_t)pike_group_open(other->q, 1, 64, NULL);
	else
		op.buf = in;
	submit(other, op);
	fence(other);
	owner.lost = owner.kept = true;
	while (pike_reap(other->q, &c, 1, -1) == 0)
		continue;
	rig_close(other);
	owner.lost = owner.kept = false;
	ck_assert_uint_ne((uint32_t)owner.cancelled->Internal, 0x55555555);
	owner_real.CancelIoEx(owner.file, owner.cancelled);
	while (owner.cancelled->Internal == 0x103)
		SleepEx(1, TRUE);
}

CASE(what_the_system_keeps_is_not_given_back)
{
	pike__realloc_hook = owner_realloc;
	owner_keeps(0, op_recv(0, NULL, 4));
	owner_keeps(1, op_group(PIKE_RECV, 0, 0));
	owner_keeps(0, op_poll(0, PIKE_POLL_PRI));
	pike__realloc_hook = NULL;
}

int main(void)
{
	owner_real = pike__win_sys;
	pike__win_sys.GetQueuedCompletionStatusEx = owner_wait;
	pike__win_sys.CancelIoEx = owner_cancel;
	area_begin("owner");
	area_add(a_quiet_connection_works);
	area_add(a_quiet_pipe_works);
	area_add(quiet_datagrams_are_refused);
	area_add(a_quiet_pipe_of_messages_is_refused);
	area_add(a_queue_whose_port_is_lost_waits_for_its_calls);
	area_add(what_the_system_keeps_is_not_given_back);
	return area_end();
}

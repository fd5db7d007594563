/* SPDX-License-Identifier: MIT */
/*
 * Transfers that the system has refused for want of memory, of its own or of
 * what it may keep for the process. Nothing of them has moved and no packet
 * will tell when there is some again: they rest a while, and are tried again.
 */
#include "config.h"

#include "iocp.h"

/* How long they rest, at first and at most. */
#define LATER_NS_MIN 1000000
#define LATER_NS_MAX 64000000

void pike__iocp_later(struct pike__iocp *u, struct pike__slot *slot)
{
	struct pike__slot **at = &u->later;

	if (!u->later) {
		if (!u->later_ns)
			u->later_ns = LATER_NS_MIN;
		u->later_at =
		    pike__time_after(pike__port_monotonic(), u->later_ns);
	}
	while (*at)
		at = &(*at)->held;
	slot->held = NULL;
	*at = slot;
}

void pike__iocp_later_forget(struct pike__iocp *u, struct pike__slot *slot)
{
	struct pike__slot **at = &u->later;

	while (*at && *at != slot)
		at = &(*at)->held;
	if (*at)
		*at = slot->held;
	if (!u->later)
		u->later_ns = 0;
}

int64_t pike__iocp_later_limit(const struct pike__iocp *u, int64_t timeout_ns)
{
	int64_t left;

	if (!u->later)
		return timeout_ns;
	left = u->later_at - pike__port_monotonic();
	if (left < 0)
		left = 0;
	return timeout_ns < 0 || timeout_ns > left ? left : timeout_ns;
}

/* One at a time: what ends with the first may end the others. */
void pike__iocp_later_try(struct pike_queue *q)
{
	struct pike__iocp *u = pike__iocp_of(q);
	struct pike__slot *slot;
	unsigned n = 0;

	if (u->later_at > pike__port_monotonic())
		return;
	for (slot = u->later; slot; slot = slot->held)
		n++;
	if (u->later_ns < LATER_NS_MAX)
		u->later_ns *= 2;
	u->later_at = pike__time_after(pike__port_monotonic(), u->later_ns);
	while (n-- > 0 && (slot = u->later)) {
		u->later = slot->held;
		pike__iocp_go_on(q, slot);
	}
	if (!u->later)
		u->later_ns = 0;
}
